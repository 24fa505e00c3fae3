/** Forwarders are a matter of speed only: with them a director does what it does alone, and counts what it counts alone. */
import t from 'tap';
import type { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { ForwardedDirector, workerOf } from '../support/forwarded-director.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CL0, CLIENT6, destination, RS0, server, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6, type Outcome } from '../support/frames.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const { syn, ack, fin, rst, psh } = TCP_FLAG;

function serving<D extends TestDirector>(director: D): D {
  director
    .serve(tcpService(80, { scheduler: 'wlc' }), destination(server(1), 8080), destination(server(2), 80, { weight: 3 }))
    .serve(tcpService(81, { scheduler: 'lc' }), destination(server(3), 81, { method: 'route' }), destination(server(1), 81, { method: 'route' }))
    .serve(udpService(53), destination(server(4), 5353), destination(server(5), 5353))
    .serve(udpService(54, { persistenceSec: 60 }), destination(server(5), 54), destination(server(6), 54))
    .serve(tcpService(21), destination(server(7), 21))
    .serve(tcpService(82), destination(server(8), 82, { method: 'tunnel' }))
    .serve(tcpService(80, { scheduler: 'wlc' }, VIP6), destination(server(1, 6), 8080), destination(server(2, 6), 80, { weight: 3 }))
    .serve(tcpService(81, { scheduler: 'lc' }, VIP6), destination(server(3, 6), 81, { method: 'route' }), destination(server(1, 6), 81, { method: 'route' }))
    .serve(udpService(53, {}, VIP6), destination(server(4, 6), 5353), destination(server(5, 6), 5353))
    .serve(udpService(54, { persistenceSec: 60 }, VIP6), destination(server(5, 6), 54), destination(server(6, 6), 54))
    .serve(tcpService(21, {}, VIP6), destination(server(7, 6), 21))
    .serve(tcpService(82, {}, VIP6), destination(server(8, 6), 82, { method: 'tunnel' }));
  return director;
}

interface RandomFrame { readonly interfaceIdx: number; readonly frame: Buffer; readonly offload: number; readonly flow: string }

const ANSWERS = [[1, 8080, 80], [2, 80, 80], [4, 5353, 53], [5, 5353, 53], [5, 54, 54], [6, 54, 54], [7, 21, 21]] as const;

function randomFrame(random: SeededRandom, clients = 4): RandomFrame {
  const family = random.pick([4, 4, 6] as const);
  // NB: few flows of IPv6, so that some of them are established.
  const client = family === 4 ? `203.0.113.${random.below(clients)}` : `2001:db8:ff::${random.below(2)}`;
  const port = 40000 + random.below(family === 4 ? 2 : 1);
  const answer = random.chance(0.4);
  const [n, real, virtual] = answer ? random.pick(ANSWERS) : [0, 0, random.pick([80, 80, 81, 53, 54, 21, 82])] as const;
  const [source, sport, target, dport] = answer ? [server(n, family), real, client, port] as const : [client, port, family === 4 ? VIP : VIP6, virtual] as const;
  const flags = random.pick([syn, syn, ...Array.from({ length: 14 }, () => ack), ...Array.from({ length: 8 }, () => ack | psh), fin | ack, rst]);
  const data = Buffer.alloc(random.pick([0, 1, 100, 1430, 1460]), random.below(256));
  const ip = { ttl: random.pick([64, 64, 64, 64, 64, 64, 64, 64, 2, 1]), dontFragment: true };
  const frame = virtual === 53 || virtual === 54
    ? udpFrame(source, sport, target, dport, data.toString('latin1'), 'good', ip)
    : tcpFrame(source, sport, target, dport, flags, { data, ip });
  return { interfaceIdx: answer ? RS0 : CL0, frame, offload: random.chance(0.1) ? OFFLOAD_PARTIAL : 0, flow: `${source} ${sport} ${target} ${dport}` };
}

function figures(dataplane: Dataplane): object {
  const { services, total, drops, received, transmitted, passed, connections } = dataplane.stats();
  return { services, total, drops, received, transmitted, passed, connections };
}

t.test('frame by frame, with two forwarders and without: the same frames leave, the same connections and counters stay', async (t) => {
  for (const seed of [1, 2, 3]) {
    const random = new SeededRandom(seed);
    const alone = serving(new TestDirector());
    const helped = serving(new ForwardedDirector(2));
    const both = (edit: Parameters<TestDirector['edit']>[0]): void => { for (const each of [alone, helped]) each.edit(edit); };
    const moving = destination(server(2), 80, { weight: 3 });
    let present = true;
    for (let step = 0; step < 4000; step++) {
      const { interfaceIdx, frame, offload } = randomFrame(random);
      const a = alone.sendBy(interfaceIdx, offload, Buffer.from(frame));
      const b = helped.sendBy(interfaceIdx, offload, Buffer.from(frame));
      if (JSON.stringify(a) !== JSON.stringify(b)) t.same(b, a, `seed ${seed} step ${step}: ${frame.toString('hex')}`);
      switch (random.below(200)) {
        case 0: case 1:
          both(present ? { op: 'deleteDestination', id: tcpService(80).id, address: moving.address, port: 80 } : { op: 'addDestination', id: tcpService(80).id, destination: moving });
          present = !present;
          break;
        case 2: both({ op: 'zero', id: random.pick([null, tcpService(80).id]) }); break;
        case 3: both({ op: 'timeouts', timeouts: { tcp: random.pick([0, 900, 60]), tcpFin: 0, udp: random.pick([0, 300, 20]) } }); break;
        case 4: both({ op: 'sysctl', name: 'expire_nodest_conn', value: random.below(2) }); break;
        case 5: both({ op: 'deleteService', id: udpService(53).id }); both({ op: 'addService', service: udpService(53) }); both({ op: 'addDestination', id: udpService(53).id, destination: destination(server(4), 5353) }); break;
      }
      const waitMs = random.pick([0, 0, 0, 10, 700, random.below(40) === 0 ? 70_000 : 0]);
      alone.wait(waitMs);
      helped.wait(waitMs);
    }
    t.same(figures(helped.dataplane), figures(alone.dataplane), `seed ${seed}`);
    const sorted = (director: TestDirector): string[] => director.connections().map((record) => JSON.stringify(record)).sort();
    t.same(sorted(helped), sorted(alone));
    const [owner, ...forwarders] = helped.dataplane.stats().workers;
    t.ok(forwarders.every(({ fast, handedOver, lost }) => fast > 25 && handedOver > 200 && lost === 0), JSON.stringify(forwarders));
    t.ok(owner!.fast > 25, `${owner!.fast} by the owner`);
  }
});

t.test('while the owner is slow, the frames of a flow leave in the order in which they came, and none is lost', async (t) => {
  for (const seed of [5, 6]) {
    const random = new SeededRandom(seed);
    const helped = serving(new ForwardedDirector(2));
    const sent = new Map<string, number[]>(), left = new Map<string, number[]>();
    const note = (outcomes: readonly Outcome[]): void => {
      for (const { bytes, kind, interfaceIdx } of outcomes) {
        if (kind !== 'transmit' || interfaceIdx !== RS0) continue;
        const number = Number(bytes.subarray(-8).toString());
        const flow = [...sent].find(([, numbers]) => numbers.includes(number))?.[0] ?? '?';
        left.set(flow, [...left.get(flow) ?? [], number]);
      }
    };
    let number = 0;
    for (let step = 0; step < 600; step++) {
      helped.ownerIsSlow = random.chance(0.8);
      const frames = Array.from({ length: 1 + random.below(40) }, () => {
        const client = `203.0.113.${random.below(12)}`, port = 40000 + random.below(20);
        const flow = `${client} ${port}`;
        number++;
        sent.set(flow, [...sent.get(flow) ?? [], number]);
        return udpFrame(client, port, VIP, 53, String(number).padStart(8, '0'));
      }).filter((frame) => workerOf(frame, 3) !== 0);
      note(helped.sendToForwarders(CL0, 0, frames));
      if (random.chance(0.1)) note(helped.ownerRound());
      if (random.chance(0.05)) note(helped.wait(310_000));
    }
    note(helped.ownerRound());
    const ordered = [...left.values()].every((numbers) => numbers.every((each, i) => i === 0 || each > numbers[i - 1]!));
    t.ok(ordered, `seed ${seed}: flows keep their order`);
    const { workers } = helped.dataplane.stats();
    t.equal([...left.values()].flat().length, workers.reduce((sum, { frames }) => sum + frames, 0));
    t.ok(workers.slice(1).every(({ fast, handedOver }) => fast > 500 && handedOver > 500), JSON.stringify(workers));
  }
});

t.test('a trace takes every frame away from the forwarders', async (t) => {
  const helped = serving(new ForwardedDirector(1));
  const frame = (flags: number): Buffer => tcpFrame(CLIENT_OF_A_FORWARDER, 40001, VIP, 81, flags);
  for (const flags of [syn, ack, ack]) helped.send(frame(flags));
  const handedOver = (): number => helped.dataplane.stats().workers[1]!.handedOver;
  const before = handedOver();
  helped.send(frame(ack));
  t.equal(handedOver(), before);
  const traced: string[] = [];
  helped.dataplane.trace({}, ({ packet }) => traced.push(packet));
  helped.send(frame(ack));
  t.equal(handedOver(), before + 1);
  t.equal(traced.length, 1);
  helped.dataplane.trace(null, null);
  helped.send(frame(ack));
  t.equal(handedOver(), before + 1);
});

t.test('established connections of IPv6 are forwarded without the owner, by NAT, by direct routing, and on the way back', async (t) => {
  const helped = serving(new ForwardedDirector(1));
  const byForwarder = (interfaceIdx: number, frame: Buffer): number => {
    helped.ownerIsSlow = true;
    const { length } = helped.sendToForwarders(interfaceIdx, 0, [frame]);
    helped.ownerIsSlow = false;
    return length;
  };
  for (const [virtual, kind] of [[80, 'tcp'], [81, 'tcp'], [53, 'udp']] as const) {
    let requests = 0, answers = 0;
    for (let port = 40000; port < 40040; port++) {
      const frame = (source: string, sport: number, target: string, dport: number, flags: number): Buffer =>
        (kind === 'udp' ? udpFrame(source, sport, target, dport, 'x') : tcpFrame(source, sport, target, dport, flags));
      const request = (flags: number): Buffer => frame(CLIENT6, port, VIP6, virtual, flags);
      const [first] = helped.send(request(syn));
      const answer = (flags: number): Buffer => frame(first!.dst!, first!.dport!, CLIENT6, port, flags);
      if (virtual !== 81) helped.send(answer(syn | ack));
      helped.send(request(ack));
      helped.send(request(ack));
      if (virtual !== 81) helped.send(answer(ack));
      if (workerOf(request(ack), 2) === 1) requests += byForwarder(CL0, request(ack));
      if (virtual !== 81 && workerOf(answer(ack), 2) === 1) answers += byForwarder(RS0, answer(ack));
    }
    t.ok(requests > 5, `port ${virtual}: ${requests} requests`);
    if (virtual !== 81) t.ok(answers > 5, `port ${virtual}: ${answers} answers`);
  }
});

t.test('a packet that a forwarder saw a moment later than the owner\'s round began does not end its connection', async (t) => {
  const helped = serving(new ForwardedDirector(1));
  const frame = (flags: number): Buffer => tcpFrame(CLIENT_OF_A_FORWARDER, 40001, VIP, 81, flags);
  for (const flags of [syn, ack, ack]) helped.send(frame(flags));
  // NB: the first timer of a connection runs out after three seconds, whatever has come since.
  helped.nowMs += 3015;
  helped.ownerIsSlow = true;
  t.equal(helped.sendToForwarders(CL0, 0, [frame(ack)]).length, 1, 'the forwarder has forwarded it');
  helped.nowMs -= 5;
  helped.wait(0);
  t.same(helped.connections().map(({ state, expiresSec, idleSec }) => ({ state, expiresSec, idleSec })), [{ state: 'ESTABLISHED', expiresSec: 900, idleSec: 0 }]);
});

t.test('the entries of ended connections are used again, but not while a forwarder may be looking at them', async (t) => {
  const helped = serving(new ForwardedDirector(1, { maxConnections: 50 }));
  let refused = 0;
  for (let round = 0; round < 20; round++) {
    for (let client = 0; client < 50; client++) if (helped.send(udpFrame(`203.0.113.${client}`, 40000 + round, VIP, 53, 'q')).every(({ kind }) => kind !== 'transmit')) refused++;
    helped.wait(310_000);
  }
  t.equal(refused, 0);
});

t.test('growing and emptied, the index leads forwarders to connections that exist, in memory that exists', async (t) => {
  const helped = serving(new ForwardedDirector(1, { maxConnections: 1 << 16 }));
  const frames = Array.from({ length: 20_000 }, (_unused, i) => udpFrame(`203.0.${i >> 8}.${i & 0xff}`, 40000, VIP, 53, 'q'));
  for (let i = 0; i < frames.length; i += 200) helped.sendBy(CL0, 0, ...frames.slice(i, i + 200));
  const before = helped.dataplane.stats().workers[1]!;
  for (let i = 0; i < frames.length; i += 200) helped.sendBy(CL0, 0, ...frames.slice(i, i + 200));
  const after = helped.dataplane.stats().workers[1]!;
  t.equal(after.handedOver, before.handedOver, 'every one is found');
  t.ok(after.fast - before.fast > 5000);
  helped.wait(310_000);
  t.equal(helped.dataplane.stats().connections, 0);
});

/** Whose frames a single forwarder gets. */
const CLIENT_OF_A_FORWARDER = Array.from({ length: 50 }, (_unused, i) => `203.0.113.${i}`).find((client) => workerOf(tcpFrame(client, 40001, VIP, 81, ack), 2) === 1)!;
