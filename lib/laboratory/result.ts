/**
 * What a run of the scheduler laboratory yields: plain values, JSON-able, the one thing that reports, pictures and tables read. The same scenario,
 * seed and version give the same result to the byte; what depends on the machine (RunCost) stands apart and may be left out.
 */

/** One figure's distribution over all requests (connections without keep-alive have one), in ms of virtual time. */
export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A real server of the scenario, as configured at its start. */
export interface LaboratoryServer {
  readonly name: string;
  readonly weight: number;
  /** Work it does in a second: 1 serves a connection of one second's work, alone on it, in one second. */
  readonly capacity: number;
  /** Connections it serves at once: FIFO servers queue those above; Infinity is written as null. */
  readonly concurrency: number | null;
  readonly discipline: 'processor-sharing' | 'fifo';
}

/** Something that happens to the servers at a time of the scenario. */
export interface LaboratoryEvent {
  readonly atMs: number;
  readonly kind: 'join' | 'leave' | 'weight' | 'fail' | 'recover' | 'drain';
  readonly server: string;
  /** As a sentence fragment: "s3 leaves", "s1 gets weight 4". */
  readonly text: string;
}

/** What one event moved: of flows asked for again right before and right after it (a fixed probe set of clients, asked without acting). */
export interface Disruption {
  /** Index in `events`. */
  readonly event: number;
  readonly probes: number;
  /** Probes whose destination changed. */
  readonly moved: number;
  /** The least that had to change: those whose destination went away, or the share a new one is due. */
  readonly necessary: number;
}

export interface ServerOutcome {
  readonly name: string;
  readonly connections: number;
  /** Of all connections, 0..1. */
  readonly share: number;
  /** What its weight asks for, averaged over the time it was there, 0..1. */
  readonly idealShare: number;
  /** Busy time over the time it was there, 0..1. */
  readonly utilisation: number;
  readonly peakConnections: number;
}

/** Of the machine it ran on; the only figures that differ from run to run. */
export interface RunCost {
  readonly nsPerPick: number;
  /** What the scheduler itself holds after the run. */
  readonly schedulerBytes: number;
  readonly wallMs: number;
}

export interface SchedulerRun {
  /** With its flags, as --schedulers takes it: "mh", "sh+sh-port". */
  readonly scheduler: string;
  /** Not one of the kernel's: exists in the laboratory alone. */
  readonly research: boolean;
  readonly connections: number;
  /** No destination was to be had. */
  readonly refused: number;
  /** Broken by a server's failure. */
  readonly broken: number;
  readonly responseMs: Distribution;
  /** Of it, waiting before service (FIFO), or slowed down by others (processor sharing: response less the time alone). */
  readonly queueingMs: Distribution;
  /** Response times at evenly spaced cumulative fractions; the last is the maximum. */
  readonly responseCurve: { readonly fraction: readonly number[]; readonly ms: readonly number[] };
  /** Half the sum of |share - idealShare|, 0..1: the part of the connections that would have to go elsewhere. */
  readonly shareError: number;
  /** Highest of (a server's load / the mean load per capacity), averaged over the buckets; 1 is even. */
  readonly peakToMean: number;
  readonly disruption: readonly Disruption[];
  /** Flows that a second director with the same servers, told of events in another order, sends elsewhere; of how many. */
  readonly disagreement: { readonly flows: number; readonly differ: number };
  /** Most of the new connections that a freshly joined server got in a second (or in as long as 50 fair ones take), over its fair part, in the minute after it joined; null without one. */
  readonly rampOvershoot: number | null;
  /** Persistence: the largest server's share over its ideal share, counted in clients; null without persistence. */
  readonly persistenceSkew: number | null;
  readonly servers: readonly ServerOutcome[];
  /** Connections at each server, averaged over each bucket: load[server][bucket]. Servers as in ServerOutcome. */
  readonly load: readonly (readonly number[])[];
  readonly cost: RunCost | null;
}

export interface LaboratoryResult {
  readonly version: 1;
  readonly scenario: {
    readonly name: string;
    readonly title: string;
    /** The one question it answers, a sentence with a question mark. */
    readonly question: string;
    readonly description: string;
  };
  /** Gives the same again: "tsipvs schedulers bench unequal-servers --seed 1 --schedulers rr,wlc". */
  readonly command: string;
  readonly seed: number;
  /** Length in virtual time. */
  readonly durationMs: number;
  readonly bucketMs: number;
  readonly connections: number;
  readonly servers: readonly LaboratoryServer[];
  readonly events: readonly LaboratoryEvent[];
  readonly runs: readonly SchedulerRun[];
  /** Schedulers from best to worst by the scenario's own measure. */
  readonly ranking: { readonly measure: string; readonly unit: string; readonly lowerIsBetter: boolean; readonly rows: readonly { readonly scheduler: string; readonly value: number }[] };
  /** The answer as one or two sentences, made from the figures. */
  readonly finding: string;
}
