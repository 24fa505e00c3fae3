/**
 * The loads: each puts a contender that is up under one kind of traffic and returns what it read. Every load begins with a time that does not count,
 * in which caches, compilers and windows get warm.
 */
import { join } from 'node:path';
import { busyProcessors, processTimeNs, residentBytes } from './busy.ts';
import type { Contender, Running } from './contender.ts';
import { CIP, HTTP_PORT, IPERF_PORT, SINK_PORT } from './hosts.ts';
import type { MeasureName, Reading } from './measures.ts';
import { load, pause, start, stop } from './processes.ts';
import { median } from '../median.ts';
import { macOf, received } from './topology.ts';

export interface Bench {
  /** Folder of the compiled load programs. */
  readonly programs: string;
  /** How long a load is measured. */
  readonly ms: number;
}

export interface Load {
  readonly name: string;
  /** Whether this load can be put on it. */
  fits(contender: Contender): boolean;
  /** Once a run, not once a round: it takes long and varies little. */
  readonly once: boolean;
  run(contender: Contender, running: Running, bench: Bench): Promise<Reading>;
}

const WARM_UP_MS = 400;
/** New connections and requests of a contender that has just come up: long enough that V8 has compiled what they run through. */
const FIRST_WARM_UP_MS = 1200;
const CONNECTIONS = 32;
const FLOWS_TO_REMEMBER = 1_000_000;
const ALL_FLOWS = 0.99, ENOUGH_FLOWS = 0.9, FLOW_PASSES = 6;
/** Little enough that most arrive. */
const FLOWS_PER_SECOND = 150_000;
/** The generator may take this long, should nobody end it. */
const GENERATOR_LIMIT_SECONDS = 30;
const SETTLE_MS = 1500;

export const LOADS: readonly Load[] = [
  packets('pps1k', 1024, 'pps1k', 'pps1kCpu'),
  packets('pps30k', 30_000, 'pps30k', 'pps30kCpu'),
  bulk('bulk1', 1, 'bulk1', 'bulk1Cpu'),
  bulk('bulk4', 4, 'bulk4', 'bulk4Cpu'),
  bulk('bulk16', 16, 'bulk16', 'bulk16Cpu'),
  {
    name: 'keep', once: false, fits: () => true,
    async run(contender, _running, bench) {
      const { perSecond, p50, p99, p999, busy } = await http('keep', contender, bench);
      return { keep: perSecond, keepP50: p50, keepP99: p99, keepP999: p999, keepCpu: busy * 1e6 / perSecond };
    },
  },
  {
    name: 'fresh', once: false, fits: () => true,
    async run(contender, _running, bench) {
      const { perSecond, p99, busy } = await http('close', contender, bench);
      return { fresh: perSecond, freshP99: p99, freshCpu: busy * 1e6 / perSecond };
    },
  },
  { name: 'idle', once: false, fits: ({ ours }) => ours !== null, run: idle },
  { name: 'memory', once: true, fits: ({ ours }) => ours !== null, run: memory },
];

/** As many small packets as an in-kernel generator offers; counted where they arrive. */
function packets(name: string, flows: number, rate: MeasureName, cpu: MeasureName): Load {
  return {
    name, once: false, fits: ({ udp }) => udp,
    async run(contender, _running, { programs, ms }) {
      const generator = start('client', 'taskset', ['-c', '0', join(programs, 'generator'), 'c0', macOf('director', 'l0'), macOf('client', 'c0'), CIP,
        contender.target, String(SINK_PORT), String(flows), String(GENERATOR_LIMIT_SECONDS)]);
      let log = '';
      generator.stderr!.on('data', (data: Buffer) => { log += data.toString(); });
      try {
        await pause(WARM_UP_MS);
        if (generator.exitCode !== null) throw new Error(log.trim());
        const before = received('server', 's0'), began = performance.now();
        const busy = await busyProcessors(0, ms);
        const perSecond = (received('server', 's0') - before) / ((performance.now() - began) / 1000);
        return { [rate]: perSecond, [cpu]: busy * 1e9 / perSecond };
      } finally {
        await stop(generator);
      }
    },
  };
}

interface IperfReport {
  readonly intervals: readonly { readonly sum: { readonly start: number; readonly seconds: number; readonly bytes: number } }[];
}

/** TCP streams with all offloads, as the sender's intervals behind the warm-up saw them. */
function bulk(name: string, streams: number, rate: MeasureName, cpu: MeasureName): Load {
  return {
    name, once: false, fits: () => true,
    async run(contender, _running, { ms }) {
      const seconds = Math.ceil((WARM_UP_MS + ms) / 1000);
      const [text, busy] = await Promise.all([
        load('client', 'iperf3', ['-J', '-c', contender.target, '-p', String(IPERF_PORT), '-P', String(streams), '-t', String(seconds), '-i', '0.2']),
        busyProcessors(WARM_UP_MS, seconds * 1000 - WARM_UP_MS - 100),
      ]);
      const counted = (JSON.parse(text) as IperfReport).intervals.map(({ sum }) => sum).filter(({ start }) => start * 1000 >= WARM_UP_MS - 1);
      const gbits = counted.reduce((sum, { bytes }) => sum + bytes * 8e-9, 0) / counted.reduce((sum, { seconds }) => sum + seconds, 0);
      return { [rate]: gbits, [cpu]: busy * 1000 / gbits };
    },
  };
}

/** Traffic that does not count, right after a contender came up. */
export async function warmUp(contender: Contender, { programs }: Bench): Promise<void> {
  await load('client', join(programs, 'http-client'), ['close', contender.target, String(HTTP_PORT), String(CONNECTIONS), String(FIRST_WARM_UP_MS), '0']);
}

interface HttpReport { readonly perSecond: number; readonly failures: number; readonly p50: number; readonly p99: number; readonly p999: number }

async function http(mode: 'keep' | 'close', contender: Contender, { programs, ms }: Bench): Promise<HttpReport & { readonly busy: number }> {
  const [text, busy] = await Promise.all([
    load('client', join(programs, 'http-client'), [mode, contender.target, String(HTTP_PORT), String(CONNECTIONS), String(WARM_UP_MS), String(ms)]),
    busyProcessors(WARM_UP_MS, ms - 100),
  ]);
  const report = JSON.parse(text) as HttpReport;
  if (report.failures > 0) throw new Error(`${contender.name}: ${report.failures} requests failed`);
  return { ...report, busy };
}

/** The median of a few stretches: V8 collects garbage once, some seconds after the last work. */
async function idle(_contender: Contender, { pid }: Running, { ms }: Bench): Promise<Reading> {
  await pause(SETTLE_MS);
  const stretches: number[] = [];
  for (let i = 0; i < 3; i++) {
    const before = processTimeNs(pid), began = performance.now();
    await pause(ms);
    stretches.push((processTimeNs(pid) - before) / ((performance.now() - began) * 1e6) * 100);
  }
  return { idle: median(stretches) };
}

/** What the daemon grows by for each connection, everything counted. The flows are sent again for those whose datagram was lost. */
async function memory(contender: Contender, { pid, connections }: Running, { programs }: Bench): Promise<Reading> {
  await pause(SETTLE_MS);
  const bytesBefore = residentBytes(pid), before = await connections!();
  let made = 0;
  for (let i = 0; i < FLOW_PASSES && made < ALL_FLOWS * FLOWS_TO_REMEMBER; i++) {
    await load('client', join(programs, 'udp-flows'), [contender.target, String(SINK_PORT), String(FLOWS_TO_REMEMBER), String(FLOWS_PER_SECOND)]);
    made = await connections!() - before;
  }
  if (made < ENOUGH_FLOWS * FLOWS_TO_REMEMBER) throw new Error(`${contender.name}: only ${made} of ${FLOWS_TO_REMEMBER} connections came about`);
  return { memory: (residentBytes(pid) - bytesBefore) / made };
}
