/**
 * A process of its own for allocation.test.ts: new connections through the core, each ended by its timer, and what that cost the heap. Run with --expose-gc.
 *
 * usage: node --expose-gc creation-storm.js SCHEDULER PASSES
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { CreationBench, STEP_MS } from '../../bench/path/creation.ts';
import { FRAMES } from '../../bench/path/workload.ts';

/** Enough for every function on the way to be compiled for good, unless a busy machine keeps the compiler waiting: then so many more again, at most so often. */
const WARM_UP_PASSES = 150, MORE_PASSES = 50, MOST_MORE = 10;

const [scheduler = '', passes = ''] = process.argv.slice(2);
const bench = new CreationBench(scheduler, 20);

function run(count: number): void {
  for (let i = 0; i < count; i++) {
    bench.refill();
    bench.pass(STEP_MS);
  }
}

run(WARM_UP_PASSES);
for (let more = 0; more < MOST_MORE; more++) {
  const before = getHeapStatistics().used_heap_size;
  run(MORE_PASSES);
  const grown = getHeapStatistics().used_heap_size - before;
  if (grown >= 0 && grown < MORE_PASSES * FRAMES) break;
}
globalThis.gc!();
// NB: until the event loop turns only allocation can start the collector; V8's own tidying-up some seconds after a collection is left out.
const profiler = new GCProfiler();
profiler.start();
const createdBefore = bench.dataplane.stats().total.conns;
const heapBefore = getHeapStatistics().used_heap_size;
run(Number(passes));
const grownBytes = getHeapStatistics().used_heap_size - heapBefore;
const collections = profiler.stop()!.statistics.map(({ gcType }) => gcType);
process.stdout.write(`${JSON.stringify({ created: bench.dataplane.stats().total.conns - createdBefore, grownBytes, collections })}\n`);
