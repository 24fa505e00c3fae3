/**
 * A process of its own for allocation.test.ts: new connections through the core, each ended by its timer, and what that cost the heap. Run with --expose-gc.
 *
 * usage: node --expose-gc creation-storm.js SCHEDULER PASSES
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { CreationBench, STEP_MS } from '../../bench/path/creation.ts';

/** Enough for every function on the way to be compiled for good. */
const WARM_UP_PASSES = 150;

const [scheduler = '', passes = ''] = process.argv.slice(2);
const bench = new CreationBench(scheduler, 20);

function run(count: number): void {
  for (let i = 0; i < count; i++) {
    bench.refill();
    bench.pass(STEP_MS);
  }
}

run(WARM_UP_PASSES);
globalThis.gc!();
// NB: until the event loop turns only allocation can start the collector; V8's own tidying-up some seconds after a collection is left out.
const profiler = new GCProfiler();
profiler.start();
const createdBefore = bench.dataplane.stats().total.conns;
const heapBefore = getHeapStatistics().used_heap_size;
run(Number(passes));
const grownBytes = getHeapStatistics().used_heap_size - heapBefore;
const collections = profiler.stop()!.statistics.length;
process.stdout.write(`${JSON.stringify({ created: bench.dataplane.stats().total.conns - createdBefore, grownBytes, collections })}\n`);
