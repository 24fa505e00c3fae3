/** Nanny's slow start: a server that comes in begins with a 32nd of its weight, which doubles about every 20 seconds. */

export const DOUBLING_MS = 20_000;
const FIRST_SHARE = 32;

/** The weight this long after the server came in. */
export function slowStartWeight(weight: number, sinceMs: number): number {
  if (weight <= 0) return weight;
  const first = Math.max(1, Math.floor(weight / FIRST_SHARE));
  const doublings = Math.floor(Math.max(0, sinceMs) / DOUBLING_MS);
  return doublings >= 31 ? weight : Math.min(weight, first * 2 ** doublings);
}

/** Milliseconds until the weight changes again; Infinity once it is all there. */
export function nextSlowStartMs(weight: number, sinceMs: number): number {
  return slowStartWeight(weight, sinceMs) >= weight ? Infinity : DOUBLING_MS - (Math.max(0, sinceMs) % DOUBLING_MS);
}
