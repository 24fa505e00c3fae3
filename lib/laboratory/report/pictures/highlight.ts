/** Which schedulers a chart of curves names: all if few; else the first three and the last three of the ranking, the others as grey context. */
import type { SchedulerRun } from '../../result.ts';

const NAMED_AT_MOST = 8;
const EACH_END = 3;

/** Slot of each run (best first), null for context. */
export function slotsOf(bestFirst: readonly SchedulerRun[]): (number | null)[] {
  if (bestFirst.length <= NAMED_AT_MOST) return bestFirst.map((_, index) => index);
  return bestFirst.map((_, index) => (index < EACH_END ? index : index >= bestFirst.length - EACH_END ? EACH_END + index - (bestFirst.length - EACH_END) : null));
}
