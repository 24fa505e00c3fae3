/** What every scheduler must do, whatever it does. Run against each by all-schedulers.test.ts; a case that does not apply says why. */
import type { Test } from 'tap';
import { FakeService, packetFrom } from './fake-service.ts';
import type { FakeServiceOptions } from './fake-service.ts';

/** Case title -> reason, for schedulers to which it does not apply. */
export interface CaseExceptions { readonly [title: string]: string }

const CLIENTS = Array.from({ length: 40 }, (_, n) => n + 1);

const CASES: Readonly<Record<string, (t: Test, scheduler: string) => void>> = {
  'is called by its own name'(t, scheduler) {
    t.equal(new FakeService(scheduler).scheduler.name, scheduler);
  },
  'an empty service has no destination'(t, scheduler) {
    const service = sequenced(scheduler);
    t.equal(service.pick(), null);
    service.remove(service.add(1));
    t.equal(service.pick(), null);
  },
  'the only destination gets every packet'(t, scheduler) {
    const service = sequenced(scheduler);
    service.add(1, 100);
    for (const client of CLIENTS) t.equal(service.pick(client, client), 'rs1');
  },
  'a destination of weight 0 is never picked'(t, scheduler) {
    const service = sequenced(scheduler);
    service.add(1, 0);
    t.equal(service.pick(), null);
    service.edit(service.add(2, 5), 0);
    t.equal(service.pick(), null);
    service.add(3, 100);
    for (const client of CLIENTS) t.not(service.pick(client, client), 'rs1');
    for (const client of CLIENTS) t.not(service.pick(client, client), 'rs2');
  },
  'an overloaded destination gets no new address, and gets some again when it has room'(t, scheduler) {
    const service = sequenced(scheduler);
    const first = service.add(1, 100);
    first.overloaded = true;
    t.equal(service.pick(), null);
    first.overloaded = false;
    t.equal(service.pick(), 'rs1');
  },
  'a removed destination is never picked'(t, scheduler) {
    const service = sequenced(scheduler);
    const [first] = [service.add(1, 100), service.add(2, 100), service.add(3, 100)];
    for (const client of CLIENTS) service.pick(client, client);
    service.remove(first!);
    for (const client of CLIENTS) t.not(service.pick(client, client), 'rs1');
  },
  'many clients and addresses reach every destination'(t, scheduler) {
    const service = sequenced(scheduler);
    for (const number of [1, 2, 3]) service.add(number, 30);
    const picked = new Set(CLIENTS.flatMap((client) => [service.pick(client, client), service.pick(client + 100, client + 100)]));
    t.same([...picked].sort(), ['rs1', 'rs2', 'rs3']);
  },
  'the same history gives the same picks'(t, scheduler) {
    t.same(history(sequenced(scheduler)), history(sequenced(scheduler)));
  },
  'IPv6 works alike'(t, scheduler) {
    const service = sequenced(scheduler, { family: 6 });
    service.add(1, 100);
    service.add(2, 100);
    for (const client of CLIENTS) t.ok(['rs1', 'rs2'].includes(service.pick(client, client)!));
  },
  'tracing changes no pick and its lines name the winner'(t, scheduler) {
    const traced = sequenced(scheduler, { tracing: true });
    t.same(history(traced), history(sequenced(scheduler)));
    traced.add(9, 1000);
    traced.lines.length = 0;
    const winner = traced.scheduler.schedule(traced, packetFrom(200, 200));
    t.ok(winner !== null && traced.lines.some((line) => line.includes(`10.1.0.${winner.name.slice(2)}:80`)), traced.lines.join('\n'));
  },
  'tracing a packet that nobody can take says why in a few lines'(t, scheduler) {
    const service = sequenced(scheduler, { tracing: true });
    service.schedFlags = 3;
    for (const number of [1, 2, 3]) service.add(number, 5).overloaded = true;
    t.equal(service.pick(), null);
    t.ok(service.lines.length <= 6, service.lines.join('\n'));
  },
  'a scheduler made for a list that exists already uses all of it'(t, scheduler) {
    const old = sequenced('rr');
    for (const number of [1, 2, 3]) old.add(number, 5);
    const late = sequenced(scheduler, { destinations: old.destinations });
    const picked = new Set(CLIENTS.map((client) => late.pick(client, client)));
    t.same([...picked].filter((name) => name !== null).sort(), scheduler === 'fo' ? ['rs3'] : ['rs1', 'rs2', 'rs3']);
  },
  'the minute tick changes nothing for what was just used'(t, scheduler) {
    const [ticked, still] = [sequenced(scheduler), sequenced(scheduler)];
    for (const service of [ticked, still]) for (const number of [1, 2, 3]) service.add(number, number);
    for (const client of CLIENTS) {
      ticked.nowMs += 60_000;
      still.nowMs += 60_000;
      ticked.scheduler.expire(ticked);
      t.equal(ticked.pick(client, client % 7), still.pick(client, client % 7));
    }
  },
};

export function schedulerCases(t: Test, scheduler: string, exceptions: CaseExceptions = {}): void {
  for (const [title, run] of Object.entries(CASES)) {
    t.test(`${scheduler}: ${title}`, { skip: exceptions[title] ?? false }, async (t) => run(t, scheduler));
  }
}

/** A service whose random numbers are a fixed sequence. */
function sequenced(scheduler: string, options: FakeServiceOptions = {}): FakeService {
  const service = new FakeService(scheduler, options);
  service.random = dice();
  return service;
}

/** Uniform numbers from a Weyl sequence: no seed, no clock, every run alike. */
function dice(): () => number {
  let state = 0;
  return () => {
    state = (state + 0.618_033_988_749_894_9) % 1;
    return state;
  };
}

function history(service: FakeService): (string | null)[] {
  const picks: (string | null)[] = [];
  const first = service.add(1, 3);
  service.add(2, 1);
  for (const client of CLIENTS) picks.push(service.pick(client, client % 9, 40_000 + client));
  service.add(3, 2);
  service.edit(first, 0);
  for (const connection of [...service.connections].filter((_, n) => n % 3 === 0)) service.close(connection);
  for (const client of CLIENTS) picks.push(service.pick(client + 50, client % 9, 40_000 + client));
  service.edit(first, 4);
  service.remove(service.destinations[0]!);
  for (const client of CLIENTS) picks.push(service.pick(client + 100, client % 9, 40_000 + client));
  return picks;
}
