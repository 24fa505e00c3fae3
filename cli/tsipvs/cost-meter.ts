/** What the laboratory itself may not do: look at this machine's clock and memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CostMeter } from '../../lib/laboratory/run-scenario.ts';

/** As many copies as time allows: the smaller they are, the more of them it takes to stand out from what else the heap does. */
const LEAST_COPIES = 16, MOST_COPIES = 128, LONGEST_MS = 250;

export function costMeter(): CostMeter {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    // NB: array buffers are swept beside the program; the second collection waits for the first one's sweep.
    collect();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  return {
    nowMs: () => performance.now(),
    heldBytes: (make) => {
      const before = used();
      const held: unknown[] = [];
      const untilMs = performance.now() + LONGEST_MS;
      while (held.length < LEAST_COPIES || (held.length < MOST_COPIES && performance.now() < untilMs)) held.push(make());
      const bytes = (used() - before) / held.length;
      return Math.max(0, Math.round(bytes));
    },
  };
}
