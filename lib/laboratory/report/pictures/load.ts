/**
 * Load over time, a panel for each scheduler, on one scale where that shows something; panels that rise far above the lowest have a larger one, and say how much. Up to eight servers are lines; more are bands (all servers, the middle eight tenths) with
 * the median, so that a thousand read as well as nine; the few servers that something happens to have a line of their own in them. Servers of different capacity are shown per unit of it: lines that meet are servers equally busy.
 */
import { legend, sheet, timePanel, type Drawing, type LegendEntry, type TimePanel } from '../../../charts/index.ts';
import { durationText, numberText } from '../../../charts/number-text.ts';
import type { LaboratoryResult, SchedulerRun } from '../../result.ts';
import { rankOf, runsBestFirst } from '../ranking.ts';

const LINES_AT_MOST = 8;
/** Servers of events beyond this many are in the bands alone. */
const EVENT_SERVERS_AT_MOST = 3;
/** Panels whose highest points are this many times apart do not share a scale: the lower would be flat. */
const STEEP = 3;

export interface LoadPictures { readonly legend: readonly LegendEntry[]; readonly panels: readonly Drawing[]; readonly unit: string }

/** null: the result holds no load. */
export function loadPictures(result: LaboratoryResult): LoadPictures | null {
  const runs = runsBestFirst(result).filter(({ load }) => load.some((buckets) => buckets.length > 0));
  if (runs.length === 0) return null;
  const perCapacity = new Set(result.servers.map(({ capacity }) => capacity)).size > 1;
  const unit = perCapacity ? 'connections per unit of capacity' : 'connections at the server';
  const loads = runs.map((run) => (perCapacity ? scaled(result, run) : run.load));
  const tops = loads.map((load) => highest(load).value);
  const scales = scalesOf(tops), smallest = Math.min(...scales);
  const moving = [...new Set(result.events.map(({ server }) => server))], own = moving.length > EVENT_SERVERS_AT_MOST ? [] : moving;
  const asLines = result.servers.length <= LINES_AT_MOST;
  const panels = runs.map((run, index): Drawing => {
    const load = loads[index]!, top = scales[index]!, times = smallest > 0 ? top / smallest : 1, peak = highest(load), rank = rankOf(result, run.scheduler)?.rank;
    const server = run.servers[peak.server]?.name ?? `server ${peak.server + 1}`;
    return timePanel({
      name: `load-${index + 1}`, title: `${rank === undefined ? '' : `${rank}. `}${run.scheduler}${times > 1 ? ` (scale × ${numberText(Number(times.toPrecision(2)))})` : ''}`,
      description: `${unit} over virtual time under ${run.scheduler}. Highest: ${numberText(peak.value)} at ${server}, ${durationText(peak.bucket * result.bucketMs)} after the start.`,
      valueTitle: unit, bucketMs: result.bucketMs, durationMs: result.durationMs, top, eventsMs: result.events.map(({ atMs }) => atMs),
      peak: peak.value > 0 ? { bucket: peak.bucket, value: peak.value, label: `${server}: ${numberText(peak.value)}` } : null,
      ...(asLines ? { bands: [], series: load.map((values, slot) => ({ slot, values })) } : bands(load, own.map((name) => run.servers.findIndex((one) => one.name === name)))),
    });
  });
  const events: LegendEntry[] = result.events.length === 0 ? [] : [{ key: { kind: 'event' }, label: 'event, numbered as listed' }];
  const entries: LegendEntry[] = asLines ? runs[0]!.servers.map(({ name }, slot) => ({ key: { kind: 'series', slot }, label: name }))
    : [{ key: { kind: 'series', slot: 0 }, label: `median of ${result.servers.length} servers` }, { key: { kind: 'band', strength: 1 }, label: '10th to 90th percentile' }, { key: { kind: 'band', strength: 0 }, label: 'least to busiest server' }, ...own.map((name, index): LegendEntry => ({ key: { kind: 'series', slot: index + 1 }, label: name }))];
  return { legend: [...entries, ...events], panels, unit };
}

/** All of it as one picture. */
export function loadSheet(result: LaboratoryResult): Drawing | null {
  const pictures = loadPictures(result);
  if (pictures === null) return null;
  const columns = Math.min(3, pictures.panels.length);
  return sheet('load', `${result.scenario.title}: load over time`, pictures.panels.map(({ description }) => description).join(' '), pictures.panels, { columns, above: legend(pictures.legend, columns * 300) });
}

function scaled(result: LaboratoryResult, run: SchedulerRun): number[][] {
  const capacity = new Map(result.servers.map((server) => [server.name, server.capacity]));
  return run.load.map((buckets, server) => {
    const by = capacity.get(run.servers[server]?.name ?? '') ?? 1;
    return buckets.map((value) => (by > 0 ? value / by : value));
  });
}

function highest(load: readonly (readonly number[])[]): { readonly server: number; readonly bucket: number; readonly value: number } {
  let found = { server: 0, bucket: 0, value: 0 };
  for (const [server, buckets] of load.entries()) for (const [bucket, value] of buckets.entries()) if (value > found.value) found = { server, bucket, value };
  return found;
}

/** For each panel's highest point the end of its axis: from the lowest on, all within STEEP share the highest of them. */
function scalesOf(tops: readonly number[]): number[] {
  const sorted = [...tops].sort((a, b) => a - b);
  const ends = new Map<number, number>();
  for (let from = 0; from < sorted.length;) {
    const group = sorted.slice(from).filter((top) => top <= sorted[from]! * STEEP);
    for (const top of group) ends.set(top, group.at(-1)!);
    from += group.length;
  }
  return tops.map((top) => ends.get(top)!);
}

/** `own`: positions of servers that have a line besides. */
function bands(load: readonly (readonly number[])[], own: readonly number[]): Pick<TimePanel, 'bands' | 'series'> {
  const buckets = Math.max(...load.map((one) => one.length));
  const sorted = Array.from({ length: buckets }, (_, bucket) => load.map((one) => one[bucket] ?? 0).sort((a, b) => a - b));
  const at = (part: number): number[] => sorted.map((values) => values[Math.round(part * (values.length - 1))]!);
  return { bands: [{ strength: 0, low: at(0), high: at(1) }, { strength: 1, low: at(0.1), high: at(0.9) }], series: [{ slot: 0, values: at(0.5) }, ...own.map((server, index) => ({ slot: index + 1, values: load[server] ?? [] }))] };
}
