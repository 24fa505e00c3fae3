/** A data plane that allocates pauses for the collector sooner or later: forwarding must not allocate at all, neither per packet nor per burst. */
import t from 'tap';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const FRAMES = 8192, BURSTS = 32;
/** The smallest thing there is to allocate, a boxed number. */
const LEAST_BYTES = 16;

for (const [method, passes] of [['nat', 1221], ['dr', 611], ['ipip', 611], ['nat6', 200]] as const) {
  const packets = passes * FRAMES;
  t.test(`${packets} packets by ${method} leave the heap as it was, and the collector never runs`, async (t) => {
    const script = join(import.meta.dirname, 'packet-storm.js');
    const { forwarded, grownBytes, collections } = JSON.parse(execFileSync(process.execPath, ['--expose-gc', script, method, String(passes)], { encoding: 'utf8', timeout: 240_000 })) as {
      forwarded: number; grownBytes: number; collections: readonly string[];
    };
    t.equal(forwarded, packets);
    t.same(collections, []);
    // What is compiled on the way, and timers that run for the first time, leave something once; a number a burst is more.
    t.ok(grownBytes < passes * BURSTS * LEAST_BYTES, `${grownBytes} bytes`);
  });
}

/** As many connections end by their timers as begin. Estimates and address resolutions of a thousand seconds leave a few hundred bytes a second. */
for (const [scheduler, passes] of [['wlc', 250], ['lblcr', 80]] as const) {
  t.test(`${passes * FRAMES} new connections scheduled by ${scheduler} leave nothing on the heap`, async (t) => {
    const script = join(import.meta.dirname, 'creation-storm.js');
    const { created, grownBytes, collections } = JSON.parse(execFileSync(process.execPath, ['--expose-gc', script, scheduler, String(passes)], { encoding: 'utf8', timeout: 240_000 })) as {
      created: number; grownBytes: number; collections: readonly string[];
    };
    t.equal(created, passes * FRAMES);
    t.same(collections, []);
    t.ok(grownBytes < created, `${grownBytes} bytes`);
  });
}
