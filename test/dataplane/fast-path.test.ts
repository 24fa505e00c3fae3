/** Tracing keeps every packet off the fast path: so two directors, one traced, must do the same with the same packets. */
import t, { type Test } from 'tap';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CL0, CLIENT, destination, RS0, server, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { EPOCH } from '../../lib/dataplane/fast-state.ts';
import { OFFLOAD_ECN, OFFLOAD_GSO_TCP4, OFFLOAD_GSO_TCP6, OFFLOAD_GSO_UDP, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';

const { syn, ack, fin, rst, psh } = TCP_FLAG;

function director(traced: boolean): TestDirector {
  const made = new TestDirector()
    .serve(tcpService(80), destination(server(1), 8080), destination(server(2), 80))
    .serve(tcpService(81), destination(server(3), 81, { method: 'route' }))
    .serve(udpService(53), destination(server(4), 5353))
    .serve(udpService(54, { persistenceSec: 60 }), destination(server(5), 54), destination(server(6), 54))
    .serve(tcpService(21), destination(server(7), 21))
    .serve(tcpService(82), destination(server(8), 82, { method: 'tunnel' }), destination(server(1), 82, { method: 'tunnel', tunnel: { type: 'gre', port: 0, checksum: 'none' } }))
    .serve(udpService(83), destination(server(8), 83, { method: 'tunnel' }), destination(server(2), 83, { method: 'route' }))
    .serve(tcpService(80, {}, VIP6), destination(server(1, 6), 8080), destination(server(2, 6), 80))
    .serve(tcpService(81, {}, VIP6), destination(server(3, 6), 81, { method: 'route' }))
    .serve(udpService(53, {}, VIP6), destination(server(4, 6), 5353))
    .serve(udpService(54, { persistenceSec: 60 }, VIP6), destination(server(5, 6), 54), destination(server(6, 6), 54))
    .serve(tcpService(21, {}, VIP6), destination(server(7, 6), 21))
    .serve(tcpService(82, {}, VIP6), destination(server(8, 6), 82, { method: 'tunnel' }))
    .serve(udpService(83, {}, VIP6), destination(server(8, 6), 83, { method: 'tunnel' }), destination(server(2, 6), 83, { method: 'route' }));
  if (traced) made.dataplane.trace({}, () => {});
  return made;
}

function randomFrame(random: SeededRandom): { interfaceIdx: number; frame: Buffer; offload: number } {
  const family = random.pick([4, 4, 6] as const);
  const client = `${family === 4 ? '203.0.113.' : '2001:db8:ff::'}${random.below(4)}`, vip = family === 4 ? VIP : VIP6;
  const port = 40000 + random.below(3);
  const flags = random.pick([syn, ack, ack, ack, ack | psh, ack | psh, fin | ack, rst, rst | ack, 0, psh, syn | ack]);
  const ip = {
    ttl: random.pick([64, 64, 64, 64, 2, 1, 255]), dontFragment: random.chance(0.8), ident: random.below(65536),
    tos: random.pick([0, 0, 1, 2, 3, 0xb8 | 3]), ...(random.chance(0.03) ? { options: Buffer.from([1, 1, 1, 1]) } : {}), ...(random.chance(0.02) ? { moreFragments: true } : {}),
  };
  const data = Buffer.alloc(random.pick([0, 1, 10, 100, 1430, 1440, 1441, 1460, 1461, 1600]), random.below(256));
  const offload = random.chance(0.1) ? OFFLOAD_PARTIAL : 0;
  const answer = random.chance(0.4);
  const [n, real, virtual] = random.pick([[1, 8080, 80], [2, 80, 80], [3, 81, 81], [4, 5353, 53], [5, 54, 54], [6, 54, 54], [7, 21, 21], [8, 82, 82], [8, 83, 83]] as const);
  const udp = virtual === 53 || virtual === 54 || virtual === 83;
  const [source, sport, target, dport] = answer ? [server(n, family), real, client, port] as const : [client, port, vip, virtual] as const;
  const frame = udp
    ? udpFrame(source, sport, target, dport, data.toString('latin1'), random.pick(['good', 'good', 'good', 'bad', 'none']), ip)
    : tcpFrame(source, sport, target, dport, flags, { data, seq: random.below(2 ** 32), ip, badChecksum: random.chance(0.05) });
  if (random.chance(0.02)) frame[24]! ^= 0x10;
  return { interfaceIdx: answer ? RS0 : CL0, frame: random.chance(0.02) ? frame.subarray(0, frame.length - 1) : frame, offload };
}

t.test('a traced director, which walks every packet, and an untraced one do the same', async (t) => {
  for (const seed of [1, 2, 3]) {
    const random = new SeededRandom(seed);
    const plain = director(false);
    const traced = director(true);
    for (let step = 0; step < 2500; step++) {
      const { interfaceIdx, frame, offload } = randomFrame(random);
      const a = plain.sendBy(interfaceIdx, offload, Buffer.from(frame));
      const b = traced.sendBy(interfaceIdx, offload, Buffer.from(frame));
      if (JSON.stringify(a) !== JSON.stringify(b)) t.same(a, b, `seed ${seed} step ${step}: ${frame.toString('hex')}`);
      const waitMs = random.pick([0, 0, 0, 10, 700]);
      plain.wait(waitMs);
      traced.wait(waitMs);
    }
    const { services, total, drops } = plain.dataplane.stats();
    t.ok(plain.dataplane.stats().workers[0]!.fast > 100, `seed ${seed}: ${plain.dataplane.stats().workers[0]!.fast} by the fast path`);
    t.ok(total.inPkts > 500 && total.outPkts > 200, `seed ${seed}: ${total.inPkts} in, ${total.outPkts} out`);
    t.same({ services, total, drops }, (({ services, total, drops }) => ({ services, total, drops }))(traced.dataplane.stats()));
    t.same(plain.connections(), traced.connections());
  }
});

t.test('the same in bursts of many frames, while destinations, timeouts and knobs change between them', async (t) => {
  for (const seed of [4, 5, 6]) {
    const random = new SeededRandom(seed);
    const plain = director(false);
    const traced = director(true);
    const both = (edit: Parameters<TestDirector['edit']>[0]): void => { for (const each of [plain, traced]) each.edit(edit); };
    const tunnelled = destination(server(8), 82, { method: 'tunnel' });
    let present = true;
    for (let step = 0; step < 80; step++) {
      const frames = Array.from({ length: 1 + random.below(100) }, () => randomFrame(random));
      const { interfaceIdx, offload } = frames[0]!;
      const burst = frames.filter((each) => each.interfaceIdx === interfaceIdx).map(({ frame }) => frame);
      const a = plain.sendBy(interfaceIdx, offload, ...burst.map((frame) => Buffer.from(frame)));
      const b = traced.sendBy(interfaceIdx, offload, ...burst.map((frame) => Buffer.from(frame)));
      if (JSON.stringify(a) !== JSON.stringify(b)) t.same(a, b, `seed ${seed} step ${step}`);
      const id = tcpService(82).id;
      switch (random.below(12)) {
        case 0: both({ op: 'editDestination', id, destination: { ...tunnelled, tunnel: { type: 'gre', port: 0, checksum: 'csum' } } }); break;
        case 1: both({ op: 'editDestination', id, destination: tunnelled }); break;
        case 2: case 3:
          both(present ? { op: 'deleteDestination', id, address: tunnelled.address, port: 82 } : { op: 'addDestination', id, destination: tunnelled });
          present = !present;
          break;
        case 4: both({ op: 'timeouts', timeouts: { tcp: random.pick([0, 900, 60]), tcpFin: 0, udp: random.pick([0, 300, 20]) } }); break;
        case 5: both({ op: 'sysctl', name: 'pmtu_disc', value: random.below(2) }); break;
        case 6: both({ op: 'zero', id: null }); break;
      }
      const waitMs = random.pick([0, 0, 10, 700, 31_000]);
      plain.wait(waitMs);
      traced.wait(waitMs);
    }
    const { services, total, drops, transmitted } = plain.dataplane.stats();
    t.ok(transmitted > 500, `seed ${seed}: ${transmitted} forwarded`);
    t.same({ services, total, drops }, (({ services, total, drops }) => ({ services, total, drops }))(traced.dataplane.stats()));
    t.same(plain.connections(), traced.connections());
  }
});

t.test('TCP super-frames go as in the walk: whole where their segments fit, cut where they do not', async (t) => {
  const [plain, traced] = [director(false), director(true)];
  let whole = 0;
  for (const [family, port, real, n] of [[4, 80, 8080, 1], [4, 81, 81, 3], [4, 82, 82, 8], [6, 80, 8080, 1], [6, 81, 81, 3]] as const) {
    const vip = family === 4 ? VIP : VIP6, clients = family === 4 ? ['203.0.113.1', '203.0.113.2'] : ['2001:db8:ff::1', '2001:db8:ff::2'];
    const gso = family === 4 ? OFFLOAD_GSO_TCP4 : OFFLOAD_GSO_TCP6, least = whole;
    const send = (frame: Buffer, interfaceIdx: number, offload: number, title: string): void => {
      const fastBefore = plain.dataplane.stats().workers[0]!.fast;
      const a = plain.sendBy(interfaceIdx, offload, Buffer.from(frame));
      t.same(a, traced.sendBy(interfaceIdx, offload, Buffer.from(frame)), title);
      if (offload !== 0 && plain.dataplane.stats().workers[0]!.fast > fastBefore) {
        whole++;
        t.equal(a.length, 1);
      }
    };
    // Round robin begins with the last one added.
    for (const client of clients) for (const flags of [syn, ack, ack]) send(tcpFrame(client, 40001, vip, port, flags), CL0, 0, `${vip} ${port} begins`);
    for (const client of clients) {
      send(tcpFrame(server(n, family), real, client, 40001, syn | ack), RS0, 0, `${port} answers`);
      send(tcpFrame(client, 40001, vip, port, ack), CL0, 0, `${port} is established`);
      send(tcpFrame(server(n, family), real, client, 40001, ack), RS0, 0, `${port} goes on`);
      for (const size of [536, 1428, 1440, 1441, 1448, 1459, 1460, 1461, 9000]) {
        for (const [flags, offload] of [[ack, 0], [ack | psh, 0], [ack, OFFLOAD_ECN]] as const) {
          const fields = { data: Buffer.alloc(9001, size), ip: { dontFragment: true } };
          send(tcpFrame(client, 40001, vip, port, flags, fields), CL0, size | OFFLOAD_PARTIAL | gso | offload, `${vip} ${port}, request, ${size}`);
          send(tcpFrame(server(n, family), real, client, 40001, flags, fields), RS0, size | OFFLOAD_PARTIAL | gso | offload, `${vip} ${port}, answer, ${size}`);
        }
      }
    }
    if (port !== 82) t.ok(whole - least > 10, `${vip} ${port}: ${whole - least} by the fast path`);
  }
  send53(plain, traced, t);
  t.same(plain.dataplane.stats().total, traced.dataplane.stats().total);
});

/** UDP super-frames are for the walk. */
function send53(plain: TestDirector, traced: TestDirector, t: Test): void {
  for (const offload of [0, 0, 100 | OFFLOAD_PARTIAL | OFFLOAD_GSO_UDP]) {
    const frame = udpFrame(CLIENT, 40001, VIP, 53, 'x'.repeat(1000));
    t.same(plain.sendBy(CL0, offload, Buffer.from(frame)), traced.sendBy(CL0, offload, Buffer.from(frame)));
  }
}

t.test('an answer over UDP still makes its template assured', async (t) => {
  const made = director(false);
  const [request] = made.send(udpFrame(CLIENT, 40001, VIP, 54, 'q'));
  made.send(udpFrame(request!.dst!, 54, CLIENT, 40001, 'a'));
  t.match(made.connections().find(({ template }) => template), { state: 'ASSURED' });
});

t.test('a change of routes is seen by the next packet', async (t) => {
  const made = director(false);
  for (const flags of [syn, ack, ack]) made.send(tcpFrame(CLIENT, 40001, VIP, 81, flags));
  made.edit({ op: 'neighbour', neighbour: { interface: RS0, address: server(3), mac: '02:00:00:00:99:99' } });
  t.equal(made.send(tcpFrame(CLIENT, 40001, VIP, 81, ack))[0]!.dmac, '02:00:00:00:99:99');
});

t.test('header checksums next to the carry come out as from the walk, for every method', async (t) => {
  const plain = director(false);
  const traced = director(true);
  for (const [service, made] of [
    ['NAT', (ident: number) => udpFrame(CLIENT, 40001, VIP, 53, 'q', 'good', { ident })],
    ['direct routing', (ident: number) => udpFrame(CLIENT, 40002, VIP, 83, 'q', 'good', { ident })],
    ['tunnel', (ident: number) => udpFrame(CLIENT, 40003, VIP, 83, 'q', 'good', { ident })],
  ] as const) {
    const without = made(0).readUInt16BE(24);
    // A first packet goes by the walk; the identification takes the checksum to what is asked for. The TTL is the upper byte: the carry is at 0xfeff.
    for (const checksum of [0x1234, 0xfdff, 0xfeff, 0xff00, 0xfffe, 0, 1, 0xff]) {
      const frame = made((without + 0xffff - checksum) % 0xffff);
      t.equal(frame.readUInt16BE(24), checksum);
      t.same(plain.send(Buffer.from(frame)).map(({ bytes }) => bytes.toString('hex')), traced.send(frame).map(({ bytes }) => bytes.toString('hex')), `${service}, checksum ${checksum}`);
    }
  }
});

t.test('packets of a removed destination stop at once, and go on when it is there again', async (t) => {
  const made = director(false);
  for (const flags of [syn, ack, ack]) made.send(tcpFrame(CLIENT, 40001, VIP, 81, flags));
  const removed = { op: 'deleteDestination', id: tcpService(81).id, address: server(3), port: 81 } as const;
  made.edit(removed);
  t.same(made.send(tcpFrame(CLIENT, 40001, VIP, 81, ack)), []);
  made.edit({ op: 'addDestination', id: removed.id, destination: destination(server(3), 81, { method: 'route' }) });
  t.equal(made.send(tcpFrame(CLIENT, 40001, VIP, 81, ack)).length, 1);
});

t.test('when the numbers of epochs have run out, no stamp of before holds again', async (t) => {
  const plain = director(false);
  const { state } = plain.dataplane.network;
  const fast = (client: string): number => {
    const before = plain.dataplane.stats().workers[0]!.fast;
    plain.sendBy(CL0, 0, udpFrame(client, 40000, VIP, 53, 'x'));
    return plain.dataplane.stats().workers[0]!.fast - before;
  };
  t.equal(fast('203.0.113.1'), 0, 'the first packet makes the connection');
  t.equal(fast('203.0.113.1'), 1);
  t.equal(fast('203.0.113.2'), 0);
  const stamped = state[EPOCH]!;
  state[EPOCH] = 0x7ffffffc;
  t.equal(fast('203.0.113.2'), 0, 'another epoch: it walks');
  t.equal(fast('203.0.113.2'), 1);
  t.ok(state[EPOCH]! < stamped, 'numbers begin again');
  for (let tcp = 800; state[EPOCH]! < stamped; tcp++) plain.edit({ op: 'timeouts', timeouts: { tcp, tcpFin: 0, udp: 0 } });
  t.equal(state[EPOCH], stamped);
  t.equal(fast('203.0.113.1'), 0, 'its stamp of the same number is gone');
  t.equal(fast('203.0.113.1'), 1);
});
