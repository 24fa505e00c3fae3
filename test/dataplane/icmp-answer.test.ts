import t from 'tap';
import fc from 'fast-check';
import { answerHostUnreachable, answerPortUnreachable, answerTimeExceeded, answerTooBig, sendIcmpError } from '../../lib/dataplane/icmp-answer.ts';
import { IcmpLimit } from '../../lib/dataplane/icmp-limit.ts';
import { addressBytes, internetChecksum, transportChecksum, viewFrame } from '../support/frame-view.ts';
import { icmpMessage, ipPacket, ipv4Packet, ipv6Packet, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, CLIENT_MAC, packetOf, pathWorld, RIP, RIP6, RIP_MAC, stdNetwork, VIP, VIP6 } from './path-fixture.ts';

t.test('port unreachable comes from the VIP, quotes the packet, and has the recorded checksum', async (t) => {
  const { sink, ctx } = pathWorld();
  // packet-empty4: client SYN to a service without servers.
  const syn = ipv4Packet(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, 40001, 80, 2), { ident: 0x1111 });
  t.equal(answerPortUnreachable(packetOf(syn), ctx), 68);
  const { frame } = sink.sent.pop()!;
  t.match(viewFrame(frame), { dmac: CLIENT_MAC, tos: 0xc0, ttl: 64, fragment: 0, src: VIP, dst: CLIENT, type: 3, code: 3 });
  const ip = frame.subarray(14);
  t.equal(internetChecksum(ip.subarray(0, 20)), 0);
  t.equal(internetChecksum(ip.subarray(20)), 0);
  t.equal(ip.readUInt16BE(22), 0xfb29);
  t.equal(ip.readUInt32BE(24), 0);
  t.ok(ip.subarray(28).equals(syn));
});

t.test('IPv6: port unreachable 1/4 with hop limit 64 and a checksum over the pseudo header', async (t) => {
  const { sink, ctx } = pathWorld();
  const syn = ipv6Packet(CLIENT6, VIP6, 6, tcpSegment(CLIENT6, VIP6, 40001, 80, 2));
  t.equal(answerPortUnreachable(packetOf(syn), ctx), 108);
  const [ip] = sink.take();
  t.same([ip!.readUInt32BE(0), ip!.readUInt16BE(4), ip![6], ip![7], ip![40], ip![41]], [0x60000000, 68, 58, 64, 1, 4]);
  t.equal(transportChecksum(addressBytes(VIP6), addressBytes(CLIENT6), 58, ip!.subarray(40)), 0);
  t.ok(ip!.subarray(48).equals(syn));
});

t.test('quotes are cut so that the answer has 576 bytes, IPv6 1280', async (t) => {
  const { sink, ctx } = pathWorld();
  t.equal(answerTooBig(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(1480))), 1400, ctx), 576);
  t.equal(sink.take()[0]!.readUInt32BE(24), 1400);
  t.equal(answerTooBig(packetOf(ipv6Packet(CLIENT6, VIP6, 17, Buffer.alloc(1460))), 1400, ctx), 1280);
  const [six] = sink.take();
  t.same([six!.length, six!.readUInt16BE(4), six![40], six!.readUInt32BE(44)], [1280, 1240, 2, 1400]);
});

t.test('the TOS of the packet is kept but for precedence, which is internetwork control', async (t) => {
  const { sink, ctx } = pathWorld();
  for (const [tos, expected] of [[0, 0xc0], [0x10, 0xd0], [0xff, 0xde]]) {
    answerPortUnreachable(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(16), { tos: tos! })), ctx);
    t.equal(sink.take()[0]![1], expected);
  }
});

t.test('about a packet that passes through, the director answers from its address on that side', async (t) => {
  const { sink, ctx } = pathWorld();
  for (const [rip, client, dip] of [[RIP, CLIENT, '10.1.0.254'], [RIP6, CLIENT6, '2001:db8:1::fe']] as const) {
    answerTimeExceeded(packetOf(ipPacket(rip, client, 17, udpDatagram(rip, client, 53, 1, Buffer.alloc(4)))), ctx, true);
    const { frame, interfaceIdx } = sink.sent.pop()!;
    t.equal(interfaceIdx, 1);
    t.match(viewFrame(frame), { dmac: RIP_MAC, src: dip, dst: rip });
  }
});

t.test('never about ICMP errors, later fragments, groups, or nobody', async (t) => {
  const { sink, ctx } = pathWorld();
  const silent: [string, Buffer][] = [
    ['ICMP unreachable', ipv4Packet(CLIENT, VIP, 1, icmpMessage(CLIENT, VIP, 3, 3, 0, Buffer.alloc(28)))],
    ['ICMP type 40', ipv4Packet(CLIENT, VIP, 1, icmpMessage(CLIENT, VIP, 40, 0, 0, Buffer.alloc(28)))],
    ['ICMP cut before its type', ipv4Packet(CLIENT, VIP, 1, Buffer.alloc(0))],
    ['a later fragment', ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(32), { fragmentOff: 800 })],
    ['to a group', ipv4Packet(CLIENT, '224.0.0.5', 17, Buffer.alloc(32))],
    ['from a group', ipv4Packet('224.0.0.5', VIP, 17, Buffer.alloc(32))],
    ['from nobody', ipv4Packet('0.0.0.0', VIP, 17, Buffer.alloc(32))],
    ['from broadcast', ipv4Packet('255.255.255.255', VIP, 17, Buffer.alloc(32))],
    ['ICMPv6 error', ipv6Packet(CLIENT6, VIP6, 58, icmpMessage(CLIENT6, VIP6, 1, 0, 0, Buffer.alloc(48)))],
    ['ICMPv6 error behind options', ipv6Packet(CLIENT6, VIP6, 60, Buffer.concat([Buffer.from([58, 0, 1, 4, 0, 0, 0, 0]), icmpMessage(CLIENT6, VIP6, 1, 0, 0, Buffer.alloc(48))]))],
    ['a later IPv6 fragment', ipv6Packet(CLIENT6, VIP6, 44, Buffer.concat([Buffer.from([17, 0, 3, 32, 0, 0, 0, 1]), Buffer.alloc(32)]))],
    ['IPv6 to a group', ipv6Packet(CLIENT6, 'ff02::1', 17, Buffer.alloc(32))],
    ['IPv6 from nobody', ipv6Packet('::', VIP6, 17, Buffer.alloc(32))],
  ];
  for (const [what, ip] of silent) {
    ctx.answerBytes = 99;
    t.equal(answerPortUnreachable(packetOf(ip), ctx), 0, what);
    t.equal(ctx.answerBytes, 0);
  }
  t.equal(sink.sent.length, 0);
  t.ok(answerPortUnreachable(packetOf(ipv4Packet(CLIENT, VIP, 1, icmpMessage(CLIENT, VIP, 8, 0, 0, Buffer.alloc(8)))), ctx) > 0, 'but about an echo request');
  t.ok(answerPortUnreachable(packetOf(ipv6Packet(CLIENT6, VIP6, 58, icmpMessage(CLIENT6, VIP6, 128, 0, 0, Buffer.alloc(8)))), ctx) > 0);
});

t.test('an answer to the director itself is delivered, one without a route is not sent', async (t) => {
  const { sink, ctx } = pathWorld();
  t.ok(answerHostUnreachable(packetOf(ipv4Packet('198.51.100.1', VIP, 17, Buffer.alloc(16)), -1), ctx) > 0);
  t.match(sink.sent[0], { how: 'deliver', interfaceIdx: -1 });
  const lost = pathWorld({ ...stdNetwork(), routes: [] });
  t.equal(answerHostUnreachable(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(16))), lost.ctx), 0);
});

t.test('the limit: a burst of six and one a second for each target, fifty at once and a thousand a second in all, too big always', async (t) => {
  const world = pathWorld();
  const ctx = { ...world.ctx, icmpLimit: new IcmpLimit() };
  const from = (client: string): number => answerPortUnreachable(packetOf(ipv4Packet(client, VIP, 17, Buffer.alloc(16))), ctx);
  t.equal(Array.from({ length: 20 }, () => from(CLIENT)).filter((n) => n > 0).length, 6);
  ctx.nowMs = 999;
  t.equal(from(CLIENT), 0);
  ctx.nowMs = 1000;
  t.ok(from(CLIENT) > 0);
  t.equal(from(CLIENT), 0);
  ctx.nowMs = 5000;
  const answered = Array.from({ length: 200 }, (_, i) => from(`203.0.${100 + (i % 100)}.${i}`)).filter((n) => n > 0).length;
  t.equal(answered, 50);
  t.ok(answerTooBig(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(1480))), 1400, ctx) > 0);
});

t.test('no bytes, whatever they claim, make it throw or read beyond the packet', async (t) => {
  const { sink, ctx } = pathWorld();
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 120 }), fc.constantFrom(4, 6), fc.boolean(), (bytes, version, passing) => {
    const p = packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(130)));
    p.memory.u8.set(bytes, p.l3Off);
    p.memory.u8[p.l3Off] = (version << 4) | (bytes[0]! & 15);
    const end = p.l3Off + bytes.length;
    p.memory.u8.fill(0xaa, end);
    sendIcmpError(p.memory, p.l3Off, end, 3, 3, 0, passing, 0, ctx);
    return sink.take().every((ip) => ip.length <= 48 + bytes.length);
  }), { numRuns: 500 });
});
