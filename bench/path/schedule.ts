/**
 * What a new connection costs with few and with many destinations, in a process of its own. Two figures, medians in ns:
 *
 *     pick    the scheduler alone: a pick, its destination's counts as a connection that is bound, becomes active and ends moves them, and what the
 *             scheduler keeps of that
 *     life    a SYN through Dataplane.burst (parse, miss, service, pick, connection, timer, NAT, counters), and the expiry of its connection
 *
 * usage: node schedule.js SCHEDULER DESTINATIONS PASSES          prints "pick life"
 */
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { DestinationEntry } from '../../lib/dataplane/destination-entry.ts';
import { ServiceEntry } from '../../lib/dataplane/service-entry.ts';
import { IPIP_TUNNEL, type Destination } from '../../lib/model/destination.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';
import { sysctlDefaults } from '../../lib/model/sysctl.ts';
import type { SchedulerPacket } from '../../lib/schedulers/scheduler.ts';
import { benchNetwork, CountingSink, FrameSupply, FRAMES } from './workload.ts';

/** Longer than a half-open connection waits. */
const LIFE_MS = 70_000;
const WARM_UP_PASSES = 40;

const ID: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };

function service(scheduler: string): VirtualService {
  return { id: ID, scheduler, schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false };
}

/** Weights 1 to 4 in turn. */
function destination(n: number): Destination {
  return { address: `10.1.${n >> 8}.${n & 255}`, port: 8080, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1 + (n % 4), upperThreshold: 0, lowerThreshold: 0 };
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

function pickNs(scheduler: string, destinations: number, passes: number): number {
  const entry = new ServiceEntry(service(scheduler), 0);
  let nowMs = 0;
  const sysctl = sysctlDefaults();
  entry.configure(service(scheduler), { now: () => nowMs, random: Math.random, sysctl: (name) => sysctl[name], explain: null });
  for (let n = 0; n < destinations; n++) {
    const made = new DestinationEntry(n, n, entry, destination(n + 1));
    made.configure(destination(n + 1), true);
    entry.destinations.unshift(made);
    entry.scheduler.added(entry, made);
  }
  const packet = { source: new Int32Array(4), destination: new Int32Array(4), family: 4, protocol: 6, sourcePort: 40_000, destinationPort: 80 } satisfies SchedulerPacket;
  packet.destination[3] = 0xc000020a | 0;
  // As many alive as would be with a few for each destination; the oldest ends when a new one begins.
  const alive = new Array<DestinationEntry>(destinations * 4);
  let at = 0;
  const times: number[] = [];
  for (let pass = -WARM_UP_PASSES; pass < passes; pass++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < FRAMES; i++) {
      packet.source[3] = Math.imul(pass * FRAMES + i, 0x9e3779b1);
      const picked = entry.scheduler.schedule(entry, packet);
      if (picked === null) throw new Error('nobody was picked');
      picked.bound(false, true);
      picked.moved(true);
      alive[at]?.unbound(false, false);
      alive[at] = picked;
      at = at + 1 === alive.length ? 0 : at + 1;
    }
    if (pass >= 0) times.push(Number(process.hrtime.bigint() - start) / FRAMES);
    nowMs += 10;
  }
  return median(times);
}

function lifeNs(scheduler: string, destinations: number, passes: number): number {
  const dataplane = new Dataplane({ maxConnections: 4 * FRAMES });
  dataplane.edit({ op: 'network', state: benchNetwork(Array.from({ length: destinations }, (_, n) => destination(n + 1).address)) }, 0);
  dataplane.edit({ op: 'addService', service: service(scheduler) }, 0);
  for (let n = 1; n <= destinations; n++) dataplane.edit({ op: 'addDestination', id: ID, destination: destination(n) }, 0);
  const sink = new CountingSink();
  const supply = new FrameSupply('tcp');
  const times: number[] = [];
  let nowMs = 1;
  let client = 0;
  for (let pass = -WARM_UP_PASSES; pass < passes; pass++) {
    for (let i = 0; i < FRAMES; i++) supply.build(i, client++ & 0x3ffffff);
    const before = sink.transmitted;
    const start = process.hrtime.bigint();
    supply.send(dataplane, FRAMES, sink, nowMs);
    nowMs += LIFE_MS;
    dataplane.advance(sink, nowMs);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (sink.transmitted - before !== FRAMES || dataplane.stats().connections !== 0) throw new Error(`${sink.transmitted - before} of ${FRAMES} forwarded, ${dataplane.stats().connections} left`);
    if (pass >= 0) times.push(elapsed / FRAMES);
  }
  return median(times);
}

const [scheduler, destinations, passes] = process.argv.slice(2);
if (scheduler === undefined || !(Number(destinations) > 0) || !(Number(passes) > 0)) {
  process.stderr.write('usage: node schedule.js SCHEDULER DESTINATIONS PASSES\n');
  process.exit(2);
}
process.stdout.write(`${pickNs(scheduler, Number(destinations), Number(passes)).toFixed(1)} ${lifeNs(scheduler, Number(destinations), Number(passes)).toFixed(1)}\n`);
