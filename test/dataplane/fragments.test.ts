import t from 'tap';
import fc from 'fast-check';
import { FRAGMENT_COMPLETE, FRAGMENT_DROPPED, FRAGMENT_HELD, Fragments } from '../../lib/dataplane/fragments.ts';
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';
import { FragmentSizes } from '../../lib/dataplane/fragment-sizes.ts';
import { ScratchRing } from '../../lib/dataplane/scratch-ring.ts';
import type { Packet } from '../../lib/dataplane/packet.ts';
import { internetChecksum } from '../support/frame-view.ts';
import { ipv4Packet, ipv6Packet, udpDatagram } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, dropsOf, packetOf, pathWorld, RIP, RIP6, routeTo, stdNetwork, VIP, VIP6 } from './path-fixture.ts';

interface Piece { readonly off: number; readonly end: number }
interface FragmentFields { ident?: number; tos?: number; dontFragment?: boolean; more?: boolean; ttl?: number; from?: string }

const DATA = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 11) & 0xff));

function world(maxBytes = 1 << 20): { fragments: Fragments; drops: Float64Array; sizes: FragmentSizes } {
  const drops = new Float64Array(DROP_REASONS.length);
  const sizes = new FragmentSizes();
  return { fragments: new Fragments({ maxBytes, sizes, scratch: new ScratchRing(1 << 20), drops, random: () => 0.5 }), drops, sizes };
}

function fragment4(data: Buffer, { off, end }: Piece, fields: FragmentFields = {}): Packet {
  return packetOf(ipv4Packet(fields.from ?? CLIENT, VIP, 17, data.subarray(off, end), {
    ident: fields.ident ?? 7, dontFragment: fields.dontFragment ?? false, moreFragments: fields.more ?? end < data.length, fragmentOff: off, tos: fields.tos ?? 0, ttl: fields.ttl ?? 64,
  }));
}

function fragment6(data: Buffer, { off, end }: Piece, fields: FragmentFields = {}): Packet {
  const header = Buffer.alloc(16);
  header[0] = 44;
  header.set([1, 4, 0, 0, 0, 0], 2);
  header[8] = 17;
  header.writeUInt16BE(off | ((fields.more ?? end < data.length) ? 1 : 0), 10);
  header.writeUInt32BE(fields.ident ?? 7, 12);
  return packetOf(ipv6Packet(fields.from ?? CLIENT6, VIP6, 0, Buffer.concat([header, data.subarray(off, end)]), { tos: fields.tos ?? 0, ttl: fields.ttl ?? 64 }));
}

function pieces(...ends: number[]): Piece[] {
  return ends.map((end, i) => ({ off: ends[i - 1] ?? 0, end }));
}

function bytesOf(p: Packet): Buffer {
  return Buffer.from(p.memory.u8.subarray(p.l3Off, p.l3End));
}

t.test('an IPv4 datagram comes whole out of its fragments, in any order', async (t) => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]]) {
    const { fragments, sizes, drops } = world();
    const cut = pieces(1480, 2960, 4000);
    const packets = order.map((i) => fragment4(DATA, cut[i]!, { ttl: 60 + i }));
    t.equal(fragments.offer(packets[0]!, 0), FRAGMENT_HELD);
    t.equal(fragments.offer(packets[1]!, 1), FRAGMENT_HELD);
    t.ok(fragments.bytes > 0);
    const p = packets[2]!;
    t.equal(fragments.offer(p, 2), FRAGMENT_COMPLETE);
    const whole = bytesOf(p);
    t.ok(whole.subarray(20).equals(DATA));
    t.equal(internetChecksum(whole.subarray(0, 20)), 0);
    t.same([whole.readUInt16BE(2), whole.readUInt16BE(4), whole.readUInt16BE(6), whole[8]], [4020, 7, 0, 60], 'header of the first fragment');
    t.same([p.reassembledMax, p.isFragment, p.l3Off & 3, p.l4Off - p.l3Off], [1500, false, 0, 20]);
    t.same([...sizes.payload.subarray(0, sizes.count)], [1480, 1480, 1040]);
    t.equal(fragments.bytes, 0);
    t.same(dropsOf(drops), {});
  }
});

t.test('an IPv6 datagram comes out without its fragment header, behind its other extension headers', async (t) => {
  const { fragments, sizes } = world();
  const [a, b] = pieces(1448, 4000).map((piece) => fragment6(DATA, piece));
  t.equal(fragments.offer(b!, 0), FRAGMENT_HELD);
  t.equal(fragments.offer(a!, 0), FRAGMENT_COMPLETE);
  const whole = bytesOf(a!);
  t.same([whole[6], whole[40], whole.readUInt16BE(4)], [0, 17, 8 + 4000]);
  t.ok(whole.subarray(48).equals(DATA));
  t.same([...sizes.payload.subarray(0, sizes.count)], [1448, 2552]);
  t.equal(a!.reassembledMax, 40 + 16 + 2552);
});

t.test('the reassembled datagram leaves in the pieces it came in', async (t) => {
  for (const [make, rip, header] of [[fragment4, RIP, 20], [fragment6, RIP6, 56]] as const) {
    const { network, sink } = pathWorld();
    const fragments = new Fragments({ maxBytes: 1 << 20, sizes: network.sizes, scratch: network.scratch, drops: new Float64Array(64), random: () => 0.5 });
    const packets = pieces(800, 2000, 2800, 4000).map((piece) => make(DATA, piece));
    for (const p of packets.slice(0, 3)) fragments.offer(p, 0);
    const p = packets[3]!;
    t.equal(fragments.offer(p, 0), FRAGMENT_COMPLETE);
    network.sendPacket(p, routeTo(network, rip), sink);
    const out = sink.take();
    t.same(out.map((ip) => ip.length - header), [800, 1200, 800, 1200]);
    t.ok(Buffer.concat(out.map((ip) => ip.subarray(header))).equals(DATA));
    if (make === fragment4) t.same(out.map((ip) => [ip.readUInt16BE(4), ip.readUInt16BE(6)]), [[7, 0x2000], [7, 0x2000 | 100], [7, 0x2000 | 250], [7, 350]]);
  }
});

t.test('pieces larger than the outgoing MTU are cut smaller', async (t) => {
  const { network, sink } = pathWorld(stdNetwork(1400));
  const fragments = new Fragments({ maxBytes: 1 << 20, sizes: network.sizes, scratch: network.scratch, drops: new Float64Array(64), random: () => 0.5 });
  const [a, b] = pieces(1480, 2000).map((piece) => fragment4(DATA.subarray(0, 2000), piece));
  fragments.offer(a!, 0);
  fragments.offer(b!, 0);
  network.sendPacket(b!, routeTo(network, RIP), sink);
  t.same(sink.take().map((ip) => ip.length - 20), [1376, 624]);
});

t.test('a copy of what is here is ignored; an overlap ends the datagram', async (t) => {
  for (const make of [fragment4, fragment6]) {
    const { fragments, drops } = world();
    const at = (off: number, end: number): number => fragments.offer(make(DATA, { off, end }), 0);
    t.equal(at(0, 800), FRAGMENT_HELD);
    t.equal(at(800, 1600), FRAGMENT_HELD);
    t.equal(at(400, 1200), FRAGMENT_HELD, 'inside an unbroken run');
    t.equal(at(0, 800), FRAGMENT_HELD);
    t.same(dropsOf(drops), {});
    t.equal(at(1200, 2000), FRAGMENT_DROPPED);
    t.same(dropsOf(drops), { fragmentOverlap: 3 });
    t.equal(fragments.bytes, 0);
  }
});

t.test('ends that contradict each other end the datagram', async (t) => {
  const { fragments, drops } = world();
  t.equal(fragments.offer(fragment4(DATA, { off: 800, end: 1600 }, { more: false }), 0), FRAGMENT_HELD);
  t.equal(fragments.offer(fragment4(DATA, { off: 1600, end: 2400 }), 0), FRAGMENT_DROPPED, 'beyond the end');
  t.equal(fragments.offer(fragment4(DATA, { off: 800, end: 1600 }), 0), FRAGMENT_HELD);
  t.equal(fragments.offer(fragment4(DATA, { off: 0, end: 800 }, { more: false }), 0), FRAGMENT_DROPPED, 'an end before what is here');
  t.same(dropsOf(drops), { fragmentOverlap: 4 });
});

t.test('beyond 65535 bytes, without payload, or of disagreeing ECN: dropped with a reason', async (t) => {
  const { fragments, drops } = world();
  t.equal(fragments.offer(fragment4(Buffer.alloc(70000), { off: 65512, end: 65520 }), 0), FRAGMENT_DROPPED);
  t.equal(fragments.offer(fragment6(Buffer.alloc(70000), { off: 65520, end: 65544 }), 0), FRAGMENT_DROPPED);
  t.same(dropsOf(drops), { fragmentOversize: 2 });
  t.equal(fragments.offer(fragment4(DATA, { off: 80, end: 80 }), 0), FRAGMENT_DROPPED);
  const two = pieces(800, 1600);
  fragments.offer(fragment4(DATA.subarray(0, 1600), two[0]!, { tos: 0 }), 0);
  t.equal(fragments.offer(fragment4(DATA.subarray(0, 1600), two[1]!, { tos: 2 }), 0), FRAGMENT_DROPPED);
  t.same(dropsOf(drops), { fragmentOversize: 2, malformedIpv4: 3 });
  fragments.offer(fragment4(DATA.subarray(0, 1600), two[0]!, { tos: 2 }), 0);
  const p = fragment4(DATA.subarray(0, 1600), two[1]!, { tos: 3 });
  t.equal(fragments.offer(p, 0), FRAGMENT_COMPLETE);
  t.equal(bytesOf(p)[1], 3, 'congestion met by one fragment is met by the datagram');
});

t.test('incomplete datagrams end after 30 and 60 seconds, and the first fragment is told', async (t) => {
  const { fragments, drops } = world();
  const quoted: Buffer[] = [];
  const onTimeout = (memory: Packet['memory'], off: number, end: number): void => void quoted.push(Buffer.from(memory.u8.subarray(off, end)));
  const first = fragment4(DATA, { off: 0, end: 800 });
  const original = bytesOf(first);
  fragments.offer(first, 1000);
  fragments.offer(fragment4(DATA, { off: 800, end: 1600 }, { ident: 8 }), 1500);
  fragments.offer(fragment6(DATA, { off: 0, end: 800 }), 2000);
  t.equal(fragments.expire(30_999, onTimeout), 1);
  t.equal(fragments.expire(31_000, onTimeout), 500);
  t.same(quoted.map((q) => q.subarray(20).equals(original.subarray(20))), [true]);
  t.equal(fragments.expire(31_500, onTimeout), 30_500);
  t.equal(fragments.expire(62_000, onTimeout), Infinity);
  t.equal(quoted.length, 2, 'nothing is said where the first fragment never came');
  t.same(dropsOf(drops), { fragmentTimeout: 3 });
  t.equal(fragments.bytes, 0);
});

t.test('the sender of an IPv6 fragment is shown it as it was, fragment header and all', async (t) => {
  const { fragments } = world();
  const first = fragment6(DATA, { off: 0, end: 800 });
  const original = bytesOf(first);
  fragments.offer(first, 0);
  let quoted = Buffer.alloc(0);
  fragments.expire(60_000, (memory, off, end) => void (quoted = Buffer.from(memory.u8.subarray(off, end))));
  t.ok(quoted.equals(original));
});

t.test('an IPv6 fragment that is alone loses its fragment header and is whole', async (t) => {
  const { fragments } = world();
  const p = fragment6(DATA.subarray(0, 100), { off: 0, end: 100 });
  t.equal(fragments.offer(p, 0), FRAGMENT_COMPLETE);
  t.equal(bytesOf(p).length, 40 + 8 + 100);
  const { network, sink } = pathWorld();
  network.sendPacket(p, routeTo(network, RIP6), sink);
  t.same(sink.take().map((ip) => ip.length), [148], 'and stays so');
});

t.test('memory is bounded: the oldest incomplete datagram goes first', async (t) => {
  const { fragments, drops } = world(256 * 512);
  for (let ident = 0; ident < 200; ident++) fragments.offer(fragment4(DATA, { off: 0, end: 1480 }, { ident }), ident);
  t.ok(fragments.bytes <= 256 * 512);
  t.equal(dropsOf(drops).fragmentMemory, 200 - Math.floor(256 / 3));
  t.equal(fragments.offer(fragment4(DATA, { off: 1480, end: 4000 }, { ident: 199 }), 300), FRAGMENT_COMPLETE, 'the newest is still here');
  t.equal(fragments.offer(fragment4(DATA, { off: 1480, end: 4000 }, { ident: 0 }), 300), FRAGMENT_HELD, 'the oldest is not');
});

t.test('datagrams of other addresses, protocols and identifications do not mix', async (t) => {
  const { fragments } = world();
  const two = pieces(800, 1600);
  const half = DATA.subarray(0, 1600);
  t.equal(fragments.offer(fragment4(half, two[0]!), 0), FRAGMENT_HELD);
  t.equal(fragments.offer(fragment4(half, two[1]!, { ident: 8 }), 0), FRAGMENT_HELD);
  t.equal(fragments.offer(fragment4(half, two[1]!, { from: '203.0.113.8' }), 0), FRAGMENT_HELD);
  const tcp = packetOf(ipv4Packet(CLIENT, VIP, 6, half.subarray(800), { ident: 7, dontFragment: false, fragmentOff: 800 }));
  t.equal(fragments.offer(tcp, 0), FRAGMENT_HELD);
  t.equal(fragments.offer(fragment4(half, two[1]!), 0), FRAGMENT_COMPLETE);
});

t.test('any way to cut and shuffle a datagram gives it back; nothing stays in memory', async (t) => {
  const { fragments, drops } = world();
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), fc.integer({ min: 0, max: 7 }), fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), fc.boolean(),
    (units, tail, random, six) => {
      const data = udpDatagram(CLIENT, VIP, 1, 2, DATA.subarray(0, units.reduce((sum, u) => sum + u * 8, 0) + tail));
      const ends: number[] = [];
      for (const u of units) ends.push((ends.at(-1) ?? 0) + u * 8);
      const cut = pieces(...ends, data.length);
      const packets = cut.map((piece) => (six ? fragment6 : fragment4)(data, piece)).map((p) => ({ p, key: random.next().value as number })).sort((a, b) => a.key - b.key).map(({ p }) => p);
      const results = packets.map((p) => fragments.offer(p, 0));
      if (results.at(-1) !== FRAGMENT_COMPLETE || results.slice(0, -1).some((r) => r !== FRAGMENT_HELD)) return false;
      return bytesOf(packets.at(-1)!).subarray(six ? 48 : 20).equals(data) && fragments.bytes === 0;
    }), { numRuns: 300 });
  t.same(dropsOf(drops), {});
});
