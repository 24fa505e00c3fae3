import t from 'tap';
import { DROP } from '../../lib/model/drop-reason.ts';
import { ROUTE_BLACKHOLE, ROUTE_LOCAL, ROUTE_NONE, ROUTE_PROHIBIT, ROUTE_UNREACHABLE } from '../../lib/dataplane/network.ts';
import { formatAddress } from '../../lib/wire/address.ts';
import { OFFLOAD_GSO_TCP4, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { internetChecksum, viewFrame } from '../support/frame-view.ts';
import { ipPacket, ipv4Packet, ipv6Packet, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { CL0_MAC, CLIENT, CLIENT6, CLIENT_MAC, dropsOf, iface, packetOf, pathWorld, RIP, RIP6, RIP_MAC, route, routeTo, RS0_MAC, stdNetwork, VIP, VIP6 } from './path-fixture.ts';

t.test('the longest prefix wins, then the lowest metric, then the first listed', async (t) => {
  const base = stdNetwork();
  const { network } = pathWorld({ ...base, routes: [...base.routes,
    route('172.16.0.0/12', 1, { via: '10.1.0.1' }), route('172.16.5.0/24', 1, { via: '10.1.0.2' }),
    route('172.16.6.0/24', 1, { via: '10.1.0.3', metric: 20 }), route('172.16.6.0/24', 1, { via: '10.1.0.4', metric: 10 }), route('172.16.6.0/24', 0, { metric: 10 }),
    route('10.9.0.0/16', -1, { type: 'blackhole' }), route('10.9.1.0/24', -1, { type: 'unreachable' }), route('10.9.2.0/24', -1, { type: 'prohibit' }),
    route('10.9.3.0/24', 1, { type: 'local' }), route('2001:db8:5::/48', 1, { via: '2001:db8:1::5' }),
  ] });
  const macTo = (address: string): string => {
    const world = pathWorld();
    const hop = routeTo(network, address);
    const p = packetOf(ipPacket(address.includes(':') ? CLIENT6 : CLIENT, address, 17, udpDatagram(CLIENT, RIP, 1, 2, Buffer.alloc(4))));
    network.send(hop, p.memory, p.l3Off, p.l3End, 0, world.sink);
    return viewFrame(world.sink.sent[0]!.frame).dmac;
  };
  t.equal(macTo('172.16.1.1'), '02:00:00:00:01:01');
  t.equal(macTo('172.16.5.1'), '02:00:00:00:01:02');
  t.equal(macTo('172.16.6.1'), '02:00:00:00:01:04');
  t.equal(macTo('8.8.8.8'), CLIENT_MAC);
  t.equal(macTo('2001:db8:5::1'), '02:00:00:00:01:05');
  t.equal(routeTo(network, '10.9.9.9'), ROUTE_BLACKHOLE);
  t.equal(routeTo(network, '10.9.1.9'), ROUTE_UNREACHABLE);
  t.equal(routeTo(network, '10.9.2.9'), ROUTE_PROHIBIT);
  t.equal(routeTo(network, '10.9.3.9'), ROUTE_LOCAL);
  t.equal(routeTo(network, VIP), ROUTE_LOCAL, 'own addresses are local without a route');
  t.equal(routeTo(network, VIP6), ROUTE_LOCAL);
  t.equal(routeTo(pathWorld({ ...base, routes: [] }).network, '8.8.8.8'), ROUTE_NONE);
});

t.test('what was looked up before a change of the network is not used after it', async (t) => {
  const base = stdNetwork();
  const { network } = pathWorld(base);
  const interfaceTo = (address: string): number => network.interfaceOf(routeTo(network, address));
  const before = interfaceTo('8.8.8.8');
  t.equal(interfaceTo('8.8.8.8'), before, 'asked again, the same');
  const w0 = 0x08080808;
  t.equal(network.isLocal(4, w0, 0, 0, 0), false);
  network.apply({ ...base, routes: [...base.routes, route('8.8.8.8/32', 1)] });
  t.not(interfaceTo('8.8.8.8'), before);
  network.apply({ ...base, routes: [...base.routes, route('8.8.8.8/32', 1, { type: 'local' })] });
  t.equal(network.isLocal(4, w0, 0, 0, 0), true);
  t.equal(network.isLocal(4, w0, 0, 0, 0), true, 'asked again, the same');
  t.equal(routeTo(network, '8.8.8.8'), ROUTE_LOCAL);
  network.apply(base);
  t.equal(network.isLocal(4, w0, 0, 0, 0), false);
  t.equal(interfaceTo('8.8.8.8'), before);
});

t.test('addresses of both families with the same first words have routes of their own', async (t) => {
  const base = stdNetwork();
  const { network } = pathWorld({ ...base, routes: [...base.routes, route('8.8.8.8/32', -1, { type: 'blackhole' }), route('808:808::/128', -1, { type: 'prohibit' })] });
  for (let i = 0; i < 2; i++) {
    t.equal(routeTo(network, '8.8.8.8'), ROUTE_BLACKHOLE);
    t.equal(routeTo(network, '808:808::'), ROUTE_PROHIBIT);
  }
});

t.test('a frame leaves with the MACs, EtherType and interface of its next hop', async (t) => {
  const { network, sink } = pathWorld();
  for (const [address, type, dmac] of [[RIP, 0x0800, RIP_MAC], [RIP6, 0x86dd, RIP_MAC]] as const) {
    const ip = ipPacket(address === RIP ? CLIENT : CLIENT6, address, 17, udpDatagram(CLIENT, RIP, 1, 2, Buffer.from('hello')));
    const p = packetOf(ip);
    network.send(routeTo(network, address), p.memory, p.l3Off, p.l3End, 0, sink);
    const { frame, interfaceIdx } = sink.sent.pop()!;
    t.equal(interfaceIdx, 1);
    t.match(viewFrame(frame), { dmac, smac: RS0_MAC, etherType: type });
    t.ok(frame.subarray(14).equals(ip));
  }
});

t.test('source address: in the next hop\'s subnet, the route\'s preferred one, IPv6 by longest common prefix', async (t) => {
  const base = stdNetwork();
  const { network } = pathWorld({ ...base, interfaces: [base.interfaces[0]!,
    { ...base.interfaces[1]!, addresses: ['10.7.0.1/24', '10.1.0.254/24', 'fe80::1/64', '2001:db8:9::1/64', '2001:db8:1::fe/64'] }],
    routes: [...base.routes, route('172.16.0.0/12', 1, { via: '10.1.0.1', source: '10.7.0.1' })] });
  const sourceTo = (address: string): string => {
    const out = new Int32Array(4);
    const family = address.includes(':') ? 6 : 4;
    t.ok(network.sourceOf(routeTo(network, address), family, out));
    return formatAddress(family, out[0]!, out[1]!, out[2]!, out[3]!);
  };
  t.equal(sourceTo('10.1.0.9'), '10.1.0.254');
  t.equal(sourceTo('172.16.1.1'), '10.7.0.1');
  t.equal(sourceTo('2001:db8:1::5'), '2001:db8:1::fe');
  t.equal(sourceTo('8.8.8.8'), '198.51.100.1');
});

t.test('what has no DF and is too large leaves in fragments that make up the original', async (t) => {
  const { network, sink } = pathWorld(stdNetwork(1400));
  const data = Buffer.from(Array.from({ length: 3000 }, (_, i) => i & 0xff));
  const options = Buffer.from([0x07, 0x07, 4, 1, 2, 3, 4, 0x94, 4, 0, 0, 1]);
  const p = packetOf(ipv4Packet(CLIENT, RIP, 17, data, { dontFragment: false, ident: 0x1234, options }));
  network.send(routeTo(network, RIP), p.memory, p.l3Off, p.l3End, 0, sink);
  const frames = sink.take();
  const whole: Buffer[] = [];
  for (const [i, ip] of frames.entries()) {
    const header = (ip[0]! & 15) * 4;
    t.equal(internetChecksum(ip.subarray(0, header)), 0, 'header checksum');
    t.equal(ip.readUInt16BE(2), ip.length);
    t.equal(ip.readUInt16BE(4), 0x1234);
    t.ok(ip.length <= 1400);
    t.equal((ip.readUInt16BE(6) & 0x2000) !== 0, i < frames.length - 1);
    t.equal((ip.readUInt16BE(6) & 0x1fff) * 8, whole.reduce((sum, part) => sum + part.length, 0));
    t.equal(ip[20], i === 0 ? 7 : 1, 'record route is only in the first fragment');
    t.equal(ip[27], 0x94, 'router alert is copied');
    whole.push(ip.subarray(header));
  }
  t.equal(frames.length, 3);
  t.ok(Buffer.concat(whole).equals(data));
});

t.test('a fragment that must be cut again keeps its place in the datagram', async (t) => {
  const { network, sink } = pathWorld(stdNetwork(576));
  const p = packetOf(ipv4Packet(CLIENT, RIP, 17, Buffer.alloc(1000, 7), { dontFragment: false, moreFragments: true, fragmentOff: 800 }));
  network.send(routeTo(network, RIP), p.memory, p.l3Off, p.l3End, 0, sink);
  t.same(sink.take().map((ip) => [ip.length - 20, ip.readUInt16BE(6)]), [[552, 0x2000 | 100], [448, 0x2000 | 169]]);
});

t.test('a super-frame passes whole, but not where its segments are larger than the MTU', async (t) => {
  for (const [mtu, frames] of [[1500, 1], [1000, 8]] as const) {
    const { network, sink } = pathWorld(stdNetwork(mtu));
    const ip = ipv4Packet(CLIENT, RIP, 6, tcpSegment(CLIENT, RIP, 1, 2, 16, { data: Buffer.alloc(4 * 1448, 3) }), { dontFragment: false });
    const p = packetOf(ip, 0, OFFLOAD_GSO_TCP4 | OFFLOAD_PARTIAL | 1448);
    network.send(routeTo(network, RIP), p.memory, p.l3Off, p.l3End, p.offload, sink);
    t.equal(sink.sent.length, frames, `MTU ${mtu}`);
    t.equal(sink.sent[0]!.offload, frames === 1 ? p.offload : 0);
  }
});

t.test('frames wait for a neighbour, within bounds, and go when it is known', async (t) => {
  const { network, sink, drops } = pathWorld();
  const hop = routeTo(network, '10.1.0.77');
  const send = (n: number): void => {
    const p = packetOf(ipv4Packet(CLIENT, '10.1.0.77', 17, Buffer.alloc(32, n)));
    network.send(hop, p.memory, p.l3Off, p.l3End, 0, sink);
  };
  for (let n = 0; n < 103; n++) send(n);
  t.equal(sink.sent.length, 0);
  t.same(sink.resolved, ['1 10.1.0.77'], 'asked once, not for every frame');
  t.equal(drops[DROP.noNeighbour], 2, 'more than a hundred do not wait: the oldest go');
  network.nowMs = 1500;
  send(103);
  t.equal(sink.resolved.length, 2, 'asked again after a second');
  network.setNeighbour({ interface: 1, address: '10.1.0.77', mac: '02:00:00:00:07:07' });
  t.equal(network.nextWakeMs(), 0);
  network.releaseHeld(sink, 1501);
  t.equal(sink.sent.length, 101);
  t.same(sink.sent.map(({ frame }) => frame[34]), Array.from({ length: 101 }, (_, i) => i + 3), 'in order');
  t.match(viewFrame(sink.sent[0]!.frame), { dmac: '02:00:00:00:07:07', smac: RS0_MAC, dst: '10.1.0.77' });
  send(1);
  t.equal(sink.sent.length, 102);
});

t.test('frames for a neighbour that never answers are dropped after three seconds', async (t) => {
  const { network, sink, drops } = pathWorld();
  const p = packetOf(ipv4Packet(CLIENT, '10.1.0.77', 17, Buffer.alloc(32)));
  network.send(routeTo(network, '10.1.0.77'), p.memory, p.l3Off, p.l3End, 0, sink);
  t.ok(network.nextWakeMs() > 0 && network.nextWakeMs() < 3000);
  network.releaseHeld(sink, 2999);
  t.same(dropsOf(drops), {});
  network.releaseHeld(sink, 3000);
  t.same(dropsOf(drops), { noNeighbour: 1 });
  t.equal(network.nextWakeMs(), Infinity);
});

t.test('waiting frames survive a change of the network, and go to the neighbour it brings', async (t) => {
  const { network, sink } = pathWorld();
  const p = packetOf(ipv4Packet(CLIENT, '10.1.0.77', 17, Buffer.alloc(32)));
  network.send(routeTo(network, '10.1.0.77'), p.memory, p.l3Off, p.l3End, 0, sink);
  const before = network.generation;
  const base = stdNetwork();
  network.apply({ ...base, neighbours: [...base.neighbours, { interface: 1, address: '10.1.0.77', mac: '02:00:00:00:07:07' }] });
  t.ok(network.generation > before, 'cached next hops are void');
  network.releaseHeld(sink, 10);
  t.equal(sink.sent.length, 1);
});

t.test('an interface that is down, gone or not attached drops with a reason', async (t) => {
  const base = stdNetwork();
  for (const rs0 of [{ up: false }, { attached: false }, { mac: '' }]) {
    const { network, sink, drops } = pathWorld({ ...base, interfaces: [base.interfaces[0]!, { ...base.interfaces[1]!, ...rs0 }] });
    const p = packetOf(ipv4Packet(CLIENT, RIP, 17, Buffer.alloc(32)));
    network.send(routeTo(network, RIP), p.memory, p.l3Off, p.l3End, 0, sink);
    t.same([sink.sent.length, dropsOf(drops)], [0, { interfaceDown: 1 }]);
  }
  const { network, sink, drops } = pathWorld({ ...base, routes: [route('10.0.0.0/8', -1)] });
  const p = packetOf(ipv4Packet(CLIENT, RIP, 17, Buffer.alloc(32)));
  network.send(routeTo(network, RIP), p.memory, p.l3Off, p.l3End, 0, sink);
  t.same([sink.sent.length, dropsOf(drops)], [0, { interfaceDown: 1 }]);
});

t.test('VLAN tags stay towards the interface a frame came from and go elsewhere', async (t) => {
  const base = stdNetwork();
  const { network, sink } = pathWorld({ ...base, interfaces: [iface(0, 'cl0', CL0_MAC, ['198.51.100.1/24']), base.interfaces[1]!] });
  for (const tag of [Buffer.from('81000064', 'hex'), Buffer.from('88a8000781000064', 'hex')]) {
    const ip = ipv4Packet(RIP, '8.8.8.8', 17, Buffer.alloc(32, 9));
    const same = packetOf(ip, 0, 0, tag);
    network.sendPacket(same, routeTo(network, '8.8.8.8'), sink);
    const { frame } = sink.sent.pop()!;
    t.ok(frame.equals(Buffer.concat([Buffer.from(CLIENT_MAC.replaceAll(':', '') + CL0_MAC.replaceAll(':', ''), 'hex'), tag, Buffer.from('0800', 'hex'), ip])));
    const other = packetOf(ip, 0, 0, tag);
    network.sendPacket(other, routeTo(network, RIP), sink);
    t.match(viewFrame(sink.sent.pop()!.frame), { etherType: 0x0800, dmac: RIP_MAC });
  }
});

t.test('a learnt path MTU shows after the next lookup, only goes down, and is forgotten after ten minutes', async (t) => {
  const { network, sink } = pathWorld();
  const [w0] = [0x0100010a];
  t.equal(network.mtuOf(routeTo(network, RIP)), 1500);
  const generation = network.generation;
  t.equal(network.learnPathMtu(4, w0, 0, 0, 0, 900), 1500, 'cached routes do not know yet');
  t.ok(network.generation > generation);
  t.equal(network.mtuOf(routeTo(network, RIP)), 900);
  t.equal(network.learnPathMtu(4, w0, 0, 0, 0, 1200), 900, 'never up');
  t.equal(network.learnPathMtu(4, w0, 0, 0, 0, 600), 600);
  t.equal(network.learnPathMtu(4, w0, 0, 0, 0, 100), 552, 'never below the kernel\'s least');
  t.equal(network.mtuOf(routeTo(network, '10.1.0.2')), 1500, 'other addresses are not concerned');
  network.releaseHeld(sink, 600_001);
  t.equal(network.mtuOf(routeTo(network, RIP)), 1500);
});

t.test('an IPv6 packet that is cut carries one fragment header behind its unfragmentable part', async (t) => {
  const { network, sink } = pathWorld();
  const hopByHop = Buffer.from([60, 0, 1, 4, 0, 0, 0, 0]);
  const options = Buffer.from([17, 0, 1, 4, 0, 0, 0, 0]);
  const data = Buffer.from(Array.from({ length: 2500 }, (_, i) => (i * 7) & 0xff));
  const ip = ipv6Packet(CLIENT6, RIP6, 0, Buffer.concat([hopByHop, options, data]));
  const p = packetOf(ip);
  network.send(routeTo(network, RIP6), p.memory, p.l3Off, p.l3End, 0, sink);
  const frames = sink.take();
  t.equal(frames.length, 2);
  const parts = frames.map((f) => {
    t.equal(f[6], 0);
    t.equal(f[40], 60);
    t.equal(f[48], 44, 'the last unfragmentable header names the fragment header');
    t.equal(f[56], 17);
    t.equal(f.readUInt16BE(4), f.length - 40);
    t.ok(f.length <= 1500);
    return f.subarray(64);
  });
  t.equal(frames[0]!.readUInt32BE(60), frames[1]!.readUInt32BE(60), 'same identification');
  t.same(frames.map((f) => f.readUInt16BE(58)), [1, parts[0]!.length]);
  t.ok(Buffer.concat(parts).equals(data));
});
