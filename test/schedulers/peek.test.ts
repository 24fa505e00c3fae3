/**
 * Asking a scheduler without acting, over random histories of every scheduler: the answer is the pick that then happens, and a history with
 * questions in between goes like the same one without.
 */
import t from 'tap';
import fc from 'fast-check';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { peek } from '../../lib/schedulers/peek.ts';
import { RewindableRandom } from '../../lib/structures/rewindable-random.ts';
import { FakeService, packetFrom } from './fake-service.ts';

const which = fc.nat(7);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('add' as const), number: fc.integer({ min: 1, max: 9 }), weight: fc.constantFrom(0, 1, 1, 2, 3, 4, 6, 100) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('remove' as const), which }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('edit' as const), which, weight: fc.constantFrom(0, 1, 2, 5) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('overload' as const), which, overloaded: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('close' as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const), hours: fc.nat(30) }) },
  { weight: 12, arbitrary: fc.record({ op: fc.constant('connect' as const), source: fc.nat(5000), destination: fc.nat(6), port: fc.nat(65535), questions: fc.nat(2) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const history = fc.record({
  flags: fc.nat(3), family: fc.constantFrom<4 | 6>(4, 6),
  draws: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 20 }),
  steps: fc.array(step, { minLength: 5, maxLength: 80 }),
});

for (const name of SCHEDULER_NAMES) {
  const numRuns = name === 'mh' ? 25 : 200;
  t.test(`${name}: what it says it would pick is what it picks next`, async () => {
    fc.assert(fc.property(history, ({ flags, family, draws, steps }) => {
      const { service, random } = fresh(name, flags, family, draws);
      for (const [n, each] of steps.entries()) {
        if (each.op !== 'connect') {
          run(service, each);
          continue;
        }
        const packet = packetFrom(each.source, each.destination, each.port, family);
        const said = peek(service.scheduler, service, packet, random);
        const did = service.connect(packet);
        if (said !== did) throw new Error(`step ${n}: said ${said?.name}, picked ${did?.name}`);
      }
    }), { numRuns });
  });

  t.test(`${name}: asking leaves no trace`, async () => {
    fc.assert(fc.property(history, ({ flags, family, draws, steps }) => {
      const asked = fresh(name, flags, family, draws);
      const left = fresh(name, flags, family, draws);
      for (const [n, each] of steps.entries()) {
        if (each.op !== 'connect') {
          run(asked.service, each);
          run(left.service, each);
          continue;
        }
        for (let k = 0; k < each.questions; k++) peek(asked.service.scheduler, asked.service, packetFrom(each.source + k * 3, (each.destination + k) % 7, each.port, family), asked.random);
        const packet = packetFrom(each.source, each.destination, each.port, family);
        const [one, other] = [asked.service.connect(packet), left.service.connect(packet)];
        if (one?.name !== other?.name) throw new Error(`step ${n}: ${one?.name} after questions, ${other?.name} without`);
      }
    }), { numRuns });
  });
}

function fresh(name: string, schedFlags: number, family: 4 | 6, draws: readonly number[]): { readonly service: FakeService; readonly random: RewindableRandom } {
  const service = new FakeService(name, { schedFlags, family });
  let at = 0;
  const random = new RewindableRandom(() => draws[at++ % draws.length]!);
  service.random = random.next;
  return { service, random };
}

function run(service: FakeService, step: Step): void {
  const chosen = 'which' in step ? service.destinations[step.which % (service.destinations.length || 1)] : undefined;
  if (step.op === 'add') {
    if (service.destinations.every(({ name }) => name !== `rs${step.number}`)) service.add(step.number, step.weight);
  } else if (step.op === 'close') {
    const connection = service.connections[step.which % (service.connections.length || 1)];
    if (connection !== undefined) service.close(connection);
  } else if (step.op === 'wait') {
    service.nowMs += step.hours * 3_600_000;
    service.scheduler.expire(service);
  } else if (chosen !== undefined) {
    if (step.op === 'remove') service.remove(chosen);
    else if (step.op === 'edit') service.edit(chosen, step.weight);
    else if (step.op === 'overload') chosen.overloaded = step.overloaded;
  }
}
