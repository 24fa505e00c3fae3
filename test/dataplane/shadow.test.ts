import t from 'tap';
import type { ShadowReport } from '../../lib/model/shadow-report.ts';
import type { VirtualService } from '../../lib/model/virtual-service.ts';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, destination, server, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP } from '../support/frames.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const { syn, ack, rst } = TCP_FLAG;
const ID = 1;

function start(director: TestDirector, service: VirtualService, scheduler: string, schedFlags = 0, id = ID): boolean {
  return director.dataplane.ask('startShadow', { id, request: { service: service.id, scheduler, schedFlags }, seed: 1 }, director.nowMs);
}

function report(director: TestDirector, stop = false, id = ID): ShadowReport {
  return director.dataplane.ask('readShadow', { id, stop }, director.nowMs)!;
}

function client(n: number): string {
  return `203.0.${n >> 8}.${n & 255}`;
}

function open(director: TestDirector, from: number, port = 40_000): void {
  director.send(tcpFrame(client(from), port, VIP, 80, syn), tcpFrame(client(from), port, VIP, 80, ack));
}

/** What the connections of the director say that a destination has, live. */
function loads(director: TestDirector): string[] {
  return director.dataplane.stats().services[0]!.destinations.map(({ address, activeConns, inactiveConns }) => `${address} ${activeConns} ${inactiveConns}`);
}

for (const scheduler of SCHEDULER_NAMES) {
  t.test(`${scheduler} as the shadow of itself chooses alike and counts alike, from a fresh start through changes of the list`, async (t) => {
    // Draws that are all alike, for twos: live and shadow have streams of their own.
    const service = tcpService(80, { scheduler });
    const director = new TestDirector({ random: () => 0.5 }).serve(service, destination(server(1), 80), destination(server(2), 80, { weight: 3, upperThreshold: 12 }), destination(server(3), 80, { weight: 2 }));
    t.ok(start(director, service, scheduler));
    const random = new SeededRandom(7);
    const open_: number[] = [];
    for (let n = 0; n < 400; n++) {
      if (n === 100) director.edit({ op: 'deleteDestination', id: service.id, address: server(1), port: 80 });
      if (n === 200) director.edit({ op: 'addDestination', id: service.id, destination: destination(server(4), 80, { weight: 5 }) });
      if (n === 300) director.edit({ op: 'editDestination', id: service.id, destination: destination(server(3), 80, { weight: 0 }) });
      open(director, n);
      open_.push(n);
      if (random.chance(0.5)) director.send(tcpFrame(client(open_.splice(random.below(open_.length), 1)[0]!), 40_000, VIP, 80, rst));
      if (n % 10 === 0) director.wait(3000);
    }
    const { flows, elsewhere, destinations, changes } = report(director);
    if (scheduler !== 'twos') {
      t.equal(elsewhere, 0);
      t.same(destinations.filter(({ removed }) => !removed).map(({ address, shadow }) => `${address} ${shadow.activeConns} ${shadow.inactiveConns}`), loads(director));
      for (const one of destinations) t.same(one.shadow, one.live, one.address);
    }
    t.equal(flows, 400);
    t.same(changes.map(({ text }) => text), [`${server(1)}:80 removed`, `${server(4)}:80 added`, `${server(3)}:80 weight 0`]);
  });
}

t.test('a shadow changes nothing: picks, counters and connections are as without it', async (t) => {
  const outcome = (shadowed: boolean): unknown => {
    const service = tcpService(80, { scheduler: 'twos', persistenceSec: 30 });
    const director = new TestDirector({ random: new SeededRandom(5).next }).serve(service, ...[1, 2, 3, 4].map((n) => destination(server(n), 80)));
    if (shadowed) for (const [id, scheduler] of ['twos', 'mh', 'wrr'].entries()) start(director, service, scheduler, 0, id);
    for (let n = 0; n < 200; n++) open(director, n);
    return [director.connections(), director.dataplane.stats().services];
  };
  t.same(outcome(true), outcome(false));
});

t.test('shares, flows that would have gone elsewhere, and who would have been overloaded', async (t) => {
  const service = tcpService(80, { scheduler: 'rr' });
  const director = new TestDirector().serve(service, destination(server(1), 80), destination(server(2), 80, { weight: 9, upperThreshold: 6 }));
  start(director, service, 'fo');
  for (let n = 0; n < 10; n++) open(director, n);
  const said = report(director);
  t.match(said, { service: `tcp ${VIP} 80`, flows: 10, elsewhere: 5, live: { scheduler: 'rr', refused: 0 }, shadow: { scheduler: 'fo', refused: 0 }, ended: null });
  // fo gives all to the greatest weight until its threshold, then the rest to the other.
  t.match(said.destinations, [
    { address: server(2), live: { flows: 5, activeConns: 5, timesOverloaded: 0 }, shadow: { flows: 6, activeConns: 6, peakConns: 6, timesOverloaded: 1 } },
    { address: server(1), live: { flows: 5 }, shadow: { flows: 4 } },
  ]);
});

t.test('connections from before the start count where they lie, and end there', async (t) => {
  const service = tcpService(80, { scheduler: 'rr' });
  const director = new TestDirector().serve(service, destination(server(1), 80), destination(server(2), 80));
  for (let n = 0; n < 4; n++) open(director, n);
  start(director, service, 'wlc');
  t.same(report(director).destinations.map(({ shadow }) => shadow.activeConns), [2, 2]);
  for (let n = 0; n < 4; n++) director.send(tcpFrame(client(n), 40_000, VIP, 80, rst));
  t.same(report(director).destinations.map(({ shadow }) => [shadow.activeConns, shadow.inactiveConns]), [[0, 2], [0, 2]]);
  director.wait(1_000_000);
  t.same(report(director).destinations.map(({ shadow }) => [shadow.activeConns, shadow.inactiveConns]), [[0, 0], [0, 0]]);
});

t.test('clients that come again: mh keeps them where they were, rr does not; a change moves few', async (t) => {
  const service = tcpService(80, { scheduler: 'rr' });
  const director = new TestDirector().serve(service, ...[1, 2, 3].map((n) => destination(server(n), 80)));
  start(director, service, 'mh');
  for (let n = 0; n < 100; n++) open(director, n);
  director.edit({ op: 'addDestination', id: service.id, destination: destination(server(4), 80) });
  for (let n = 0; n < 100; n++) open(director, n, 40_001);
  const { clients, changes } = report(director);
  t.equal(clients.returned, 100);
  t.ok(clients.movedShadow > 0 && clients.movedShadow < 45, `mh moved ${clients.movedShadow}`);
  t.ok(clients.movedLive > 50, `rr moved ${clients.movedLive}`);
  t.match(changes, [{ text: `${server(4)}:80 added`, returned: 100, movedShadow: clients.movedShadow }]);
});

t.test('persistence holds in the shadow too, by templates of its own that live as long as the real ones', async (t) => {
  const service = tcpService(80, { scheduler: 'rr', persistenceSec: 60 });
  const director = new TestDirector().serve(service, destination(server(1), 80), destination(server(2), 80));
  open(director, 50);
  start(director, service, 'fo');
  open(director, 50, 2);
  t.match(report(director), { flows: 1, elsewhere: 0 }, 'a template from before the start is followed');
  for (let n = 1; n <= 3; n++) for (let port = 1; port <= 2; port++) open(director, n, port);
  t.match(report(director).clients, { returned: 3, movedShadow: 0, movedLive: 0 });
  // Both templates have run out; fo chooses anew.
  director.wait(2_000_000);
  director.edit({ op: 'editDestination', id: service.id, destination: destination(server(1), 80, { weight: 100 }) });
  open(director, 1, 9);
  t.equal(report(director).destinations.find(({ address }) => address === server(1))!.shadow.flows > 0, true);
});

t.test('one-packet connections, other services and refused flows', async (t) => {
  const service = udpService(53, { scheduler: 'rr', onePacket: true });
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).serve(service, destination(server(1), 53));
  start(director, service, 'wrr');
  open(director, 1);
  for (let n = 0; n < 5; n++) director.send(udpFrame(CLIENT, 1000 + n, VIP, 53, 'x'));
  t.match(report(director), { flows: 5, destinations: [{ shadow: { flows: 5, activeConns: 0, inactiveConns: 0 } }] });
  director.edit({ op: 'editDestination', id: service.id, destination: destination(server(1), 53, { weight: 0 }) });
  director.send(udpFrame(CLIENT, 1, VIP, 53, 'x'));
  t.match(report(director), { flows: 6, elsewhere: 0, live: { refused: 1 }, shadow: { refused: 1 } });
});

t.test('after any traffic and any changes, when every connection has ended no shadow counts one', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new SeededRandom(seed);
    const services = [tcpService(80, { scheduler: 'wrr' }), tcpService(443, { scheduler: 'wlc', persistenceSec: 20, persistenceMask: '255.255.255.0' }), udpService(53, { scheduler: 'rr', onePacket: random.chance(0.5) })];
    const director = new TestDirector({ random: random.next });
    const port = (service: VirtualService): number => (service.id.kind === 'address' ? service.id.port : 0);
    for (const service of services) director.serve(service, ...[1, 2, 3].map((n) => destination(server(n), port(service), { weight: n, upperThreshold: random.below(2) * 8 })));
    for (let n = 0; n < 30; n++) director.send(tcpFrame(client(n), 1, VIP, random.pick([80, 443]), syn));
    for (const [id, service] of services.entries()) t.ok(start(director, service, random.pick(SCHEDULER_NAMES), 3, id));
    for (let n = 0; n < 600; n++) {
      const service = random.pick(services);
      const [from, sport] = [client(random.below(100)), 1 + random.below(3)];
      if (port(service) === 53) director.send(udpFrame(from, sport, VIP, 53, 'x'));
      else director.send(tcpFrame(from, sport, VIP, port(service), random.pick([syn, syn, ack, rst])));
      const one = destination(server(1 + random.below(4)), port(service), { weight: random.below(4), upperThreshold: random.below(2) * 5 });
      const present = director.dataplane.stats().services.find(({ key }) => key.endsWith(` ${port(service)}`))!.destinations.some(({ address }) => address === one.address);
      if (random.chance(0.1)) director.edit(present && random.chance(0.5) ? { op: 'deleteDestination', id: service.id, address: one.address, port: one.port } : { op: present ? 'editDestination' : 'addDestination', id: service.id, destination: one });
      if (random.chance(0.1)) director.wait(random.below(40_000));
      if (random.chance(0.01)) director.edit({ op: 'sysctl', name: random.pick(['expire_nodest_conn', 'expire_quiescent_template'] as const), value: random.below(2) });
    }
    // The third's may all be of one packet.
    for (const id of [0, 1]) t.ok(report(director, false, id).destinations.some(({ shadow }) => shadow.activeConns + shadow.inactiveConns > 0), 'they count some before');
    director.wait(3_000_000);
    t.same(director.connections(), []);
    for (const id of services.keys()) for (const { shadow } of report(director, false, id).destinations) t.same([shadow.activeConns, shadow.inactiveConns], [0, 0], `seed ${seed}`);
  }
});

t.test('it ends with its service, and leaves nothing behind when it is stopped', async (t) => {
  const service = tcpService();
  const director = new TestDirector().serve(service, destination(server(1), 80));
  t.notOk(start(director, tcpService(81), 'rr', 0, 9));
  t.equal(director.dataplane.ask('readShadow', { id: 9, stop: false }, director.nowMs), null);
  start(director, service, 'lc');
  director.edit({ op: 'editService', service: { ...service, scheduler: 'wlc' } });
  t.match(report(director), { live: { scheduler: 'wlc' }, shadow: { scheduler: 'lc' } });
  director.edit({ op: 'deleteService', id: service.id });
  t.equal(report(director).ended, 'deleted');
  director.serve(service, destination(server(1), 80));
  open(director, 1);
  t.match(report(director, true), { ended: 'deleted', flows: 0 });
  t.equal(director.dataplane.ask('readShadow', { id: ID, stop: false }, director.nowMs), null);
});
