/** A scenario with a set of schedulers: each runs alone through the same world; together they make the result. */
import type { SchedulerChoice } from './scheduler-choice.ts';
import { LABORATORY_SCHEDULERS } from './scheduler-choice.ts';
import { expectedRate } from './arrivals.ts';
import type { SchedulerFactory } from '../schedulers/scheduler.ts';
import { LaboratoryDirector } from './director.ts';
import { meanOf } from './distribution.ts';
import { DisruptionMeter } from './measures/disruption.ts';
import { bucketLengthMs } from './measures/load.ts';
import { Probe, probeFlows, type ProbedServer } from './measures/probe.ts';
import { rounded } from './measures/times.ts';
import { RandomStream } from './random.ts';
import { finding, MEASURES, rank } from './ranking.ts';
import type { LaboratoryEvent, LaboratoryResult, LaboratoryServer, RunCost, SchedulerRun } from './result.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';
import { Simulation } from './simulation.ts';
import type { Trace } from './trace/trace.ts';
import { traceDurationMs, TraceWorkload } from './trace/trace-workload.ts';
import { lastArrivalMs, SyntheticWorkload, type Workload } from './workload.ts';

const PROBES = 2048;
/** How long the core remembers a connection that was closed, where the scenario does not say (FIN_WAIT, UDP), seconds. */
const REMEMBERED_SEC = { tcp: 130, udp: 310 } as const;
const LEAST_TABLE = 65_536;

/** Measures what depends on the machine: the laboratory itself has no clock. */
export interface CostMeter {
  /** Milliseconds of a steady clock. */
  nowMs(): number;
  /** Bytes that what `make` returns holds. */
  heldBytes(make: () => unknown): number;
}

export interface RunProgress {
  readonly scenario: string;
  readonly scheduler: string;
  /** Position of the scheduler and how many there are. */
  readonly index: number;
  readonly count: number;
  /** Of this scheduler's run, 0..1. */
  readonly done: number;
}

export interface RunScenarioOptions {
  readonly scenario: Scenario;
  readonly schedulers: readonly SchedulerChoice[];
  readonly seed: number;
  /** As many as the scenario's rate and duration make, if not given; events keep their place within the run. */
  readonly connections?: number | undefined;
  /** Connections of real traffic in place of the scenario's own. */
  readonly trace?: Trace | undefined;
  /** What gives this result again. */
  readonly command: string;
  readonly cost: CostMeter | null;
  readonly onProgress?: (progress: RunProgress) => void;
}

export function runScenario(options: RunScenarioOptions): LaboratoryResult {
  const { schedulers, seed, command, cost, onProgress = () => {} } = options;
  const plan = planOf(options);
  const { scenario, durationMs, bucketMs } = plan;
  const runs = schedulers.map((choice, index) => runOne(plan, choice, seed, cost, (done) => onProgress({ scenario: scenario.name, scheduler: choice.label, index, count: schedulers.length, done })));
  const { text, unit } = MEASURES[scenario.ranking];
  const rows = rank(runs, scenario.ranking);
  const { name, title, question, description } = scenario;
  return {
    version: 1, scenario: { name, title, question, description }, command, seed, durationMs, bucketMs, connections: runs[0]?.connections ?? 0,
    servers: scenario.servers.map(({ name, weight, capacity, concurrency, discipline }): LaboratoryServer => ({ name, weight, capacity, concurrency: concurrency === Infinity ? null : concurrency, discipline })),
    events: scenario.events.map((event) => resultEvent(event, scenario)), runs,
    ranking: { measure: text, unit, lowerIsBetter: true, rows }, finding: finding(runs, rows, scenario.ranking, scenario.contrast),
  };
}

interface Plan {
  /** With its events moved to where they belong in a run of this length. */
  readonly scenario: Scenario;
  readonly connections: number;
  readonly durationMs: number;
  readonly bucketMs: number;
  readonly rate: number;
  readonly workload: () => Workload;
}

function planOf({ scenario: given, seed, connections: wanted, trace: whole }: RunScenarioOptions): Plan {
  if (whole !== undefined) return planOfTrace(given, { ...whole, flows: whole.flows.slice(0, wanted ?? Infinity) });
  const scenario = given;
  const rate = rateOf(scenario);
  const own = Math.max(1, Math.round((rate * scenario.durationMs) / 1000));
  const connections = wanted ?? own;
  const stretch = connections / own;
  const open = scenario.arrivals.process !== 'closed';
  const durationMs = Math.max(1, Math.ceil(open ? lastArrivalMs(scenario, seed, connections) : scenario.durationMs * stretch));
  return {
    scenario: stretched(scenario, stretch, durationMs), connections, durationMs, bucketMs: bucketLengthMs(durationMs), rate,
    workload: () => new SyntheticWorkload(scenario, seed, connections),
  };
}

function planOfTrace(scenario: Scenario, trace: Trace): Plan {
  const durationMs = Math.ceil(traceDurationMs(trace)), connections = trace.flows.length;
  const rate = (connections / durationMs) * 1000;
  const description = `${scenario.description} Arrivals, clients and lengths of connections are those of a trace: ${connections} connections to "${trace.service}".`.trim();
  return {
    scenario: { ...stretched(scenario, durationMs / scenario.durationMs, durationMs), arrivals: { process: 'poisson', rate }, description },
    connections, durationMs, bucketMs: bucketLengthMs(durationMs), rate, workload: () => new TraceWorkload(trace, scenario),
  };
}

/** Events and warm-up keep their place in a longer or shorter run. */
function stretched(scenario: Scenario, by: number, durationMs: number): Scenario {
  return { ...scenario, durationMs, warmUpMs: scenario.warmUpMs * by, events: scenario.events.map((event) => ({ ...event, atMs: Math.min(durationMs, event.atMs * by) })) };
}

function rateOf({ arrivals, workSec, requests, pauseSec }: Scenario): number {
  return expectedRate(arrivals, meanOf(workSec), meanOf(requests), meanOf(pauseSec));
}

function runOne(plan: Plan, choice: SchedulerChoice, seed: number, cost: CostMeter | null, progress: (done: number) => void): SchedulerRun {
  const startMs = cost?.nowMs() ?? 0;
  const { scenario, durationMs, bucketMs, rate } = plan;
  const { service, servers } = scenario;
  const workload = plan.workload();
  const schedulerRandom = new RandomStream(seed, 'scheduler');
  const director = new LaboratoryDirector({
    scheduler: choice.name, schedFlags: choice.schedFlags, schedulers: LABORATORY_SCHEDULERS, ...service, servers: servers.keys(),
    maxConnections: tableSize(plan, workload.clients), random: () => schedulerRandom.next(),
  });
  const disruption = new DisruptionMeter({
    factory: choice.factory, schedFlags: choice.schedFlags, protocol: service.protocol, flows: probeFlows(PROBES, 1_000_000_000, seed), seed,
  });
  const simulation = new Simulation({ scenario, workload, director, disruption, durationMs, bucketMs, rate, seed, progress });
  simulation.run();
  progress(1);
  const { load, shares } = simulation;
  const { share, ideal, error } = shares.outcome();
  return {
    scheduler: choice.label, research: choice.research, connections: simulation.connections, refused: simulation.refused, broken: simulation.broken,
    responseMs: simulation.response.distribution(), queueingMs: simulation.queueing.distribution(), responseCurve: simulation.response.curve(),
    shareError: rounded(error), peakToMean: load.peakToMean(servers.map(({ capacity, concurrency, discipline }) => (discipline === 'fifo' && concurrency !== Infinity ? capacity * concurrency : capacity))),
    disruption: disruption.disruption, disagreement: disruption.disagreement, rampOvershoot: nullOr(simulation.ramp.outcome()),
    persistenceSkew: service.persistenceSec > 0 ? rounded(skewInClients(simulation.clientServer, ideal)) : null,
    servers: servers.map(({ name }, server) => {
      const presentMs = load.presentMs(server);
      return {
        name, connections: shares.connections[server]!, share: rounded(share[server]!), idealShare: rounded(ideal[server]!),
        utilisation: rounded(presentMs === 0 ? 0 : Math.min(1, simulation.busyMs[server]! / presentMs)), peakConnections: load.peak[server]!,
      };
    }),
    load: load.load(), cost: cost === null ? null : costOf(cost, choice, plan, seed, startMs),
  };
}

/** Room for all connections that the core remembers at a time. */
function tableSize({ connections, rate, scenario: { service, workSec, requests, pauseSec } }: Plan, clients: number): number {
  const rememberedSec = service.onePacket ? 0 : service.protocol === 'udp' ? service.timeouts.udp || REMEMBERED_SEC.udp : (service.timeouts.tcpFin || REMEMBERED_SEC.tcp) + 60;
  const openSec = meanOf(requests) * (meanOf(workSec) + meanOf(pauseSec));
  const templates = service.persistenceSec > 0 ? clients : 0;
  return Math.min(connections, Math.ceil(rate * (rememberedSec + openSec) * 3)) + templates + LEAST_TABLE;
}

/** The largest server's part of the clients, over its part by weight. */
function skewInClients(clientServer: Int32Array, ideal: readonly number[]): number {
  const clients = new Float64Array(ideal.length);
  let total = 0;
  for (const server of clientServer) {
    if (server === 0) continue;
    clients[server - 1]!++;
    total++;
  }
  return ideal.reduce((most, due, server) => (due > 0 && total > 0 ? Math.max(most, clients[server]! / total / due) : most), 0);
}

/** A pick's cost over the destinations of the scenario, idle: after warming up, flows asked for again and again without effect on the counts. */
function costOf(cost: CostMeter, { factory, schedFlags }: SchedulerChoice, { scenario: { servers, service } }: Plan, seed: number, startMs: number): RunCost {
  const wallMs = cost.nowMs() - startMs;
  const probed = servers.map(({ weight }, server): ProbedServer => ({ server, weight, lastWeight: weight, active: 0, inactive: 0 })).reverse();
  const flows = probeFlows(PROBES, 2_000_000_000, seed);
  const probe = new Probe(factory, schedFlags, service.protocol, probed, new RandomStream(seed, 'cost'));
  // The quickest of several rounds: what else the machine does only ever adds.
  let leastMs = Infinity;
  for (let round = 0, spentMs = 0; round < COST_ROUNDS && (round < COST_LEAST_ROUNDS || spentMs < COST_MOST_MS); round++) {
    const fromMs = cost.nowMs();
    for (const flow of flows) probe.ask(flow, false);
    const roundMs = cost.nowMs() - fromMs;
    leastMs = Math.min(leastMs, roundMs);
    spentMs += roundMs;
  }
  const used = (scheduler: SchedulerFactory): number => cost.heldBytes(() => {
    const one = new Probe(scheduler, schedFlags, service.protocol, probed, new RandomStream(seed, 'cost'));
    one.askAll(flows, false);
    return one;
  });
  const schedulerBytes = Math.max(0, used(factory) - used(LABORATORY_SCHEDULERS['none']!));
  return { nsPerPick: Number(((leastMs * 1e6) / flows.length).toPrecision(3)), schedulerBytes, wallMs: Math.round(wallMs) };
}

const COST_ROUNDS = 100, COST_LEAST_ROUNDS = 5, COST_MOST_MS = 60;

function resultEvent({ atMs, kind, server, weight }: ScenarioEvent, { servers }: Scenario): LaboratoryEvent {
  const { name } = servers[server]!;
  const text = { join: `${name} joins`, leave: `${name} leaves`, weight: `${name} gets weight ${weight}`, fail: `${name} fails`, recover: `${name} recovers`, drain: `${name} drains` }[kind];
  return { atMs: rounded(atMs), kind, server: name, text };
}

function nullOr(value: number | null): number | null {
  return value === null ? null : rounded(value);
}
