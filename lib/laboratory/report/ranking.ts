/** Who is how good, by the scenario's own measure. */
import type { LaboratoryResult, SchedulerRun } from '../result.ts';

export interface Ranked {
  readonly scheduler: string;
  /** From 1; equal values share a rank. */
  readonly rank: number;
  readonly value: number;
  /** How many times worse than the best, 1 for the best itself; null where the best is 0. */
  readonly timesBest: number | null;
  readonly run: SchedulerRun | null;
}

/** Best first. Schedulers that the ranking leaves out come last, without a value. */
export function ranked({ ranking, runs }: LaboratoryResult): Ranked[] {
  const best = ranking.rows[0]?.value ?? 0;
  let rank = 0;
  return ranking.rows.map(({ scheduler, value }, index) => {
    if (index === 0 || value !== ranking.rows[index - 1]!.value) rank = index + 1;
    const times = ranking.lowerIsBetter ? value / best : best / value;
    return { scheduler, rank, value, timesBest: Number.isFinite(times) ? times : value === best ? 1 : null, run: runs.find((one) => one.scheduler === scheduler) ?? null };
  });
}

export function rankOf(result: LaboratoryResult, scheduler: string): Ranked | null {
  return ranked(result).find((one) => one.scheduler === scheduler) ?? null;
}

/** Runs in the order of the ranking; those it leaves out behind. */
export function runsBestFirst(result: LaboratoryResult): SchedulerRun[] {
  const order = new Map(result.ranking.rows.map(({ scheduler }, index) => [scheduler, index]));
  return [...result.runs].sort((a, b) => (order.get(a.scheduler) ?? Infinity) - (order.get(b.scheduler) ?? Infinity) || 0);
}
