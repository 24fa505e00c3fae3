/** Data-plane workers as lines: what each did in a stretch of time. The first owns the connections, the others forward what is established and hand it the rest. */
import type { WorkerStats } from '../../lib/model/stats.ts';
import { short } from './short.ts';

const COLUMNS: readonly (readonly [heading: string, width: number, cell: (worker: WorkerStats, seconds: number) => string])[] = [
  ['Busy', 5, ({ cpuMs }, seconds) => `${Math.min(100, Math.round(cpuMs / seconds / 10))}%`],
  ['Frames/s', 9, ({ frames }, seconds) => short(frames / seconds)],
  ['Bit/s', 9, ({ bytes }, seconds) => short(bytes * 8 / seconds)],
  ['Fast', 6, ({ frames, fast }) => (frames > 0 ? `${Math.floor(Math.min(1, fast / frames) * 100)}%` : '-')],
  ['Handed over/s', 14, ({ handedOver }, seconds) => short(handedOver / seconds)],
  ['Lost/s', 7, ({ lost }, seconds) => short(lost / seconds)],
];

/** `before`: their figures `seconds` ago; without, `seconds` is the time since the start. */
export function workerRows(workers: readonly WorkerStats[], seconds: number, before?: readonly WorkerStats[]): string[] {
  if (workers.length === 0) return [];
  const row = (name: string, cells: readonly string[]): string => `${name.padEnd(10)}${cells.map((cell, i) => ` ${cell.padStart(COLUMNS[i]![1])}`).join('')}`;
  return [
    row('Worker', COLUMNS.map(([heading]) => heading)),
    ...workers.map((worker, number) => row(String(number), COLUMNS.map(([, , cell]) => cell(since(worker, before?.[number]), Math.max(seconds, 0.001))))),
  ];
}

function since(now: WorkerStats, before: WorkerStats | undefined): WorkerStats {
  if (before === undefined) return now;
  const fields = Object.keys(now) as (keyof WorkerStats)[];
  return Object.fromEntries(fields.map((field) => [field, now[field] - before[field]])) as unknown as WorkerStats;
}
