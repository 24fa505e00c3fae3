/**
 * One measurement of the director core, in a process of its own: the same workload as reference.c (8192 packets a pass to random
 * connections, fresh headers before each pass), through Dataplane.burst exactly as the live worker calls it. Prints the median
 * nanoseconds per packet.
 *
 * usage: node core.js nat|dr|ipip|nat6|dr6 CONNECTIONS PASSES
 */
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { IPIP_TUNNEL, type ForwardingMethod } from '../../lib/model/destination.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { allocate, nativeProblem } from '../../native-shims/index.ts';
import { benchNetwork, CountingSink, FrameSupply, FRAMES, processorNs } from './workload.ts';

const DESTINATIONS = 8;
/** Passes before those that count: enough for the compiler to be done. */
const WARM_UP_PASSES = 150;

const METHODS: Readonly<Record<string, ForwardingMethod>> = { nat: 'masq', dr: 'route', ipip: 'tunnel', nat6: 'masq', dr6: 'route' };

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
  const isSix = method.endsWith('6');
  const server = (n: number): string => `${isSix ? '2001:db8:1::' : '10.1.0.'}${n}`;
  const id: ServiceId = { kind: 'address', protocol: 'udp', address: isSix ? '2001:db8::10' : '192.0.2.10', port: 80 };
  dataplane.edit({ op: 'network', state: benchNetwork(Array.from({ length: DESTINATIONS }, (_, i) => server(i + 1))) }, 0);
  dataplane.edit({ op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: isSix ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false } }, 0);
  for (let i = 1; i <= DESTINATIONS; i++) {
    dataplane.edit({ op: 'addDestination', id, destination: { address: server(i), port: forwarding === 'masq' ? 8080 : 80, method: forwarding, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } }, 0);
  }
  const sink = new CountingSink();
  const supply = new FrameSupply(isSix ? 'udp6' : 'udp');
  for (let base = 0; base < connections; base += FRAMES) {
    const n = Math.min(FRAMES, connections - base);
    for (let i = 0; i < n; i++) supply.build(i, base + i);
    supply.send(dataplane, n, sink, 1);
    dataplane.advance(sink, 1);
  }
  return { sink, dataplane, frames: FRAMES, refill: () => supply.refill(connections), pass: (nowMs) => supply.send(dataplane, FRAMES, sink, nowMs) };
}

/** Median ns per packet. Checks that every packet was forwarded over an existing connection. */
function measure(method: string, connections: number, passes: number): number {
  const bench = coreBench(method, connections);
  if (bench.dataplane.stats().connections !== connections) throw new Error(`expected ${connections} connections, got ${bench.dataplane.stats().connections}`);
  const times: number[] = [];
  for (let k = -WARM_UP_PASSES; k < passes; k++) {
    bench.refill();
    const before = bench.sink.transmitted;
    const start = processorNs();
    bench.pass(2 + k + WARM_UP_PASSES);
    const elapsed = processorNs() - start;
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
    process.stderr.write('usage: node core.js nat|dr|ipip|nat6|dr6 CONNECTIONS PASSES\n');
    process.exit(2);
  }
  process.stdout.write(`${measure(method, Number(connections), Number(passes)).toFixed(2)}\n`);
}
