/** Each scheduler against its reference model, on random histories of add, edit, remove, connect, close and overload. */
import t from 'tap';
import fc from 'fast-check';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { FakeService, packetFrom } from './fake-service.ts';
import type { FakeDestination } from './fake-service.ts';
import { MODELS } from './reference-models.ts';
import type { Model } from './reference-models.ts';

/** Mostly small, some sharing divisors, some at the limit where 64-bit products are needed. */
const weight = fc.oneof(
  { weight: 6, arbitrary: fc.nat(6) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 100, 12, 18, 256) },
  { weight: 1, arbitrary: fc.constantFrom(2147483647, 2147483646, 1073741824, 65535) },
);
type Step =
  | { readonly op: 'add'; readonly number: number; readonly weight: number }
  | { readonly op: 'remove'; readonly which: number }
  | { readonly op: 'revive'; readonly number: number; readonly weight: number }
  | { readonly op: 'close'; readonly which: number }
  | { readonly op: 'edit'; readonly which: number; readonly weight: number }
  | { readonly op: 'overload'; readonly which: number; readonly overloaded: boolean }
  | { readonly op: 'load'; readonly which: number; readonly active: number; readonly inactive: number }
  | { readonly op: 'connect'; readonly source: number; readonly destination: number; readonly port: number };

interface Scenario {
  readonly flags: number;
  readonly family: 4 | 6;
  readonly draws: readonly number[];
  readonly steps: readonly Step[];
}

/** Histories over destinations 1 to `most`, of packets to `addresses` addresses. */
function scenarios(most: number, addresses: number, length: fc.ArrayConstraints, weight: fc.Arbitrary<number>): fc.Arbitrary<Scenario> {
  const which = fc.nat(most - 2);
  const number = fc.integer({ min: 1, max: most });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ op: fc.constant('add' as const), number, weight }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('remove' as const), which }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('revive' as const), number, weight }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('edit' as const), which, weight }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('overload' as const), which, overloaded: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('load' as const), which, active: fc.nat(1_048_576), inactive: fc.nat(1_048_576) }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('close' as const), which: fc.nat(50) }) },
    { weight: 12, arbitrary: fc.record({ op: fc.constant('connect' as const), source: fc.nat(5000), destination: fc.nat(addresses - 1), port: fc.nat(65535) }) },
  );
  return fc.record({
    flags: fc.nat(3),
    family: fc.constantFrom<4 | 6>(4, 6),
    draws: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 20 }),
    steps: fc.array(step, length),
  });
}

const SHORT = scenarios(9, 7, { minLength: 5, maxLength: 60 }, weight);
/** Many destinations and so few places in them that sets, trees and passes grow. */
const LONG = scenarios(40, 2, { minLength: 150, maxLength: 300, size: 'max' }, fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: weight }));

for (const name of SCHEDULER_NAMES) {
  const agrees = ({ flags, family, draws, steps }: Scenario, beginWith: number): void => {
    const service = new FakeService(name, { schedFlags: flags, family });
    service.random = dealt(draws);
    const model = MODELS[name]!(flags, dealt(draws));
    const removed = new Map<string, FakeDestination>();
    for (let number = 1; number <= beginWith; number++) run(service, model, { op: 'add', number, weight: 1 + (number % 3) }, removed);
    for (const [n, step] of steps.entries()) {
      const difference = run(service, model, step, removed);
      if (difference !== '') throw new Error(`step ${n} ${JSON.stringify(step)}: ${difference}`);
    }
  };
  t.test(`${name} picks as its reference model does on any history`, async () => {
    fc.assert(fc.property(SHORT, (scenario) => agrees(scenario, 0)), { numRuns: name === 'mh' ? 25 : 300 });
  });
  t.test(`${name} picks as its reference model does among many destinations`, async () => {
    fc.assert(fc.property(LONG, (scenario) => agrees(scenario, 33)), { numRuns: name === 'mh' ? 2 : 40 });
  });
}

/** `removed`: the latest destination of each name that left the list. */
function run(service: FakeService, model: Model, step: Step, removed: Map<string, FakeDestination>): string {
  const chosen = 'which' in step ? service.destinations[step.which % (service.destinations.length || 1)] : undefined;
  const before = [...service.destinations];
  const tell = (change: 'added' | 'removed' | 'edited', destination: FakeDestination): void => model.changed?.(service.destinations, change, destination, before);
  if (step.op === 'revive') {
    const destination = removed.get(`rs${step.number}`);
    if (destination === undefined || before.some(({ name }) => name === destination.name)) return '';
    destination.weight = step.weight;
    if (step.weight !== 0) destination.lastWeight = step.weight;
    service.revive(destination);
    tell('added', destination);
  } else if (step.op === 'add') {
    if (before.every((destination) => destination.name !== `rs${step.number}`)) tell('added', service.add(step.number, step.weight));
  } else if (step.op === 'connect') {
    const packet = packetFrom(step.source, step.destination, step.port, service.family);
    const want = model.pick(service.destinations, packet);
    const got = service.connect(packet);
    return want === got ? '' : `model says ${want?.name}, scheduler says ${got?.name}; list ${service.destinations.map((d) => `${d.name} w${d.weight} a${d.activeConns} i${d.inactiveConns}${d.overloaded ? ' overloaded' : ''}`).join(', ')}`;
  } else if (step.op === 'close') {
    const connection = service.connections[step.which % (service.connections.length || 1)];
    if (connection !== undefined) service.close(connection);
  } else if (chosen === undefined) {
    return '';
  } else if (step.op === 'remove') {
    service.remove(chosen);
    removed.set(chosen.name, chosen);
    tell('removed', chosen);
  } else if (step.op === 'edit') {
    service.edit(chosen, step.weight);
    tell('edited', chosen);
  } else if (step.op === 'overload') {
    chosen.overloaded = step.overloaded;
  } else if (step.op === 'load') {
    chosen.activeConns = step.active;
    chosen.inactiveConns = step.inactive;
  }
  return '';
}

function dealt(draws: readonly number[]): () => number {
  let at = 0;
  return () => draws[at++ % draws.length]!;
}
