import t, { type Test } from 'tap';
import { SocketMap, testRun } from '../../lib/device/ebpf.ts';
import { EbpfGuard } from '../../lib/device/guard-ebpf.ts';
import { GuardPredicate } from '../../lib/device/guard-predicate.ts';
import { XDP_DROP, XDP_PASS } from '../../lib/device/guard-program.ts';
import { LONGEST_XDP_FRAME } from '../../lib/device/xdp-chunk.ts';
import { XdpFilter } from '../../lib/device/xdp-filter.ts';
import type { Destination } from '../../lib/model/destination.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { MarkRule } from '../../lib/model/mark-rule.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { parseAddress } from '../../lib/wire/address.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : (nativeProblem() ?? false);
const TCX_NEXT = -1;
const TCX_DROP = 2;
/** Test runs use lo. */
const INTERFACE = 'lo';

const network: NetworkState = {
  interfaces: [{ index: 0, ifindex: 1, name: INTERFACE, mac: '02:00:00:00:00:01', mtu: 1500, up: true, addresses: [], attached: false }],
  routes: [
    { family: 4, prefix: '10.0.0.254/32', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
    { family: 4, prefix: '127.0.0.0/8', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
    { family: 6, prefix: '2001:db8::fe/128', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
    { family: 4, prefix: '10.0.0.0/24', type: 'unicast', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
  ],
  neighbours: [], forwarding4: true, forwarding6: true,
};

function service(id: ServiceId): TableEdit {
  return { op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } };
}

function destination(id: ServiceId, address: string, port: number, method: Destination['method'] = 'masq'): TableEdit {
  return { op: 'addDestination', id, destination: { address, port, method, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } };
}

const web: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const dns: ServiceId = { kind: 'address', protocol: 'udp', address: '192.0.2.10', port: 53 };
const all: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.11', port: 0 };
const web6: ServiceId = { kind: 'address', protocol: 'tcp', address: '2001:db8::10', port: 80 };
const mark1: ServiceId = { kind: 'fwmark', fwmark: 1, family: 4 };
const mark6: ServiceId = { kind: 'fwmark', fwmark: 2, family: 6 };
const rules: MarkRule[] = [
  { mark: 9, source: '203.0.113.128/25', destination: '192.0.2.20/32' },
  { mark: 1, destination: '192.0.2.16/28', protocol: 6, destinationPorts: [80, 443] },
  { mark: 1, destination: '192.0.2.40/32', interface: 'elsewhere' },
  { mark: 1, destination: '192.0.2.41/32', interface: INTERFACE, sourcePorts: [1, 1023] },
  { mark: 2, destination: '2001:db8::20/126' },
  { mark: 2, protocol: 132 },
];
const edits: TableEdit[] = [
  { op: 'network', state: network },
  service(web), destination(web, '10.0.0.1', 8080), destination(web, '10.0.0.2', 8080, 'route'),
  service(dns), destination(dns, '10.0.0.1', 53),
  service(all), destination(all, '10.0.0.3', 0),
  service(web6), destination(web6, '2001:db8::1', 8080),
  service(mark1), destination(mark1, '10.0.0.4', 0), service(mark6), destination(mark6, '2001:db8::4', 0),
  { op: 'marks', rules },
];

/** A frame writer for the few layouts these tests need. */
const memory = new FrameMemory(new ArrayBuffer(2048));
const OFF = 130;
interface Shape {
  source: string; destination: string; protocol: number; ports?: readonly [number, number]; options?: number; fragment?: number;
  extensions?: readonly number[]; quoted?: Shape; icmpType?: number; cut?: number;
}

function bytesOf(address: string): Uint8Array {
  const { family, words } = parseAddress(address)!;
  return new Uint8Array(words.buffer.slice(words.byteOffset, words.byteOffset + (family === 4 ? 4 : 16)));
}

function packet(shape: Shape): number[] {
  const payload = shape.quoted
    ? [shape.icmpType ?? 3, 1, 0, 0, 0, 0, 0, 0, ...packet(shape.quoted)]
    : [...(shape.ports ?? [1000, 80]).flatMap((port) => [port >> 8, port & 255]), ...new Array<number>(shape.icmpType === undefined ? 16 : 40).fill(0)];
  const fragment = shape.fragment ?? 0;
  if (!shape.source.includes(':')) {
    const options = new Array<number>(shape.options ?? 0).fill(1);
    const length = 20 + options.length + payload.length;
    return [0x45 + options.length / 4, 0, length >> 8, length & 255, 0, 1, fragment >> 8, fragment & 255, 64, shape.protocol, 0, 0,
      ...bytesOf(shape.source), ...bytesOf(shape.destination), ...options, ...payload];
  }
  const chain = [...(shape.extensions ?? []), shape.protocol];
  const extensions = chain.slice(0, -1).flatMap((header, i) => {
    const next = chain[i + 1]!;
    if (header === 44) return [next, 0, fragment >> 8, fragment & 255, 0, 0, 0, 1];
    return [next, header === 51 ? 2 : 1, ...new Array<number>(14).fill(0)];
  });
  const length = extensions.length + payload.length;
  return [0x60, 0, 0, 0, length >> 8, length & 255, chain[0]!, 64, ...bytesOf(shape.source), ...bytesOf(shape.destination), ...extensions, ...payload];
}

function write(shape: Shape): number {
  const l3 = packet(shape);
  const frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...(shape.source.includes(':') ? [0x86, 0xdd] : [8, 0]), ...l3];
  memory.u8.fill(0);
  memory.u8.set(frame, OFF);
  return frame.length - (shape.cut ?? 0);
}

const tcp = (source: string, destination: string, sourcePort: number, destinationPort: number, more: Partial<Shape> = {}): Shape =>
  ({ source, destination, protocol: 6, ports: [sourcePort, destinationPort], ...more });

const CLIENT = '203.0.113.7';
const table: readonly (readonly [string, Shape, boolean])[] = [
  ['a packet to a service', tcp(CLIENT, '192.0.2.10', 1000, 80), true],
  ['the same behind IPv4 options', tcp(CLIENT, '192.0.2.10', 1000, 80, { options: 8 }), true],
  ['another port of the VIP', tcp(CLIENT, '192.0.2.10', 1000, 22), false],
  ['another protocol to the same port', { ...tcp(CLIENT, '192.0.2.10', 1000, 80), protocol: 17 }, false],
  ['any port of a port-0 service', tcp(CLIENT, '192.0.2.11', 1000, 4711), true],
  ['ping of the VIP', { source: CLIENT, destination: '192.0.2.10', protocol: 1, icmpType: 8, ports: [0x0800, 0] }, false],
  ['an answer of a NAT real server to a client', tcp('10.0.0.1', CLIENT, 8080, 1000), true],
  ['its answer to the host itself', tcp('10.0.0.1', '10.0.0.254', 8080, 1000), false],
  ['its answer to a multicast group', tcp('10.0.0.1', '224.0.0.9', 8080, 1000), false],
  ['its own connection to elsewhere', tcp('10.0.0.1', CLIENT, 40000, 443), false],
  ['a direct-routing real server', tcp('10.0.0.2', CLIENT, 8080, 1000), false],
  ['any port of a port-0 NAT real server', tcp('10.0.0.3', CLIENT, 9, 1000), true],
  ['a fragment to a VIP', tcp(CLIENT, '192.0.2.10', 0, 0, { fragment: 0x2000 }), true],
  ['a later fragment to a VIP', tcp(CLIENT, '192.0.2.10', 0, 0, { fragment: 185 }), true],
  ['a fragment of a ping to a VIP', { ...tcp(CLIENT, '192.0.2.10', 0, 0, { fragment: 0x2000 }), protocol: 1 }, false],
  ['a fragment of a NAT real server', { ...tcp('10.0.0.1', CLIENT, 0, 0, { fragment: 3 }), protocol: 17 }, true],
  ['a fragment of it to the host', { ...tcp('10.0.0.1', '10.0.0.254', 0, 0, { fragment: 3 }), protocol: 17 }, false],
  ['an ICMP error about an answer of the VIP', { source: CLIENT, destination: '192.0.2.10', protocol: 1, icmpType: 3, quoted: tcp('192.0.2.10', CLIENT, 80, 1000) }, true],
  ['an ICMP error about something else of the VIP', { source: CLIENT, destination: '192.0.2.10', protocol: 1, icmpType: 3, quoted: tcp('192.0.2.10', CLIENT, 22, 1000) }, false],
  ['an ICMP error of a NAT real server to the client', { source: '10.0.0.1', destination: CLIENT, protocol: 1, icmpType: 3, quoted: tcp(CLIENT, '10.0.0.1', 1000, 8080) }, true],
  ['an ICMP error to the host about its own packet', { source: '10.0.0.1', destination: '10.0.0.254', protocol: 1, icmpType: 3, quoted: tcp('10.0.0.254', '10.0.0.1', 1000, 8080) }, false],
  ['an IPv6 packet to a service', tcp('2001:db8:9::7', '2001:db8::10', 1000, 80), true],
  ['the same behind extension headers', tcp('2001:db8:9::7', '2001:db8::10', 1000, 80, { extensions: [0, 60, 43] }), true],
  ['an IPv6 atomic fragment', tcp('2001:db8:9::7', '2001:db8::10', 1000, 22, { extensions: [44] }), false],
  ['an IPv6 fragment', tcp('2001:db8:9::7', '2001:db8::10', 1000, 22, { extensions: [44], fragment: 1 }), true],
  ['an IPv6 NAT answer', tcp('2001:db8::1', '2001:db8:9::7', 8080, 1000), true],
  ['an IPv6 NAT answer to the host', tcp('2001:db8::1', '2001:db8::fe', 8080, 1000), false],
  ['an ICMPv6 error about an answer of the VIP', { source: '2001:db8:9::7', destination: '2001:db8::10', protocol: 58, icmpType: 1, quoted: tcp('2001:db8::10', '2001:db8:9::7', 80, 1000) }, true],
  ['neighbour discovery for the VIP', { source: '2001:db8:9::7', destination: 'ff02::1:ff00:10', protocol: 58, icmpType: 135, ports: [0x8700, 0] }, false],
  ['a packet whose mark has a service', tcp(CLIENT, '192.0.2.20', 1000, 80), true],
  ['one outside the rule\'s ports', tcp(CLIENT, '192.0.2.20', 1000, 8080), false],
  ['one that an earlier rule marks otherwise', tcp('203.0.113.200', '192.0.2.20', 1000, 80), false],
  ['a rule of another interface', tcp(CLIENT, '192.0.2.40', 1000, 80), false],
  ['a rule of this interface', tcp(CLIENT, '192.0.2.41', 1000, 80), true],
  ['an IPv6 packet whose mark has a service', tcp('2001:db8:9::7', '2001:db8::21', 1000, 80), true],
  ['a fragment that a rule with ports may select', tcp(CLIENT, '192.0.2.20', 0, 0, { fragment: 9 }), true],
  ['an answer of a mark service\'s NAT real server', tcp('10.0.0.4', CLIENT, 7, 1000), true],
  ['ARP', { ...tcp(CLIENT, '192.0.2.10', 1000, 80), cut: 1000 }, false],
];

/** The XDP program, which says XDP_DROP for what it would hand to a socket. */
function configuredFilter(t: Test, mtu = 1500): number {
  const filter = new XdpFilter();
  const sockets = new SocketMap(1);
  t.teardown(() => { filter.close(); sockets.close(); });
  filter.widen(edits);
  filter.narrow();
  return filter.loadProgram(filter.rules, { name: INTERFACE, mac: network.interfaces[0]!.mac, mtu }, sockets.fd, XDP_DROP);
}

function configured(): { guard: EbpfGuard; predicate: GuardPredicate; program: number } {
  const guard = new EbpfGuard(0);
  guard.widen(edits);
  guard.narrow();
  const predicate = new GuardPredicate();
  edits.forEach((edit) => predicate.apply(edit));
  return { guard, predicate, program: guard.loadProgram(guard.rules, 'ingress', INTERFACE) };
}

t.test('the guard takes what is ours, and the eBPF programs and the predicate agree', { skip }, async (t) => {
  const { guard, predicate, program } = configured();
  const xdp = configuredFilter(t);
  t.teardown(() => guard.close());
  for (const [what, shape, taken] of table) {
    const length = Math.max(0, write(shape));
    t.equal(predicate.takes(0, memory, OFF, length), taken, `${what} is ${taken ? 'taken' : 'left to the host'}`);
    if (length >= 14) t.equal(testRun(program, memory.u8.slice(OFF, OFF + length)), taken ? TCX_DROP : TCX_NEXT, `${what}, in the kernel`);
    if (length >= 14) t.equal(testRun(xdp, memory.u8.slice(OFF, OFF + length)), taken ? XDP_DROP : XDP_PASS, `${what}, in XDP`);
  }
});

t.test('XDP leaves frames to other stations, tagged and long ones to the packet socket', { skip }, async (t) => {
  const xdp = configuredFilter(t);
  const shape = tcp(CLIENT, '192.0.2.10', 1000, 80);
  const ours = (): Uint8Array => memory.u8.slice(OFF, OFF + write(shape));
  t.equal(testRun(xdp, ours()), XDP_DROP);
  for (const at of [0, 3, 4, 5]) {
    const frame = ours();
    frame[at]! ^= 0x10;
    t.equal(testRun(xdp, frame), XDP_PASS, `byte ${at} of the destination address`);
  }
  t.equal(testRun(xdp, Buffer.concat([ours().subarray(0, 12), Uint8Array.of(0x81, 0, 0, 7), ours().subarray(12)])), XDP_PASS, 'tagged');
  const padded = (length: number): Uint8Array => Buffer.concat([ours(), new Uint8Array(length - ours().length)]);
  t.equal(testRun(xdp, padded(1514)), XDP_DROP, 'as long as the MTU allows');
  t.equal(testRun(xdp, padded(1515)), XDP_PASS, 'longer: a super-frame, perhaps');
  const jumbo = configuredFilter(t, 9000);
  t.equal(testRun(jumbo, padded(LONGEST_XDP_FRAME)), XDP_DROP, 'as long as a chunk holds');
  t.equal(testRun(jumbo, padded(LONGEST_XDP_FRAME + 1)), XDP_PASS, 'longer');
});

t.test('on random and mutated frames programs and predicate never differ', { skip }, async (t) => {
  const { guard, predicate, program } = configured();
  const xdp = configuredFilter(t);
  t.teardown(() => guard.close());
  let seed = 20261121;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  const takenOf = [0, 0];
  let differences = 0;
  for (let i = 0; i < 20_000; i++) {
    let length = Math.max(54, write(table[random(table.length - 1)]![1]));
    for (let n = random(4); n > 0; n--) memory.u8[OFF + 14 + random(length - 14 || 1)] = random(256);
    // The kernel's test run refuses frames shorter than an IP header.
    if (random(5) === 0) length = Math.max(54, 14 + random(length - 13));
    const mine = predicate.takes(0, memory, OFF, length);
    const kernel = testRun(program, memory.u8.slice(OFF, OFF + length)) === TCX_DROP;
    takenOf[mine ? 1 : 0]!++;
    const kernelXdp = testRun(xdp, memory.u8.slice(OFF, OFF + length)) === XDP_DROP;
    if ((mine !== kernel || mine !== kernelXdp) && differences++ < 3) t.fail(`frame ${Buffer.from(memory.u8.slice(OFF, OFF + length)).toString('hex')}: predicate ${mine}, program ${kernel}, XDP ${kernelXdp}`);
  }
  t.equal(differences, 0);
  t.ok(takenOf[0]! > 1000 && takenOf[1]! > 1000, `taken ${takenOf[1]}, left ${takenOf[0]}`);
});

t.test('a program of very many rules is as right as a short one', { skip }, async (t) => {
  const guard = new EbpfGuard(0);
  t.teardown(() => guard.close());
  const predicate = new GuardPredicate();
  const many = Array.from({ length: 1800 }, (_unused, i): MarkRule => ({
    mark: i % 3 === 0 ? 9 : i % 2 === 0 ? 2 : 1, destination: i % 2 === 0 ? `2001:db8:${(i + 1).toString(16)}::/48` : `172.${16 + (i >> 8)}.${i & 255}.0/24`,
    protocol: 6, destinationPorts: [80, 443],
  }));
  const list: TableEdit[] = [{ op: 'network', state: network }, service(mark1), service(mark6), { op: 'marks', rules: many }];
  guard.widen(list);
  list.forEach((edit) => predicate.apply(edit));
  const program = guard.loadProgram(guard.rules, 'ingress', INTERFACE);
  let taken = 0;
  for (let i = 0; i < many.length + 20; i++) {
    const isV6 = i % 2 === 0;
    const length = write(tcp(isV6 ? '2001:db8::7' : CLIENT, isV6 ? `2001:db8:${(i + 1).toString(16)}::9` : `172.${16 + (i >> 8)}.${i & 255}.9`, 1000, i % 7 === 0 ? 22 : 80));
    const kernel = testRun(program, memory.u8.slice(OFF, OFF + length)) === TCX_DROP;
    if (kernel !== predicate.takes(0, memory, OFF, length)) t.fail(`rule ${i}: program says ${kernel}`);
    if (kernel) taken++;
  }
  t.equal(taken, many.filter((rule, i) => rule.mark !== 9 && i % 7 !== 0).length);
});

t.test('an entry that several destinations need stays until the last is gone, and both sides keep it until narrow()', { skip }, async (t) => {
  const { guard, predicate, program } = configured();
  t.teardown(() => guard.close());
  const kernelTakes = (shape: Shape): boolean => testRun(program, memory.u8.slice(OFF, OFF + write(shape))) === TCX_DROP;
  const takes = (shape: Shape): boolean => predicate.takes(0, memory, OFF, write(shape));
  const answer = tcp('10.0.0.1', CLIENT, 8080, 1000);
  const other: ServiceId = { ...web, port: 443 } as ServiceId;
  const step = (...list: TableEdit[]): void => { guard.widen(list); list.forEach((edit) => predicate.apply(edit)); };
  const narrow = (): void => { guard.narrow(); predicate.narrow(); };
  step(service(other), destination(other, '10.0.0.1', 8080));
  step({ op: 'deleteService', id: web });
  narrow();
  t.same([kernelTakes(answer), takes(answer)], [true, true]);
  step({ op: 'deleteDestination', id: other, address: '10.0.0.1', port: 8080 });
  t.same([kernelTakes(answer), takes(answer)], [true, true]);
  narrow();
  t.same([kernelTakes(answer), takes(answer)], [false, false]);
  step({ op: 'flush' });
  narrow();
  t.equal(kernelTakes(tcp(CLIENT, '192.0.2.11', 1, 1)), false);
  step(service(web));
  t.equal(kernelTakes(tcp(CLIENT, '192.0.2.10', 1, 80)), true, 'an added service is guarded at once');
});

t.test('a datagram put together from fragments is judged as its fragments were', { skip }, async (t) => {
  const { guard, predicate } = configured();
  t.teardown(() => guard.close());
  const length = write(tcp(CLIENT, '192.0.2.10', 1000, 22));
  t.equal(predicate.takes(0, memory, OFF, length), false);
  t.equal(predicate.takes(0, memory, OFF, length, true), true);
});
