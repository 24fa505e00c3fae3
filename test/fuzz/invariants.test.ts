/** What must hold of the core after any sequence of traffic and edits, found by fast-check. */
import fc from 'fast-check';
import t from 'tap';
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { type FrameSink, HEADROOM, FrameBurst, FrameMemory } from '../../lib/wire/frame.ts';
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { ethernetFrame, ipPacket, TCP_FLAG, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { viewFrame } from '../support/frame-view.ts';
import { CLIENT_MAC, destination, DEVICE_MACS, directorWithEverything, everyService, followEverything, START_MS, VIP4, VIP6 } from './director-with-everything.ts';

/** The ports of services whose connections the test makes: NAT, NAT with port mapping, DR, tunnels, persistent. */
const PORTS = [80, 81, 82, 83, 84, 87, 90] as const;
/** Longer than every timeout, persistence and control-connection re-arming together. */
const LONG_MS = 4 * 3600 * 1000;

class Bench implements FrameSink {
  readonly dataplane: Dataplane;
  nowMs = START_MS;
  readonly #burst = new FrameBurst(new FrameMemory(new ArrayBuffer(8192)));
  sent: Buffer[] = [];
  received = 0;

  constructor() {
    this.dataplane = directorWithEverything({ random: () => 0.5, maxConnections: 4096 });
    followEverything(this.dataplane);
  }
  transmit(_interfaceIdx: number, memory: FrameMemory, off: number, len: number): void { this.sent.push(Buffer.from(memory.u8.subarray(off, off + len))); }
  pass(): void {}
  deliver(): void {}
  resolve(): void {}

  /** Hand one packet in; what leaves because of it. */
  packet(fromServer: boolean, packet: Buffer): Buffer[] {
    const frame = ethernetFrame(DEVICE_MACS[fromServer ? 1 : 0], fromServer ? '02:00:00:00:01:01' : CLIENT_MAC, packet);
    const burst = this.#burst;
    burst.memory.u8.set(frame, HEADROOM + 2);
    burst.off[0] = HEADROOM + 2;
    burst.len[0] = frame.length;
    burst.offload[0] = 0;
    burst.count = 1;
    this.sent = [];
    this.received++;
    this.dataplane.burst(fromServer ? 1 : 0, burst, this, this.nowMs);
    return this.sent;
  }

  wait(ms: number): void {
    const target = this.nowMs + ms;
    while (this.nowMs < target) {
      const wants = this.dataplane.advance(this, this.nowMs);
      this.nowMs = Math.min(target, this.nowMs + Math.max(1, wants));
    }
    this.dataplane.advance(this, this.nowMs);
  }

  records(): ConnectionRecord[] {
    const out: ConnectionRecord[] = [];
    for (let cursor = 0; cursor >= 0;) cursor = this.dataplane.connections(cursor, 64, out, this.nowMs);
    return out;
  }
}

type Step =
  | { readonly kind: 'client'; readonly six: boolean; readonly udp: boolean; readonly port: number; readonly client: number; readonly flags: number }
  | { readonly kind: 'echo'; readonly six: boolean; readonly udp: boolean; readonly port: 80 | 81 | 90; readonly client: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'weight'; readonly six: boolean; readonly port: number; readonly weight: number }
  | { readonly kind: 'remove' | 'add'; readonly six: boolean; readonly port: number };

const port = fc.constantFrom(...PORTS);
const client = fc.integer({ min: 1, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('client' as const), six: fc.boolean(), udp: fc.boolean(), port, client, flags: fc.constantFrom(TCP_FLAG.syn, TCP_FLAG.syn, TCP_FLAG.ack, TCP_FLAG.fin | TCP_FLAG.ack, TCP_FLAG.rst) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('echo' as const), six: fc.boolean(), udp: fc.boolean(), port: fc.constantFrom(80 as const, 81 as const, 90 as const), client }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 900, 9_000, 61_000, 130_000, 400_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('weight' as const), six: fc.boolean(), port, weight: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'add' as const), six: fc.boolean(), port }) },
);

function clientPacket(six: boolean, udp: boolean, dport: number, n: number, flags: number, data = Buffer.from(`data of ${n}`)): Buffer {
  const [src, dst] = six ? [`2001:db8:ff::${n}`, VIP6] : [`203.0.113.${n}`, VIP4];
  const l4 = udp ? udpDatagram(src, dst, 40_000 + n, dport, data) : tcpSegment(src, dst, 40_000 + n, dport, flags, { seq: 7, data: flags & TCP_FLAG.psh ? data : Buffer.alloc(0) });
  return ipPacket(src, dst, udp ? 17 : 6, l4, { ident: 0x1234 });
}

/** The same bytes on their way back: addresses and ports exchanged. Sums do not change by that. */
function turned(packet: Buffer): Buffer {
  const out = Buffer.from(packet);
  const six = packet[0]! >> 4 === 6;
  const [a, b, size, l4] = six ? [8, 24, 16, 40] : [12, 16, 4, 20];
  packet.copy(out, a, b, b + size);
  packet.copy(out, b, a, a + size);
  packet.copy(out, l4, l4 + 2, l4 + 4);
  packet.copy(out, l4 + 2, l4, l4 + 2);
  return out;
}

/** Everything but the hop count and the sum it changes. */
function withoutHops(packet: Buffer): string {
  const out = Buffer.from(packet);
  if (packet[0]! >> 4 === 6) out[7] = 0;
  else { out[8] = 0; out.writeUInt16BE(0, 10); }
  return out.toString('hex');
}

function idOf(six: boolean, udp: boolean, dport: number): ServiceId {
  return { kind: 'address', protocol: udp ? 'udp' : 'tcp', address: six ? VIP6 : VIP4, port: dport };
}

function play(steps: readonly Step[], check: (bench: Bench) => void): Bench {
  const bench = new Bench();
  const present = new Set<string>();
  for (const s of steps) {
    switch (s.kind) {
      case 'client': bench.packet(false, clientPacket(s.six, s.udp, s.port, s.client, s.flags)); break;
      case 'echo': echo(bench, s.six, s.udp, s.port, s.client); break;
      case 'wait': bench.wait(s.ms); break;
      default: {
        const id = idOf(s.six, false, s.port);
        const first = everyService().find((e) => JSON.stringify(e.service.id) === JSON.stringify(id))!.destinations[0]!;
        const key = JSON.stringify(id);
        if (s.kind === 'weight' && !present.has(key)) bench.dataplane.edit({ op: 'editDestination', id, destination: { ...first, weight: s.weight } }, bench.nowMs);
        if (s.kind === 'remove' && !present.has(key)) { present.add(key); bench.dataplane.edit({ op: 'deleteDestination', id, address: first.address, port: first.port }, bench.nowMs); }
        if (s.kind === 'add' && present.delete(key)) bench.dataplane.edit({ op: 'addDestination', id, destination: first }, bench.nowMs);
      }
    }
    check(bench);
  }
  return bench;
}

function echo(bench: Bench, six: boolean, udp: boolean, dport: number, n: number): void {
  if (!udp) {
    const [synOut] = bench.packet(false, clientPacket(six, false, dport, n, TCP_FLAG.syn));
    if (synOut === undefined || viewFrame(synOut).protocol !== 6) return;
  }
  const request = clientPacket(six, udp, dport, n, TCP_FLAG.psh | TCP_FLAG.ack);
  const [out] = bench.packet(false, request);
  if (out === undefined || viewFrame(out).protocol !== (udp ? 17 : 6)) return;
  const [back] = bench.packet(true, turned(out.subarray(14)));
  if (back === undefined) throw new Error('the answer of a NAT server did not come back');
  const expected = withoutHops(turned(request));
  if (withoutHops(back.subarray(14)) !== expected) throw new Error(`NAT is not undone:\n ${withoutHops(back.subarray(14))}\n ${expected}`);
}

function checkCounts(bench: Bench): void {
  const stats = bench.dataplane.stats();
  const records = bench.records();
  const templates = records.filter((r) => r.template).length;
  let counted = 0;
  for (const service of stats.services) {
    for (const d of service.destinations) {
      for (const [name, value] of Object.entries({ ...d.stats, activeConns: d.activeConns, inactiveConns: d.inactiveConns, persistentConns: d.persistentConns })) {
        if (!(value >= 0) || !Number.isSafeInteger(value)) throw new Error(`${service.key} ${d.address}: ${name} is ${value}`);
      }
      counted += d.activeConns + d.inactiveConns;
    }
  }
  const configured = new Set(stats.services.flatMap((s) => s.destinations.map((d) => `${d.address} ${d.port}`)));
  const live = records.filter((r) => !r.template);
  const onConfigured = live.filter((r) => configured.has(`${r.destination} ${r.destinationPort}`)).length;
  if (counted > live.length || (counted < onConfigured && !removedServers(stats, live))) throw new Error(`active + inactive is ${counted}, the table has ${live.length} (${onConfigured} of configured servers)`);
  if (stats.connections + 0 < live.length || stats.templates !== templates) throw new Error(`stats say ${stats.connections} connections and ${stats.templates} templates, the table has ${live.length} and ${templates}`);
  const byState = Object.values(stats.connectionsByState).reduce((sum, n) => sum + n, 0);
  if (byState !== live.length && byState !== records.length) throw new Error(`${byState} connections by state, ${live.length} in the table`);
  if (stats.received !== bench.received) throw new Error(`received ${stats.received} of ${bench.received}`);
  if (![stats.passed, stats.transmitted, ...stats.drops].every((n) => n >= 0)) throw new Error('a counter went below zero');
}

/** The same server address may be in one service and removed from another. */
function removedServers(stats: ReturnType<Dataplane['stats']>, live: readonly ConnectionRecord[]): boolean {
  const full = new Set(stats.services.flatMap((s) => s.destinations.map((d) => `${s.key} ${d.address} ${d.port}`)));
  return live.some((r) => ![...full].some((k) => k === `${r.protocol === 6 ? 'tcp' : 'udp'} ${r.virtual} ${r.virtualPort} ${r.destination} ${r.destinationPort}`));
}

const steps = fc.array(step, { minLength: 1, maxLength: 60 });

t.test('counters never go below zero and active plus inactive is what the table holds, after any sequence', async (t) => {
  fc.assert(fc.property(steps, (list) => { play(list, checkCounts); }), { numRuns: 40 });
  t.pass('held');
});

t.test('a NAT answer undoes its request byte for byte', async (t) => {
  let echoes = 0;
  fc.assert(fc.property(steps, (list) => { play(list.filter((s) => s.kind === 'echo' || s.kind === 'wait'), () => { echoes++; }); }), { numRuns: 40 });
  t.ok(echoes > 0);
});

t.test('nothing is left in the table when every timeout has passed', async (t) => {
  fc.assert(fc.property(steps, (list) => {
    const bench = play(list, () => {});
    bench.wait(LONG_MS);
    const left = bench.records();
    if (left.length) throw new Error(`left: ${JSON.stringify(left[0])}`);
    const stats = bench.dataplane.stats();
    if (stats.connections || stats.templates || stats.fragmentBytes) throw new Error(`left: ${stats.connections} connections, ${stats.templates} templates, ${stats.fragmentBytes} bytes of fragments`);
    for (const s of stats.services) for (const d of s.destinations) if (d.activeConns || d.inactiveConns || d.persistentConns) throw new Error(`${s.key} ${d.address} still counts connections`);
  }), { numRuns: 40 });
  t.pass('held');
});

t.test('the test\'s own helpers make what they say', async (t) => {
  t.equal(destination('10.1.0.1', 80, 'masq').weight, 1);
  const packet = clientPacket(true, true, 80, 3, 0);
  t.same(turned(turned(packet)), packet);
});
