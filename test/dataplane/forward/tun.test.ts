import t, { type Test } from 'tap';
import { forwardTunnel, tunnelOverhead, type TunnelTarget } from '../../../lib/dataplane/forward/tun.ts';
import { DROP as DROPPED, TRANSMIT } from '../../../lib/dataplane/verdict.ts';
import { OFFLOAD_GSO_TCP4, OFFLOAD_PARTIAL } from '../../../lib/wire/frame.ts';
import type { TunnelChecksum, TunnelType } from '../../../lib/model/destination.ts';
import { addressBytes, internetChecksum, transportChecksum, viewFrame } from '../../support/frame-view.ts';
import { ethernetFrame, ipPacket, ipv4Packet, tcpSegment } from '../../support/frame-builder.ts';
import { CL0_MAC, CLIENT, CLIENT6, CLIENT_MAC, dropsOf, packetOf, pathWorld, RIP, RIP6, RIP_MAC, routeTo, RS0_MAC, stdNetwork, VIP, VIP6, words } from '../path-fixture.ts';

function targetOf(type: TunnelType, checksum: TunnelChecksum, address: string): TunnelTarget {
  return { type, checksum, port: type === 'gue' ? 6080 : 0, family: address.includes(':') ? 6 : 4, words: words(address) };
}

/** What a real server's kernel does with an outer packet: every outer field checked, the inner packet returned. */
function decapsulate(t: Test, outer: Buffer, target: TunnelTarget): Buffer {
  const six = target.family === 6;
  const header = six ? 40 : 20;
  if (six) {
    t.equal(outer.readUInt16BE(4), outer.length - 40);
    t.ok(outer.subarray(8, 24).equals(addressBytes('2001:db8:1::fe')) && outer.subarray(24, 40).equals(addressBytes(RIP6)));
  } else {
    t.equal(internetChecksum(outer.subarray(0, 20)), 0, 'outer header checksum');
    t.equal(outer.readUInt16BE(2), outer.length);
    t.ok(outer.subarray(12, 16).equals(addressBytes('10.1.0.254')) && outer.subarray(16, 20).equals(addressBytes(RIP)));
  }
  const protocol = six ? outer[6]! : outer[9]!;
  const payload = outer.subarray(header);
  const source = six ? outer.subarray(8, 24) : outer.subarray(12, 16);
  const destination = six ? outer.subarray(24, 40) : outer.subarray(16, 20);
  switch (protocol) {
    case 4:
    case 41:
      t.equal(payload[0]! >> 4, protocol === 4 ? 4 : 6);
      return payload;
    case 17: {
      t.equal(payload.readUInt16BE(2), 6080);
      t.ok(payload.readUInt16BE(0) >= 32768 && payload.readUInt16BE(0) <= 60999);
      t.equal(payload.readUInt16BE(4), payload.length);
      if (target.checksum === 'none') t.equal(payload.readUInt16BE(6), 0);
      else t.equal(transportChecksum(source, destination, 17, payload), 0, 'outer UDP checksum');
      t.same([...payload.subarray(8, 12)], [0, payload[12]! >> 4 === 4 ? 4 : 41, 0, 0]);
      return payload.subarray(12);
    }
    case 47: {
      const inner = payload.subarray(target.checksum === 'csum' ? 8 : 4);
      t.equal(payload.readUInt16BE(0), target.checksum === 'csum' ? 0x8000 : 0);
      t.equal(payload.readUInt16BE(2), inner[0]! >> 4 === 4 ? 0x0800 : 0x86dd);
      if (target.checksum === 'csum') t.equal(internetChecksum(payload), 0, 'GRE checksum');
      return inner;
    }
    default:
      throw new Error(`outer protocol ${protocol}`);
  }
}


const TYPES: readonly (readonly [TunnelType, TunnelChecksum, number, number])[] = [
  ['ipip', 'none', 20, 40], ['gre', 'none', 24, 44], ['gre', 'csum', 28, 48], ['gue', 'none', 32, 52], ['gue', 'csum', 32, 52], ['gue', 'remcsum', 32, 52],
];

for (const [type, checksum, overhead4, overhead6] of TYPES) {
  t.test(`${type} ${checksum}: the packet arrives whole but for its TTL, in all four combinations of families`, async (t) => {
    for (const [client, vip] of [[CLIENT, VIP], [CLIENT6, VIP6]] as const) {
      for (const rip of [RIP, RIP6]) {
        const { network, sink, ctx } = pathWorld();
        const target = targetOf(type, checksum, rip);
        t.equal(tunnelOverhead(target), rip === RIP ? overhead4 : overhead6);
        const tcp = tcpSegment(client, vip, 40001, 80, 24, { seq: 1, data: Buffer.from('an odd number of bytes..'.repeat(3) + '!') });
        const ip = ipPacket(client, vip, 6, tcp, { ttl: 17, tos: 0xb9, ident: 0x4321 });
        const p = packetOf(ip);
        t.equal(forwardTunnel(p, target, routeTo(network, rip), ctx), TRANSMIT);
        const { frame, interfaceIdx } = sink.sent[0]!;
        t.equal(sink.sent.length, 1);
        t.equal(interfaceIdx, 1);
        t.match(viewFrame(frame), { dmac: RIP_MAC, smac: RS0_MAC, ttl: 16, etherType: rip === RIP ? 0x0800 : 0x86dd });
        const outer = frame.subarray(14);
        const tos = rip === RIP ? outer[1] : (outer.readUInt16BE(0) >> 4) & 0xff;
        t.equal(tos, 0xb9, 'TOS with ECT(1) copied');
        if (rip === RIP) t.equal(outer.readUInt16BE(6), client === CLIENT ? 0x4000 : 0, 'DF is the inner packet\'s');
        const inner = decapsulate(t, outer, target);
        const expected = ipPacket(client, vip, 6, tcp, { ttl: 16, tos: 0xb9, ident: 0x4321 });
        t.ok(inner.equals(expected), 'inner packet');
      }
    }
  });

  t.test(`${type} ${checksum}: a super-frame with partial checksum becomes whole segments, each in its own tunnel packet`, async (t) => {
    for (const rip of [RIP, RIP6]) {
      const { network, sink, ctx } = pathWorld();
      const target = targetOf(type, checksum, rip);
      const data = Buffer.from(Array.from({ length: 4001 }, (_, i) => (i * 31) & 0xff));
      const tcp = tcpSegment(CLIENT, VIP, 40001, 80, 24, { seq: 1000, data });
      tcp.writeUInt16BE(0x1234, 16);
      const p = packetOf(ipPacket(CLIENT, VIP, 6, tcp), 0, OFFLOAD_GSO_TCP4 | OFFLOAD_PARTIAL | 1400);
      t.equal(forwardTunnel(p, target, routeTo(network, rip), ctx), TRANSMIT);
      t.same(sink.sent.map(({ offload }) => offload), [0, 0, 0]);
      const stream = sink.take().map((outer, i) => {
        const inner = decapsulate(t, outer, target);
        t.equal(internetChecksum(inner.subarray(0, 20)), 0);
        t.equal(transportChecksum(addressBytes(CLIENT), addressBytes(VIP), 6, inner.subarray(20)), 0, 'inner checksum');
        t.equal(inner[8], 63);
        t.equal(inner.readUInt32BE(24), 1000 + 1400 * i);
        return inner.subarray(40);
      });
      t.ok(Buffer.concat(stream).equals(data));
    }
  });

  t.test(`${type} ${checksum}: a partial checksum is completed`, async (t) => {
    const { network, sink, ctx } = pathWorld();
    const target = targetOf(type, checksum, RIP);
    const tcp = tcpSegment(CLIENT, VIP, 40001, 80, 24, { data: Buffer.from('abc') });
    const good = tcp.readUInt16BE(16);
    tcp.writeUInt16BE(~good & 0xffff, 16);
    forwardTunnel(packetOf(ipPacket(CLIENT, VIP, 6, tcp), 0, OFFLOAD_PARTIAL), target, routeTo(network, RIP), ctx);
    t.equal(sink.sent[0]!.offload, 0);
    t.equal(decapsulate(t, sink.take()[0]!, target).readUInt16BE(36), good);
  });

  t.test(`${type} ${checksum}: with DF the client learns what fits; without DF the outer packet is cut`, async (t) => {
    const { network, sink, ctx, drops } = pathWorld();
    const target = targetOf(type, checksum, RIP);
    const fits = 1500 - overhead4;
    const packet = (length: number, dontFragment: boolean): Buffer => ipPacket(CLIENT, VIP, 17, Buffer.alloc(length - 20, 5), { dontFragment, ident: 9 });
    t.equal(forwardTunnel(packetOf(packet(fits, true)), target, routeTo(network, RIP), ctx), TRANSMIT);
    t.equal(sink.take()[0]!.length, 1500);
    t.equal(forwardTunnel(packetOf(packet(fits + 1, true)), target, routeTo(network, RIP), ctx), DROPPED);
    t.same(dropsOf(drops), { tooBig: 1 });
    const [answer] = sink.take();
    t.match(viewFrame(ethernetFrame(CLIENT_MAC, CL0_MAC, answer!)), { src: VIP, dst: CLIENT, type: 3, code: 4 });
    t.equal(answer!.readUInt32BE(24), fits);
    t.equal(answer![36], 63, 'quoted with the TTL decremented');
    t.equal(ctx.answerBytes, 576);
    t.equal(forwardTunnel(packetOf(packet(fits + 1, false)), target, routeTo(network, RIP), ctx), TRANSMIT);
    const pieces = sink.take();
    t.equal(pieces.length, 2);
    t.ok(pieces.every((piece) => piece.readUInt16BE(4) === pieces[0]!.readUInt16BE(4)));
    const whole = Buffer.concat([pieces[0]!.subarray(0, 20), ...pieces.map((piece) => piece.subarray(20))]);
    whole.writeUInt16BE(whole.length, 2);
    whole.writeUInt16BE(0, 6);
    whole.writeUInt16BE(0, 10);
    whole.writeUInt16BE(internetChecksum(whole.subarray(0, 20)), 10);
    t.equal(decapsulate(t, whole, target).length, fits + 1);
  });
}

t.test('pmtu_disc=0: no DF outside, and too large is cut whatever the client said', async (t) => {
  const { network, sink, ctx } = pathWorld();
  ctx.sysctl.pmtu_disc = 0;
  const target = targetOf('ipip', 'none', RIP);
  t.equal(forwardTunnel(packetOf(ipPacket(CLIENT, VIP, 17, Buffer.alloc(1480, 5))), target, routeTo(network, RIP), ctx), TRANSMIT);
  t.same(sink.take().map((ip) => [ip.length, ip.readUInt16BE(6)]), [[1500, 0x2000], [40, 185]]);
});

t.test('CE inside is ECT(0) outside', async (t) => {
  const { network, sink, ctx } = pathWorld();
  forwardTunnel(packetOf(ipPacket(CLIENT, VIP, 17, Buffer.alloc(16), { tos: 3 })), targetOf('ipip', 'none', RIP), routeTo(network, RIP), ctx);
  const [outer] = sink.take();
  t.same([outer![1], outer![21]], [2, 3]);
});

t.test('TTL 1 draws time exceeded from the VIP and goes nowhere', async (t) => {
  const { network, sink, ctx, drops } = pathWorld();
  t.equal(forwardTunnel(packetOf(ipPacket(CLIENT, VIP, 17, Buffer.alloc(16), { ttl: 1 })), targetOf('gre', 'none', RIP), routeTo(network, RIP), ctx), DROPPED);
  const [answer] = sink.take();
  t.same([answer![20], answer![21], answer![36]], [11, 0, 1]);
  t.same(dropsOf(drops), { ttlExceeded: 1 });
});

t.test('a destination without a source address of its family is unreachable', async (t) => {
  const base = stdNetwork();
  const { network, sink, ctx, drops } = pathWorld({ ...base, interfaces: base.interfaces.map((i) => ({ ...i, addresses: i.addresses.filter((a) => !a.includes(':')) })) });
  t.equal(forwardTunnel(packetOf(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(16))), targetOf('ipip', 'none', RIP6), routeTo(network, RIP6), ctx), DROPPED);
  t.same([sink.sent.length, dropsOf(drops)], [0, { noRoute: 1 }]);
});

t.test('packets of a flow share their GUE source port, flows differ', async (t) => {
  const { network, sink, ctx } = pathWorld();
  const target = targetOf('gue', 'none', RIP);
  for (const port of [40001, 40001, 40002, 40003, 40004]) forwardTunnel(packetOf(ipPacket(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, port, 80, 16))), target, routeTo(network, RIP), ctx);
  const ports = sink.take().map((ip) => ip.readUInt16BE(20));
  t.equal(ports[0], ports[1]);
  t.ok(new Set(ports).size > 2);
});

t.test('a tagged frame keeps its tag around the tunnel packet when it goes back to its own interface', async (t) => {
  const { network, sink, ctx } = pathWorld();
  const ip = ipPacket(CLIENT, VIP, 17, Buffer.alloc(16));
  forwardTunnel(packetOf(ip, 1, 0, Buffer.from('81000064', 'hex')), targetOf('ipip', 'none', RIP), routeTo(network, RIP), ctx);
  const { frame } = sink.sent.pop()!;
  t.equal(frame.subarray(12, 18).toString('hex'), '810000640800');
  t.ok(decapsulate(t, frame.subarray(18), targetOf('ipip', 'none', RIP)).subarray(20).equals(ip.subarray(20)));
});
