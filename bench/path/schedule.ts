/**
 * What a new connection costs with few and with many destinations, in a process of its own. Two figures, medians in ns:
 *
 *     pick    the scheduler alone: a pick, its destination's counts as a connection that is bound, becomes active and ends moves them, and what the
 *             scheduler keeps of that
 *     life    a SYN through Dataplane.burst (parse, miss, service, pick, connection, timer, NAT, counters), and the end of its connection when its timer is due
 *
 * usage: node schedule.js SCHEDULER DESTINATIONS PASSES          prints "pick life"
 */
import { DestinationEntry } from '../../lib/dataplane/destination-entry.ts';
import { ServiceEntry } from '../../lib/dataplane/service-entry.ts';
import { sysctlDefaults } from '../../lib/model/sysctl.ts';
import { SCHEDULERS } from '../../lib/schedulers/index.ts';
import type { SchedulerPacket } from '../../lib/schedulers/scheduler.ts';
import { CreationBench, destinationNumber, serviceWith, STEP_MS } from './creation.ts';
import { FRAMES, processorNs } from './workload.ts';
import { median } from '../median.ts';

const WARM_UP_PASSES = 40;

function pickNs(scheduler: string, destinations: number, passes: number): number {
  const entry = new ServiceEntry(serviceWith(scheduler), 0);
  let nowMs = 0;
  const sysctl = sysctlDefaults();
  entry.configure(serviceWith(scheduler), { now: () => nowMs, random: Math.random, sysctl: (name) => sysctl[name], explain: null }, SCHEDULERS);
  for (let n = 0; n < destinations; n++) {
    const made = new DestinationEntry(n, n, entry, destinationNumber(n + 1, scheduler));
    made.configure(destinationNumber(n + 1, scheduler), true);
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
    const start = processorNs();
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
    if (pass >= 0) times.push((processorNs() - start) / FRAMES);
    nowMs += 10;
  }
  return median(times);
}

function lifeNs(scheduler: string, destinations: number, passes: number): number {
  const bench = new CreationBench(scheduler, destinations);
  const times: number[] = [];
  for (let pass = -WARM_UP_PASSES; pass < passes; pass++) {
    bench.refill();
    const before = bench.sink.transmitted;
    const start = processorNs();
    bench.pass(STEP_MS);
    if (pass >= 0) times.push((processorNs() - start) / FRAMES);
    if (bench.sink.transmitted - before !== FRAMES) throw new Error(`${bench.sink.transmitted - before} of ${FRAMES} were forwarded`);
  }
  if (bench.dataplane.stats().connections > 20 * FRAMES) throw new Error('connections do not end');
  return median(times);
}

const [scheduler, destinations, passes] = process.argv.slice(2);
if (scheduler === undefined || !(Number(destinations) > 0) || !(Number(passes) > 0)) {
  process.stderr.write('usage: node schedule.js SCHEDULER DESTINATIONS PASSES\n');
  process.exit(2);
}
process.stdout.write(`${pickNs(scheduler, Number(destinations), Number(passes)).toFixed(1)} ${lifeNs(scheduler, Number(destinations), Number(passes)).toFixed(1)}\n`);
