/**
 * A process of its own for allocation.test.ts: packets of existing connections through the core, timers between the passes as the live loop runs them, and
 * what that cost the heap. Run with --expose-gc.
 *
 * usage: node --expose-gc packet-storm.js nat|dr|ipip|nat6|dr6 PASSES
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { coreBench } from '../../bench/path/core.ts';

/** Enough for every function on the way to be compiled for good. */
const WARM_UP_PASSES = 600;

const [method = '', passes = ''] = process.argv.slice(2);
const bench = coreBench(method, 1000);
let nowMs = 2;

function run(count: number): void {
  for (let i = 0; i < count; i++) {
    bench.refill();
    bench.pass(nowMs);
    bench.dataplane.advance(bench.sink, nowMs);
    nowMs += 1;
  }
}

run(WARM_UP_PASSES);
globalThis.gc!();
// NB: until the event loop turns only allocation can start the collector; V8's own tidying-up some seconds after a collection is left out.
const profiler = new GCProfiler();
profiler.start();
const forwardedBefore = bench.sink.transmitted;
const heapBefore = getHeapStatistics().used_heap_size;
run(Number(passes));
const grownBytes = getHeapStatistics().used_heap_size - heapBefore;
const collections = profiler.stop()!.statistics.map(({ gcType }) => gcType);
process.stdout.write(`${JSON.stringify({ forwarded: bench.sink.transmitted - forwardedBefore, grownBytes, collections })}\n`);
