/** Who is how good, by the scenario's own measure. */
import { MEASURES, TOLERATED_LOSS } from '../ranking.ts';
import type { LaboratoryResult, SchedulerRun } from '../result.ts';

export interface Ranked {
  readonly scheduler: string;
  /** From 1; equal values share a rank. */
  readonly rank: number;
  readonly value: number;
  /** How many times worse than the best, 1 for the best itself; null where the best is 0. */
  readonly timesBest: number | null;
  /** Part of its connections that were refused or broken, 0..1. */
  readonly lost: number;
  /** Loses so much more than others that it ranks behind them, whatever its value. */
  readonly behindForLoss: boolean;
  readonly run: SchedulerRun | null;
}

/** Best first. Schedulers that the ranking leaves out come last, without a value. */
export function ranked({ ranking, runs }: LaboratoryResult): Ranked[] {
  const best = ranking.rows[0]?.value ?? 0;
  const lostOf = (run: SchedulerRun | undefined): number => (run === undefined ? 0 : (run.refused + run.broken) / Math.max(1, run.connections));
  const least = Math.min(...runs.map(lostOf));
  let rank = 0;
  return ranking.rows.map(({ scheduler, value }, index) => {
    const run = runs.find((one) => one.scheduler === scheduler), lost = lostOf(run);
    const behindForLoss = ranking.measure !== MEASURES.lost.text && lost - least > TOLERATED_LOSS;
    if (index === 0 || value !== ranking.rows[index - 1]!.value) rank = index + 1;
    const times = ranking.lowerIsBetter ? value / best : best / value;
    return { scheduler, rank, value, timesBest: Number.isFinite(times) ? times : value === best ? 1 : null, lost, behindForLoss, run: run ?? null };
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
