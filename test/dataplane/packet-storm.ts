/**
 * A process of its own for allocation.test.ts: packets of existing connections through the core, timers between the passes as the live loop runs them, and
 * what that cost the heap. Run with --expose-gc.
 *
 * usage: node --expose-gc packet-storm.js nat|dr|ipip PASSES
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
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

let collections = 0;
const observer = new PerformanceObserver((list) => { collections += list.getEntries().length; });
run(WARM_UP_PASSES);
await setImmediate();
globalThis.gc!();
await setImmediate();
observer.observe({ entryTypes: ['gc'] });
const forwardedBefore = bench.sink.transmitted;
const heapBefore = getHeapStatistics().used_heap_size;
run(Number(passes));
const grownBytes = getHeapStatistics().used_heap_size - heapBefore;
await setImmediate();
await setImmediate();
process.stdout.write(`${JSON.stringify({ forwarded: bench.sink.transmitted - forwardedBefore, grownBytes, collections })}\n`);
