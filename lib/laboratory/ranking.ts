/** What schedulers can be ranked by: one list, which the scenario format, the ranking and the finding's words come from. */
import type { SchedulerRun } from './result.ts';

interface Measure {
  /** As in "by ...". */
  readonly text: string;
  readonly unit: string;
  readonly value: (run: SchedulerRun) => number;
}

const percent = (part: number, of: number): number => (of === 0 ? 0 : (part / of) * 100);

/** Lower is better for all of them. */
export const MEASURES = {
  'response-mean': { text: 'mean response time', unit: 'ms', value: (run) => run.responseMs.mean },
  'response-p95': { text: '95th percentile of the response time', unit: 'ms', value: (run) => run.responseMs.p95 },
  'response-p99': { text: '99th percentile of the response time', unit: 'ms', value: (run) => run.responseMs.p99 },
  'response-p999': { text: '99.9th percentile of the response time', unit: 'ms', value: (run) => run.responseMs.p999 },
  'queueing-mean': { text: 'mean time lost to queueing', unit: 'ms', value: (run) => run.queueingMs.mean },
  'share-error': { text: 'connections that went to the wrong server by weight', unit: '%', value: (run) => run.shareError * 100 },
  'peak-to-mean': { text: 'load of the busiest server over the mean', unit: 'x', value: (run) => run.peakToMean },
  'ramp-overshoot': { text: 'new connections of a freshly joined server over its fair part', unit: 'x', value: (run) => run.rampOvershoot ?? 0 },
  'persistence-skew': { text: 'clients of the fullest server over its fair part', unit: 'x', value: (run) => run.persistenceSkew ?? 0 },
  disruption: {
    text: 'flows moved beyond the necessary by the events', unit: '%',
    value: ({ disruption }) => percent(disruption.reduce((sum, { moved, necessary }) => sum + Math.max(0, moved - necessary), 0), disruption.reduce((sum, { probes }) => sum + probes, 0)),
  },
  disagreement: { text: 'flows that a second director sends elsewhere', unit: '%', value: ({ disagreement: { differ, flows } }) => percent(differ, flows) },
  lost: { text: 'connections refused or broken', unit: '%', value: ({ broken, refused, connections }) => percent(broken + refused, connections) },
} as const satisfies Readonly<Record<string, Measure>>;

export type MeasureName = keyof typeof MEASURES;

export interface RankingRow { readonly scheduler: string; readonly value: number }

/** Who loses this part more of the connections than the one that loses least comes after all who do not: fast is easy for who serves few. */
export const TOLERATED_LOSS = 0.01;

/** Best first; of equals the one that was named first. */
export function rank(runs: readonly SchedulerRun[], measure: MeasureName): RankingRow[] {
  const { value } = MEASURES[measure];
  const loses = losers(runs, measure);
  return runs.map((run) => ({ scheduler: run.scheduler, value: Number(value(run).toPrecision(6)) }))
    .sort((a, b) => Number(loses.has(a.scheduler)) - Number(loses.has(b.scheduler)) || a.value - b.value);
}

function losers(runs: readonly SchedulerRun[], measure: MeasureName): Map<string, number> {
  const lost = ({ refused, broken, connections }: SchedulerRun): number => (refused + broken) / Math.max(1, connections);
  const least = Math.min(...runs.map(lost));
  return new Map(measure === 'lost' ? [] : runs.flatMap((run) => (lost(run) - least > TOLERATED_LOSS ? [[run.scheduler, lost(run)]] : [])));
}

/** The answer as sentences, from nothing but the figures: who is best, what the schedulers of the contrast get, who is worst. */
export function finding(runs: readonly SchedulerRun[], ranked: readonly RankingRow[], measure: MeasureName, contrast: readonly string[]): string {
  const { text, unit } = MEASURES[measure];
  const lost = losers(runs, measure);
  const rows = ranked.filter(({ scheduler }) => !lost.has(scheduler));
  const figure = (value: number): string => (unit === 'x' ? `${short(value)} times` : `${short(value)} ${unit}`);
  const [best] = rows;
  if (best === undefined) return '';
  const worst = rows.at(-1)!;
  const losses = [...lost].map(([scheduler, part]) => `${scheduler} loses ${short(part * 100)} % of its connections`);
  const behind = losses.length === 0 ? '' : ` ${list(losses)}, and ${losses.length === 1 ? 'is' : 'are'} ranked last.`;
  if (rows.length === 1) return `${best.scheduler}: ${figure(best.value)} (${text}).${behind}`;
  const level = rows.filter(({ value }) => alike(value, best.value)).map(({ scheduler }) => scheduler);
  if (level.length === rows.length) return `All ${rows.length} schedulers are level: ${figure(best.value)} (${text}).${behind}`;
  const sentences = [`${list(level)} ${level.length === 1 ? 'is' : 'are'} best: ${figure(best.value)} (${text}); ${worst.scheduler} is worst with ${figure(worst.value)}${times(worst.value, best.value)}.`];
  const others = contrast.flatMap((scheduler) => rows.filter((row) => row.scheduler === scheduler && row !== worst && !level.includes(scheduler)));
  if (others.length > 0) sentences.push(`${list(others.map(({ scheduler, value }) => `${scheduler} gets ${figure(value)}${times(value, best.value)}`))}.`);
  return sentences.join(' ') + behind;
}

function times(value: number, best: number): string {
  return best > 0 && value / best >= 1.05 ? `, ${short(value / best)} times as much` : '';
}

function alike(a: number, b: number): boolean {
  return Math.abs(a - b) <= 0.02 * Math.max(Math.abs(a), Math.abs(b));
}

function short(value: number): string {
  return value >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
}
