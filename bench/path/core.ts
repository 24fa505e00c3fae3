/**
 * One measurement of the director core, in a process of its own: the same workload as reference.c (8192 packets a pass to random
 * connections, fresh headers before each pass), through Dataplane.burst exactly as the live worker calls it. Prints the median
 * nanoseconds per packet.
 *
 * usage: node core.js nat|dr|ipip CONNECTIONS PASSES
 */
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { IPIP_TUNNEL, type ForwardingMethod } from '../../lib/model/destination.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { allocate, nativeProblem } from '../../native-shims/index.ts';
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST, type FrameSink } from '../../lib/wire/frame.ts';

const FRAMES = 8192;
const STRIDE = 2048;
const FRAME_LEN = 60;
const DESTINATIONS = 8;
/** Passes before those that count: enough for the compiler to be done. */
const WARM_UP_PASSES = 150;

const NETWORK: NetworkState = {
  interfaces: [
    { index: 0, ifindex: 0, name: 'cl0', mac: '02:00:00:00:0d:01', mtu: 1500, up: true, addresses: ['198.51.100.1/24', '192.0.2.10/32'], attached: true },
    { index: 1, ifindex: 0, name: 'rs0', mac: '02:00:00:00:0d:02', mtu: 1500, up: true, addresses: ['10.1.0.254/24'], attached: true },
  ],
  routes: [
    { family: 4, prefix: '0.0.0.0/0', type: 'unicast', via: '198.51.100.254', interface: 0, source: null, mtu: 0, metric: 0 },
    { family: 4, prefix: '198.51.100.0/24', type: 'unicast', via: null, interface: 0, source: '198.51.100.1', mtu: 0, metric: 0 },
    { family: 4, prefix: '10.1.0.0/24', type: 'unicast', via: null, interface: 1, source: '10.1.0.254', mtu: 0, metric: 0 },
    { family: 4, prefix: '192.0.2.10/32', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
  ],
  neighbours: [
    { interface: 0, address: '198.51.100.254', mac: '02:00:00:00:0c:fe' },
    ...Array.from({ length: DESTINATIONS }, (_, i) => ({ interface: 1, address: `10.1.0.${i + 1}`, mac: `02:00:00:00:01:0${i + 1}` })),
  ],
  forwarding4: true,
  forwarding6: true,
};

const METHODS: Readonly<Record<string, ForwardingMethod>> = { nat: 'masq', dr: 'route', ipip: 'tunnel' };

/** Counts what comes out, so that a core which forwards nothing cannot look fast. */
class CountingSink implements FrameSink {
  transmitted = 0;
  other = 0;
  transmit(): void { this.transmitted++; }
  pass(): void { this.other++; }
  deliver(): void { this.other++; }
  resolve(): void { this.other++; }
}

export interface CoreBench {
  /** Fresh headers to random connections in every frame. */
  refill(): void;
  /** One pass over all frames. */
  pass(nowMs: number): void;
  readonly sink: CountingSink;
  readonly dataplane: Dataplane;
  readonly frames: number;
}

/** A core with `connections` UDP connections on one service, ready to be timed. */
export function coreBench(method: string, connections: number): CoreBench {
  const forwarding = METHODS[method];
  if (forwarding === undefined) throw new Error(`unknown method ${method}: one of ${Object.keys(METHODS).join(', ')}`);
  const dataplane = new Dataplane({ maxConnections: Math.max(connections, 1024), ...(nativeProblem() === null ? { allocate: (bytes: number) => allocate(bytes, true) } : {}) });
  const id: ServiceId = { kind: 'address', protocol: 'udp', address: '192.0.2.10', port: 80 };
  dataplane.edit({ op: 'network', state: NETWORK }, 0);
  dataplane.edit({ op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } }, 0);
  for (let i = 1; i <= DESTINATIONS; i++) {
    dataplane.edit({ op: 'addDestination', id, destination: { address: `10.1.0.${i}`, port: forwarding === 'masq' ? 8080 : 80, method: forwarding, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } }, 0);
  }
  const memory = new FrameMemory(new ArrayBuffer(FRAMES * STRIDE + 4096));
  // As a device hands them over: filled before the clock runs.
  const bursts = Array.from({ length: FRAMES / MAX_BURST }, (_, b) => {
    const burst = new FrameBurst(memory);
    for (let i = 0; i < MAX_BURST; i++) {
      burst.off[i] = (b * MAX_BURST + i) * STRIDE + HEADROOM + 2;
      burst.len[i] = FRAME_LEN;
    }
    return burst;
  });
  const sink = new CountingSink();
  const template = frameTemplate();
  let seed = 12345;

  const build = (slot: number, conn: number): void => {
    const off = slot * STRIDE + HEADROOM + 2;
    const u8 = memory.u8;
    u8.set(template, off);
    const client = 0x0a000000 + (conn >> 4);
    const port = 1024 + (conn & 15) * 13;
    u8[off + 26] = client >>> 24; u8[off + 27] = client >>> 16; u8[off + 28] = client >>> 8; u8[off + 29] = client;
    u8[off + 34] = port >>> 8; u8[off + 35] = port;
    let sum = 0;
    for (let i = 0; i < 20; i += 2) if (i !== 10) sum += u8[off + 14 + i]! << 8 | u8[off + 15 + i]!;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = ~((sum & 0xffff) + (sum >>> 16));
    u8[off + 24] = sum >>> 8; u8[off + 25] = sum;
  };
  const send = (count: number, nowMs: number): void => {
    for (let b = 0; b * MAX_BURST < count; b++) {
      const burst = bursts[b]!;
      burst.count = Math.min(MAX_BURST, count - b * MAX_BURST);
      dataplane.burst(0, burst, sink, nowMs);
    }
  };

  for (let base = 0; base < connections; base += FRAMES) {
    const n = Math.min(FRAMES, connections - base);
    for (let i = 0; i < n; i++) build(i, base + i);
    send(n, 1);
    dataplane.advance(sink, 1);
  }
  return {
    sink, dataplane, frames: FRAMES,
    refill(): void {
      for (let i = 0; i < FRAMES; i++) {
        seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5;
        build(i, (seed >>> 0) % connections);
      }
    },
    pass(nowMs: number): void { send(FRAMES, nowMs); },
  };
}

/** A 60-byte UDP frame to the service, addresses and checksum filled in later. */
function frameTemplate(): Uint8Array {
  const frame = new Uint8Array(FRAME_LEN);
  frame.set([2, 0, 0, 0, 0x0d, 1, 2, 0, 0, 0, 0x0c, 0xfe, 8, 0, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0, 192, 0, 2, 10, 0, 0, 0, 80, 0, 26, 0x34, 0x12]);
  return frame;
}

/** Median ns per packet. Checks that every packet was forwarded over an existing connection. */
function measure(method: string, connections: number, passes: number): number {
  const bench = coreBench(method, connections);
  if (bench.dataplane.stats().connections !== connections) throw new Error(`expected ${connections} connections, got ${bench.dataplane.stats().connections}`);
  const times: number[] = [];
  for (let k = -WARM_UP_PASSES; k < passes; k++) {
    bench.refill();
    const before = bench.sink.transmitted;
    const start = process.hrtime.bigint();
    bench.pass(2 + k + WARM_UP_PASSES);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (bench.sink.transmitted - before !== bench.frames) throw new Error(`only ${bench.sink.transmitted - before} of ${bench.frames} packets were forwarded`);
    if (k >= 0) times.push(elapsed / bench.frames);
  }
  if (bench.dataplane.stats().connections !== connections) throw new Error('the timed passes created connections');
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [method, connections, passes] = process.argv.slice(2);
  if (method === undefined || !(Number(connections) > 0) || !(Number(passes) > 0)) {
    process.stderr.write('usage: node core.js nat|dr|ipip CONNECTIONS PASSES\n');
    process.exit(2);
  }
  process.stdout.write(`${measure(method, Number(connections), Number(passes)).toFixed(2)}\n`);
}
