/** What the laboratory itself may not do: look at this machine's clock and memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CostMeter } from '../../lib/laboratory/run-scenario.ts';

/** Enough copies that what else the heap does in between does not matter. */
const COPIES = 16;

export function costMeter(): CostMeter {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  return {
    nowMs: () => performance.now(),
    heldBytes: (make) => {
      const before = used();
      const held = Array.from({ length: COPIES }, make);
      const bytes = (used() - before) / held.length;
      return Math.max(0, Math.round(bytes));
    },
  };
}
