import t from 'tap';
import { leaveByForwarding, leaveByIpvs, noRouteByForwarding, noRouteByIpvs } from '../../../lib/dataplane/forward/out-route.ts';
import { ROUTE_BLACKHOLE, ROUTE_NONE, ROUTE_PROHIBIT, ROUTE_UNREACHABLE } from '../../../lib/dataplane/network.ts';
import { CONTINUE, DROP as DROPPED } from '../../../lib/dataplane/verdict.ts';
import { OFFLOAD_GSO_TCP4 } from '../../../lib/wire/frame.ts';
import { internetChecksum } from '../../support/frame-view.ts';
import { ipPacket, ipv4Packet, ipv6Packet, tcpSegment } from '../../support/frame-builder.ts';
import { CLIENT, CLIENT6, dropsOf, packetOf, pathWorld, RIP, RIP6, VIP, VIP6, words } from '../path-fixture.ts';

const VIP_WORD = words(VIP)[0]!;

t.test('TTL goes down by one and the header checksum stays right, for every TTL and checksum', async (t) => {
  const { ctx } = pathWorld();
  for (let n = 0; n < 2000; n++) {
    const p = packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(8), { ttl: 2 + (n % 254), ident: (n * 7919) & 0xffff }));
    if (leaveByIpvs(p, 1500, false, ctx) !== CONTINUE) t.fail('stopped');
    const header = Buffer.from(p.memory.u8.subarray(p.l3Off, p.l3Off + 20));
    if (header[8] !== 1 + (n % 254) || internetChecksum(header) !== 0) t.fail(`ident ${(n * 7919) & 0xffff}`);
  }
  const six = packetOf(ipv6Packet(CLIENT6, VIP6, 17, Buffer.alloc(8), { ttl: 2 }));
  t.equal(leaveByIpvs(six, 1500, false, ctx), CONTINUE);
  t.equal(six.memory.u8[six.l3Off + 7], 1);
});

t.test('TTL 1: the client hears of it from the VIP, a real server from the director, and both see their packet as they sent it', async (t) => {
  const { sink, ctx, drops } = pathWorld();
  for (const [from, to] of [[CLIENT, VIP], [CLIENT6, VIP6]] as const) {
    t.equal(leaveByIpvs(packetOf(ipPacket(from, to, 17, Buffer.alloc(8), { ttl: 1 })), 1500, false, ctx), DROPPED);
  }
  for (const [from, to] of [[RIP, CLIENT], [RIP6, CLIENT6]] as const) {
    t.equal(leaveByForwarding(packetOf(ipPacket(from, to, 17, Buffer.alloc(8), { ttl: 1 }), 1), 1500, VIP_WORD, ctx), DROPPED);
  }
  t.same(sink.take().map((ip) => (ip[0] === 0x45 ? [ip[12], ip[20], ip[36]] : [ip[23], ip[40], ip[55]])), [[192, 11, 1], [0x10, 3, 1], [10, 11, 1], [0xfe, 3, 1]]);
  t.same(dropsOf(drops), { ttlExceeded: 4 });
});

t.test('too big towards a real server is quoted with TTL decremented, from a real server as it came', async (t) => {
  const { sink, ctx } = pathWorld();
  t.equal(leaveByIpvs(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(1400))), 1400, false, ctx), DROPPED);
  t.equal(ctx.answerBytes, 576);
  t.equal(leaveByForwarding(packetOf(ipv4Packet(RIP, CLIENT, 17, Buffer.alloc(1400)), 1), 1400, VIP_WORD, ctx), DROPPED);
  t.same(sink.take().map((ip) => [ip.readUInt32BE(24), ip[36]]), [[1400, 63], [1400, 64]]);
  t.equal(leaveByIpvs(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(1400), { dontFragment: false })), 1400, false, ctx), CONTINUE, 'without DF it will be cut');
  t.equal(leaveByForwarding(packetOf(ipv6Packet(RIP6, CLIENT6, 17, Buffer.alloc(1300)), 1), 1000, 0, ctx), DROPPED);
  t.equal(sink.take()[0]!.readUInt32BE(44), 1280, 'IPv6 never speaks of less than 1280');
});

t.test('ICMP errors that IPVS forwards are not too big for anything, in IPv4', async (t) => {
  const { sink, ctx } = pathWorld();
  t.equal(leaveByIpvs(packetOf(ipv4Packet(CLIENT, VIP, 1, Buffer.alloc(1400))), 1400, false, ctx), CONTINUE);
  t.equal(leaveByIpvs(packetOf(ipv6Packet(CLIENT6, VIP6, 58, Buffer.alloc(1400))), 1400, false, ctx), DROPPED);
  t.equal(sink.sent.length, 0);
});

t.test('a super-frame is judged by its segments', async (t) => {
  const { ctx } = pathWorld();
  const ip = ipv4Packet(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, 1, 2, 16, { data: Buffer.alloc(5000) }));
  t.equal(leaveByIpvs(packetOf(ip, 0, OFFLOAD_GSO_TCP4 | 1460), 1500, false, ctx), CONTINUE);
  t.equal(leaveByIpvs(packetOf(ip, 0, OFFLOAD_GSO_TCP4 | 1460), 1499, false, ctx), DROPPED);
});

t.test('what is said when there is no route, as recorded', async (t) => {
  const { sink, ctx, drops } = pathWorld();
  noRouteByIpvs(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(8))), ctx);
  noRouteByIpvs(packetOf(ipv6Packet(CLIENT6, VIP6, 17, Buffer.alloc(8))), ctx);
  t.same(sink.take().map((ip) => (ip[0] === 0x45 ? [ip[20], ip[21]] : [ip[40], ip[41]])), [[3, 1], [1, 3]]);
  for (const [route, four, six] of [[ROUTE_NONE, [3, 0], [1, 0]], [ROUTE_UNREACHABLE, [3, 1], [1, 0]], [ROUTE_PROHIBIT, null, [1, 1]], [ROUTE_BLACKHOLE, null, null]] as const) {
    noRouteByForwarding(packetOf(ipv4Packet(RIP, CLIENT, 17, Buffer.alloc(8)), 1), route, ctx);
    t.same(sink.take().map((ip) => [ip[20], ip[21]]), four === null ? [] : [four]);
    noRouteByForwarding(packetOf(ipv6Packet(RIP6, CLIENT6, 17, Buffer.alloc(8)), 1), route, ctx);
    t.same(sink.take().map((ip) => [ip[40], ip[41]]), six === null ? [] : [six]);
  }
  t.same(dropsOf(drops), { noRoute: 8, blackhole: 2 });
});

t.test('record route gets the VIP; source routes are refused; damaged options are answered', async (t) => {
  const { sink, ctx, drops } = pathWorld();
  const withOptions = (hex: string): Buffer => ipv4Packet(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, 1, 2, 2), { options: Buffer.from(hex, 'hex') });
  for (const [before, after] of [['0707040000000000', '070708c000020a00'], ['070f04000000000000000000000000', '070f08c000020a000000000000000000'],
    ['0707080102030400', '0707080102030400'], ['01010100', '01010100'], ['94040000', '94040000']]) {
    const p = packetOf(withOptions(before!));
    t.equal(leaveByIpvs(p, 1500, false, ctx), CONTINUE);
    t.equal(Buffer.from(p.memory.u8.subarray(p.l3Off + 20, p.l4Off)).toString('hex'), after);
    t.equal(internetChecksum(p.memory.u8.subarray(p.l3Off, p.l4Off)), 0);
  }
  const answer = packetOf(withOptions('0707040000000000'), 1);
  t.equal(leaveByForwarding(answer, 1500, VIP_WORD, ctx), CONTINUE);
  t.equal(Buffer.from(answer.memory.u8.subarray(answer.l3Off + 20, answer.l4Off)).toString('hex'), '070708c000020a00');
  t.equal(leaveByIpvs(packetOf(withOptions('8307040a01000100')), 1500, false, ctx), DROPPED);
  t.equal(sink.sent.length, 0);
  for (const [options, pointer] of [['0720040000000000', 20], ['0707020000000000', 22], ['01070204', 22]] as const) {
    t.equal(leaveByIpvs(packetOf(withOptions(options)), 1500, false, ctx), DROPPED);
    const [problem] = sink.take();
    t.same([problem![20], problem![21], problem![24]], [12, 0, pointer]);
  }
  t.same(dropsOf(drops), { malformedIpv4: 4 });
});

t.test('options that lie about their lengths never reach beyond the header', async (t) => {
  const { ctx } = pathWorld();
  for (let n = 0; n < 4000; n++) {
    const options = Buffer.from(Array.from({ length: 12 }, (_, i) => (Math.imul(n * 12 + i + 1, 0x9e3779b1) >>> 24) & (i % 3 === 0 ? 0x87 : 0x0f)));
    const p = packetOf(ipv4Packet(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, 1, 2, 2), { options }));
    const payload = Buffer.from(p.memory.u8.subarray(p.l4Off, p.l3End));
    leaveByIpvs(p, 1500, false, ctx);
    if (!payload.equals(p.memory.u8.subarray(p.l4Off, p.l3End))) t.fail(options.toString('hex'));
  }
});
