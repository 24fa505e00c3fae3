/**
 * The figures of a run, once: this list makes the CSV's columns, the tables of the page, the small bar charts and the terminal's table, so that
 * no two of them can disagree about a name, a unit or which way is better.
 */
import type { SchedulerRun } from '../result.ts';

export interface Figure {
  /** Column of the CSV; the unit is in it where there is one. */
  readonly key: string;
  readonly title: string;
  /** As written on an axis; a bare ratio says what it is a ratio of. */
  readonly unit: string;
  readonly group: 'outcome' | 'response' | 'balance' | 'change' | 'cost';
  /** Which way is better; null where neither is. */
  readonly better: 'lower' | 'higher' | null;
  /** One sentence for who has not met it before. */
  readonly meaning: string;
  /** null: the scenario has no such thing. */
  readonly value: (run: SchedulerRun) => number | null;
}

export const FIGURES: readonly Figure[] = [
  figure('connections', 'Connections', 'connections', 'outcome', null, 'Connections asked for.', ({ connections }) => connections),
  figure('refused', 'Refused', 'connections', 'outcome', 'lower', 'Connections for which no destination was to be had.', ({ refused }) => refused),
  figure('broken', 'Broken', 'connections', 'outcome', 'lower', 'Connections broken by the failure of their server.', ({ broken }) => broken),
  figure('mean_ms', 'Mean', 'ms', 'response', 'lower', 'Mean response time.', ({ responseMs }) => responseMs.mean),
  figure('p50_ms', 'p50', 'ms', 'response', 'lower', 'Half of the connections were answered within this time.', ({ responseMs }) => responseMs.p50),
  figure('p95_ms', 'p95', 'ms', 'response', 'lower', '95 of 100 connections were answered within this time.', ({ responseMs }) => responseMs.p95),
  figure('p99_ms', 'p99', 'ms', 'response', 'lower', '99 of 100 connections were answered within this time.', ({ responseMs }) => responseMs.p99),
  figure('p99_9_ms', 'p99.9', 'ms', 'response', 'lower', '999 of 1,000 connections were answered within this time.', ({ responseMs }) => responseMs.p999),
  figure('max_ms', 'Maximum', 'ms', 'response', 'lower', 'The longest response time.', ({ responseMs }) => responseMs.max),
  figure('queueing_mean_ms', 'Queueing, mean', 'ms', 'response', 'lower', 'Of the response time, what others caused: waiting in a queue, or being slowed down.', ({ queueingMs }) => queueingMs.mean),
  figure('queueing_p99_ms', 'Queueing, p99', 'ms', 'response', 'lower', '99 of 100 connections lost no more than this to others.', ({ queueingMs }) => queueingMs.p99),
  figure('share_error', 'Share error', 'of the connections', 'balance', 'lower', 'The part of the connections that would have to go elsewhere for every server to get what its weight asks for.', ({ shareError }) => shareError),
  figure('peak_to_mean', 'Peak to mean load', 'times the mean', 'balance', 'lower', 'Load of the busiest server beside the mean load, per capacity, averaged over time; 1 is even.', ({ peakToMean }) => peakToMean),
  figure('persistence_skew', 'Persistence skew', 'times the due share', 'balance', 'lower', 'Clients at the largest server beside what its weight asks for.', ({ persistenceSkew }) => persistenceSkew),
  figure('ramp_overshoot', 'Ramp overshoot', 'times the fair load', 'change', 'lower', 'Highest load of a server that has just joined beside its fair load, in its first minute.', ({ rampOvershoot }) => rampOvershoot),
  figure('moved_excess', 'Moved beyond need', 'of the flows asked', 'change', 'lower', 'Flows that changed their server when servers changed, less those that had to; worst event.', movedExcess),
  figure('directors_disagree', 'Directors disagree', 'of the flows', 'change', 'lower', 'Flows that a second director with the same servers sends elsewhere.', ({ disagreement: { flows, differ } }) => (flows === 0 ? null : differ / flows)),
  figure('pick_ns', 'Cost of a pick', 'ns', 'cost', 'lower', 'Time of one pick on the machine of this run.', ({ cost }) => cost?.nsPerPick ?? null),
  figure('scheduler_bytes', 'Memory', 'bytes', 'cost', 'lower', 'What the scheduler itself holds after the run.', ({ cost }) => cost?.schedulerBytes ?? null),
];

export function figureOf(key: string): Figure {
  const found = FIGURES.find((one) => one.key === key);
  if (found === undefined) throw new Error(`no figure ${key}`);
  return found;
}

/** Figures that at least one of the runs has. */
export function figuresOf(runs: readonly SchedulerRun[], groups: readonly Figure['group'][]): Figure[] {
  return FIGURES.filter((one) => groups.includes(one.group) && runs.some((run) => one.value(run) !== null));
}

function figure(key: string, title: string, unit: string, group: Figure['group'], better: Figure['better'], meaning: string, value: Figure['value']): Figure {
  return { key, title, unit, group, better, meaning, value };
}

function movedExcess({ disruption }: SchedulerRun): number | null {
  const parts = disruption.filter(({ probes }) => probes > 0).map(({ probes, moved, necessary }) => Math.max(0, moved - necessary) / probes);
  return parts.length === 0 ? null : Math.max(...parts);
}
