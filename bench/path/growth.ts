/**
 * From no connection to a million, in a process of its own: whether any burst has to wait for a table to grow. Prints JSON: microseconds of the median and the
 * longest burst of 256 new connections, in processor time of its thread and by the clock, what the heap grew by, and how often the collector ran.
 *
 * usage: node --expose-gc growth.js CONNECTIONS [alone]
 *
 * As in live operation another thread makes memory resident ahead of the connections, and the system decides on which processor each runs; alone: nobody does.
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { monotonicMs, threadCpuMs } from '../../native-shims/index.ts';
import { MAX_BURST } from '../../lib/wire/frame.ts';
import { CreationBench, STEP_MS } from './creation.ts';
import { FRAMES } from './workload.ts';

/** On a core of their own, so that what is timed is compiled by then. */
const WARM_UP_PASSES = 40;

/** Bursts of the new core that do not count: what was compiled for one core is compiled again for two. */
const SETTLING_BURSTS = 32;

const alone = process.argv[3] === 'alone';
const connections = Number(process.argv[2] ?? 1_000_000);
const warmUp = new CreationBench('wlc', 20);
for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
  warmUp.refill();
  warmUp.pass(STEP_MS);
}

const bench = new CreationBench('wlc', 20, 1 << 20, !alone);
const bursts = Math.floor(connections / MAX_BURST);
const times = new Float64Array(bursts), walls = new Float64Array(bursts);
globalThis.gc?.();
// NB: until the event loop turns only allocation can start the collector; V8's own tidying-up some seconds after a collection is left out.
const profiler = new GCProfiler();
profiler.start();
const heapBefore = getHeapStatistics().used_heap_size;
for (let b = 0; b < bursts; b++) {
  const number = b % (FRAMES / MAX_BURST);
  if (number === 0) bench.refill();
  const start = threadCpuMs(), wallStart = monotonicMs();
  bench.burst(number);
  times[b] = threadCpuMs() - start;
  walls[b] = monotonicMs() - wallStart;
}
const grownBytes = getHeapStatistics().used_heap_size - heapBefore;
const collections = profiler.stop()!.statistics.length;
if (bench.dataplane.stats().connections !== bursts * MAX_BURST) throw new Error(`${bench.dataplane.stats().connections} connections instead of ${bursts * MAX_BURST}`);
const settled = times.subarray(SETTLING_BURSTS).sort();
const settledWalls = walls.subarray(SETTLING_BURSTS).sort();
process.stdout.write(`${JSON.stringify({ connections: bursts * MAX_BURST, medianUs: settled[settled.length >> 1]! * 1000, longestUs: settled.at(-1)! * 1000, longestWallUs: settledWalls.at(-1)! * 1000, grownBytes, collections })}\n`);
