/** Nanny's load-driven weight: the real server's one-minute load average moves its weight between the configured one and scale times it. */

/** How often nanny looks at the load. */
export const LOAD_INTERVAL_MS = 20_000;

/** The new weight; the present one where the change would be less than a quarter of the configured weight. */
export function loadWeight(present: number, configured: number, scale: number, load: number): number {
  const change = (configured / 2) * Math.cbrt(Math.abs(1 - load));
  const wanted = Math.round(load < 1 ? Math.min(present + change, scale * configured) : Math.max(present - change, configured));
  return Math.abs(wanted - present) >= configured / 4 ? wanted : present;
}

/** The one-minute figure in what uptime, rup or ruptime print; null where there is none. */
export function parseLoad(output: string): number | null {
  const match = /load(?: averages?)?:?\s+(\d+(?:[.,]\d+)?)/.exec(output);
  return match === null ? null : Number(match[1]!.replace(',', '.'));
}
