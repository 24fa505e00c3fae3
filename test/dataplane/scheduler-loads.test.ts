/**
 * Schedulers keep trees that every change of a destination's connections is told to; tracing makes them look at the list itself. So two directors, one traced,
 * must spread any traffic alike, through state changes, timers, thresholds, edits, destinations that leave with their connections and come back.
 */
import t from 'tap';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { destination, server, tcpFrame, tcpService, TestDirector, VIP } from '../support/frames.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Destination } from '../../lib/model/destination.ts';

const { syn, ack, fin, rst } = TCP_FLAG;
const DESTINATIONS = 24;
const STEPS = 800;

/** Twenty-four destinations on eight servers. */
function numbered(n: number, random: SeededRandom): Destination {
  const upperThreshold = random.chance(0.3) ? 1 + random.below(6) : 0;
  return destination(server(1 + (n % 8)), 8000 + n, { weight: random.pick([0, 1, 1, 2, 3, 5]), upperThreshold, lowerThreshold: random.below(upperThreshold + 1) });
}

for (const scheduler of SCHEDULER_NAMES) {
  t.test(`${scheduler}: a traced director and an untraced one spread any traffic alike`, async (t) => {
    const random = new SeededRandom(7);
    const draws = [new SeededRandom(8), new SeededRandom(8)] as const;
    const directors = draws.map((draw) => new TestDirector({ random: draw.next }));
    const both = (run: (director: TestDirector) => void): void => directors.forEach(run);
    const service = tcpService(80, { scheduler, schedFlags: 1 });
    const { id } = service;
    const present = new Set<number>();
    both((director) => director.serve(service));
    directors[1]!.dataplane.trace({}, () => {});
    let created = 0;
    for (let step = 0; step < STEPS; step++) {
      const n = random.below(DESTINATIONS);
      const config = numbered(n, random);
      const what = random.below(12);
      if (what === 0 && !present.has(n)) {
        present.add(n);
        both((director) => director.edit({ op: 'addDestination', id, destination: config }));
      } else if (what === 1 && present.has(n)) {
        both((director) => director.edit({ op: 'editDestination', id, destination: config }));
      } else if (what === 2 && random.chance(0.3) && present.delete(n)) {
        both((director) => director.edit({ op: 'deleteDestination', id, address: config.address, port: config.port }));
      } else if (what === 3) {
        const ms = random.pick([0, 100, 3_000, 61_000, 130_000]);
        both((director) => director.wait(ms));
      } else {
        const frame = tcpFrame(`203.0.113.${random.below(5)}`, 40_000 + random.below(40), VIP, 80, random.pick([syn, syn, syn, ack, ack, fin | ack, rst]));
        const [plain, traced] = directors.map((director) => director.send(Buffer.from(frame)).map(({ kind, dst, dport }) => `${kind} ${dst} ${dport}`));
        if (plain!.join() !== traced!.join()) t.same(plain, traced, `step ${step}`);
      }
      if (step % 8 !== 0) continue;
      const [plain, traced] = directors.map((director) => director.dataplane.stats().services[0]!.destinations);
      if (JSON.stringify(plain) !== JSON.stringify(traced)) t.same(plain, traced, `step ${step}`);
      created = directors[0]!.dataplane.stats().total.conns;
    }
    t.ok(created > 100, `${created} connections`);
  });
}
