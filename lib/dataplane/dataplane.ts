/**
 * The director core: one deterministic machine. Frames and a clock go in, frames and counters come out; it opens no socket, reads no clock and
 * draws no random number of its own. Live, replayed, simulated and fuzzed traffic all go through this class.
 */
import { INTERFACE_LOCAL, type FrameBurst, type FrameSink } from '../wire/frame.ts';
import { DROP_REASONS } from '../model/drop-reason.ts';
import type { Answer, Asked, DataplaneQuestion } from '../model/dataplane-question.ts';
import type { Explanation, FlowQuestion } from '../model/explanation.ts';
import type { ConnectionRecord, DataplaneStats } from '../model/stats.ts';
import { sysctlDefaults } from '../model/sysctl.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../model/trace-record.ts';
import { int32Array, type Allocate, type Populate } from '../structures/memory.ts';
import { RewindableRandom } from '../structures/rewindable-random.ts';
import type { SchedulerEnvironment, SchedulerFactory } from '../schedulers/scheduler.ts';
import { peek } from '../schedulers/peek.ts';
import { Walk } from './burst.ts';
import { connectionRecord } from './connection-records.ts';
import { Connections } from './connections.ts';
import type { CoreContext } from './core-context.ts';
import { Decision, type Chooser } from './decision.ts';
import { Defence, DEFENCE_EVERY_MS } from './defence.ts';
import { applyEdit } from './edits.ts';
import { Counters, ESTIMATE_EVERY_MS } from './estimator.ts';
import { publish } from './fast-state.ts';
import { arrivalInterface, foresee } from './explain.ts';
import { Flow } from './flow.ts';
import { Forwarders, MOST_SHARED_DESTINATIONS, type SharingOptions } from './forwarders.ts';
import { Fragments } from './fragments.ts';
import { firstPacket } from './first-packet.ts';
import { answerReassemblyTimeout } from './icmp-answer.ts';
import { FtpHelper } from './ftp.ts';
import { IcmpLimit } from './icmp-limit.ts';
import { MarkClassifier } from './marks.ts';
import { Network } from './network.ts';
import { Observations } from './observations.ts';
import { Packet } from './packet.ts';
import { ProtocolTimeouts } from './protocol-timeouts.ts';
import { answerUnresolved } from './related-icmp.ts';
import { ConnectionsByQuote } from './related-connections.ts';
import { ScratchRing } from './scratch-ring.ts';
import { Services, SLOT_WORDS } from './services.ts';
import { dataplaneStats } from './stats.ts';
import { Synchronisation } from './sync.ts';
import { Trace } from './trace.ts';

export const DEFAULT_MAX_CONNECTIONS = 1_048_576;
const DEFAULT_FRAGMENT_BYTES = 4 << 20;
/** Schedulers tidy up and the trash is looked through this often. */
const HOUSEKEEPING_EVERY_MS = 60_000;

export interface DataplaneOptions {
  readonly maxConnections?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** First value of the clock. */
  readonly startMs?: number;
  readonly connTabSize?: number;
  readonly maxFragmentBytes?: number;
  /** Limit the ICMP errors the director sends, as the kernel does by default. */
  readonly limitIcmp?: boolean;
  /** Timers handled in one advance(); what is left over makes it return 0. Unlimited by default. */
  readonly timersPerAdvance?: number;
  /** Memory for the connection table and its index, huge pages at best. By default ordinary memory. */
  readonly allocate?: Allocate;
  /** Has memory of the connection table made resident before it is used, by another thread. By default it is cleared as it is used. */
  readonly populate?: Populate;
  /** Schedulers by name. The registry's by default; the laboratory adds those of research. */
  readonly schedulers?: Readonly<Record<string, SchedulerFactory>> | undefined;
  /** Other threads forward by the same tables, whose memory comes from `allocate`. */
  readonly sharing?: SharingOptions;
}

export class Dataplane {
  readonly network: Network;
  /** Null where this thread is the only one. */
  readonly forwarders: Forwarders | null;
  readonly #core: CoreContext;
  readonly #walk: Walk;
  readonly #fragments: Fragments;
  readonly #random: () => number;
  readonly #rewindable: RewindableRandom;
  readonly #observations: Observations;
  readonly #timersPerAdvance: number;
  readonly #env: { -readonly [Key in keyof SchedulerEnvironment]: SchedulerEnvironment[Key] };
  #bursts = 0;
  #largestBurst = 0;
  #nextEstimateMs: number;
  #nextDefenceMs: number;
  #nextHousekeepingMs: number;

  constructor(options: DataplaneOptions = {}) {
    const startMs = options.startMs ?? 0;
    this.#rewindable = new RewindableRandom(options.random ?? Math.random);
    const random = this.#rewindable.next;
    const drops = new Float64Array(DROP_REASONS.length);
    const scratch = new ScratchRing();
    const sysctl = sysctlDefaults();
    const counters = new Counters();
    counters.allocate();
    const { sharing = null, allocate = null } = options;
    this.network = new Network(drops, scratch, random, allocate, sharing !== null);
    this.forwarders = sharing === null ? null : new Forwarders(sharing, this.network.state, allocate);
    this.#random = random;
    this.#timersPerAdvance = options.timersPerAdvance ?? Infinity;
    this.#env = { now: () => Math.floor(this.#core.nowMs), random, sysctl: (name) => sysctl[name], explain: null };
    const services = new Services(counters, this.#env, options.schedulers, sharing === null ? undefined : int32Array(MOST_SHARED_DESTINATIONS * SLOT_WORDS, allocate));
    const connections = new Connections(services.destinations, {
      capacity: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, seed: Math.floor(random() * 0x100000000) | 0, startMs, allocate: options.allocate, populate: options.populate, sharing: this.forwarders,
    });
    this.#core = {
      network: this.network, sink: SILENT_SINK, nowMs: startMs, sysctl, drops, icmpLimit: options.limitIcmp === true ? new IcmpLimit() : null, answerBytes: 0,
      services, connections, counters, timeouts: new ProtocolTimeouts(), defence: new Defence(sysctl), marks: new MarkClassifier(),
      flow: new Flow(), templateFlow: new Flow(), chooser: { pick: (service, flow) => service.scheduler.schedule(service, flow), dropsPacket: () => this.#core.defence.dropsPacket() },
      decision: new Decision(), ftp: new FtpHelper(), trace: null, observer: null, backupDaemon: false, sync: new Synchronisation(), forwarders: this.forwarders,
    };
    this.#observations = new Observations(this.#core, options.schedulers);
    this.forwarders?.attach(this.#core);
    publish(this.#core);
    this.#fragments = new Fragments({ maxBytes: options.maxFragmentBytes ?? DEFAULT_FRAGMENT_BYTES, sizes: this.network.sizes, scratch, drops, random });
    this.#walk = new Walk(this.#core, this.#fragments);
    const related = new ConnectionsByQuote(this.#core);
    this.network.onUnresolved = (memory, l3Off, l3End) => answerUnresolved(memory, l3Off, l3End, related, this.#core);
    connections.onEnd = (conn) => {
      this.#core.ftp.forget(conn);
      this.#core.sync.master?.forget(conn);
      this.#core.observer?.ended(conn);
    };
    connections.onRearm = (conn) => this.#core.sync.master?.rearmed(conn);
    this.#nextEstimateMs = startMs + ESTIMATE_EVERY_MS;
    this.#nextDefenceMs = startMs + DEFENCE_EVERY_MS;
    this.#nextHousekeepingMs = startMs + HOUSEKEEPING_EVERY_MS;
  }

  /** Apply one validated edit. */
  edit(edit: TableEdit, nowMs: number): void {
    this.#core.nowMs = this.network.nowMs = nowMs;
    if (edit.op === 'network') this.#walk.setInterfaces(edit.state.interfaces);
    applyEdit(this.#core, edit);
    this.#core.observer?.edited(edit);
    publish(this.#core);
  }

  /** Walk every frame of the burst. `nowMs` is monotonic. */
  burst(interfaceIdx: number, frames: FrameBurst, sink: FrameSink, nowMs: number): void {
    const core = this.#core;
    core.nowMs = this.network.nowMs = nowMs;
    core.sink = sink;
    this.#bursts++;
    if (frames.count > this.#largestBurst) this.#largestBurst = frames.count;
    core.connections.expire(nowMs, this.#timersPerAdvance);
    this.#walk.run(interfaceIdx, frames, sink);
  }

  /**
   * Timers, estimators, fragment time-outs, frames whose neighbour became known. A long jump of the clock is taken in its steps, so that it ends as
   * many short ones would. Returns ms until it wants to be called again.
   */
  advance(sink: FrameSink, nowMs: number): number {
    const core = this.#core;
    core.sink = sink;
    this.#nextEstimateMs = skipped(this.#nextEstimateMs, ESTIMATE_EVERY_MS, nowMs);
    this.#nextDefenceMs = skipped(this.#nextDefenceMs, DEFENCE_EVERY_MS, nowMs);
    this.#nextHousekeepingMs = skipped(this.#nextHousekeepingMs, HOUSEKEEPING_EVERY_MS, nowMs);
    while (Math.min(this.#nextEstimateMs, this.#nextDefenceMs, this.#nextHousekeepingMs) <= nowMs) {
      const stepMs = Math.min(this.#nextEstimateMs, this.#nextDefenceMs, this.#nextHousekeepingMs);
      core.nowMs = this.network.nowMs = stepMs;
      core.connections.expire(stepMs, Infinity);
      this.#periodic(stepMs);
    }
    core.nowMs = this.network.nowMs = nowMs;
    const done = core.connections.expire(nowMs, this.#timersPerAdvance);
    const fragmentsMs = this.#fragments.expire(nowMs, this.#onFragmentTimeout);
    this.network.releaseHeld(sink, nowMs);
    const syncMs = core.sync.master?.advance(nowMs) ?? Infinity;
    if (!done) return 0;
    return Math.max(0, Math.min(syncMs, core.connections.idleMs(nowMs), fragmentsMs, this.network.nextWakeMs(), this.#nextPeriodicMs() - nowMs));
  }

  /** Drop counters by index of DROP_REASONS, as they run. */
  get drops(): Readonly<Float64Array> {
    return this.#core.drops;
  }

  stats(): DataplaneStats {
    const { received, passed, transmitted, fast } = this.#walk;
    return dataplaneStats(this.#core, {
      received, passed, transmitted: transmitted + fast, fast, fragmentBytes: this.#fragments.bytes, bursts: this.#bursts, largestBurst: this.#largestBurst,
    }, DROP_REASONS.length);
  }

  /** Up to `limit` records from `cursor` (0 to start) into `out`; returns the next cursor, or -1 at the end. */
  connections(cursor: number, limit: number, out: ConnectionRecord[], nowMs: number): number {
    const { connections } = this.#core;
    const end = connections.highest;
    let conn = cursor;
    for (let left = limit; conn < end && left > 0; conn++) {
      if (!connections.inUse(conn)) continue;
      out.push(connectionRecord(connections, conn, nowMs));
      left--;
    }
    return conn < end ? conn : -1;
  }

  /** Start (filter) or stop (null) the decision trace. */
  trace(filter: TraceFilter | null, listener: ((record: TraceRecord) => void) | null): void {
    const trace = filter === null || listener === null ? null : new Trace(filter, listener);
    this.#core.trace = trace;
    publish(this.#core);
    this.#env.explain = trace === null ? null : (line) => trace.step('schedule', line);
  }

  /** Answer what control asks; see model/dataplane-question.ts. */
  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>, nowMs: number): Answer<Q> {
    return this.#answers[question](asked, nowMs);
  }

  readonly #answers: { readonly [Q in DataplaneQuestion]: (asked: Asked<Q>, nowMs: number) => Answer<Q> } = {
    explain: (asked, nowMs) => this.explain(asked, nowMs),
    startShadow: ({ id, request, seed }, nowMs) => this.#observations.startShadow(id, request, seed, nowMs),
    readShadow: ({ id, stop }, nowMs) => this.#observations.readShadow(id, stop, nowMs),
    startRecording: ({ id, request }, nowMs) => this.#observations.startRecording(id, request, nowMs),
    readRecording: ({ id, then }, nowMs) => this.#observations.readRecording(id, then, nowMs),
  };

  /** What would become of this flow's first packet now. Nothing changes by being asked. */
  explain(question: FlowQuestion, nowMs: number): Explanation {
    const core = this.#core;
    core.nowMs = this.network.nowMs = nowMs;
    core.connections.expire(nowMs, this.#timersPerAdvance);
    const interfaceIdx = arrivalInterface(core, question);
    const p = firstPacket(question, interfaceIdx);
    let record!: TraceRecord;
    const trace = new Trace({}, (done) => { record = done; });
    const live = { trace: core.trace, explain: this.#env.explain };
    core.trace = trace;
    this.#env.explain = (line) => trace.step('schedule', line);
    try {
      trace.begin(p);
      const { verdict, reason, ...answer } = foresee(core, p, question.mark, this.#onlyLooking);
      trace.end(verdict, nowMs, interfaceIdx === INTERFACE_LOCAL ? 'local' : this.network.interfaceAt(interfaceIdx)?.name ?? '', reason);
      return { record, ...answer };
    } finally {
      core.trace = live.trace;
      this.#env.explain = live.explain;
    }
  }

  readonly #onlyLooking: Chooser = {
    pick: (service, flow) => peek(service.scheduler, service, flow, this.#rewindable),
    dropsPacket: () => this.#core.defence.willDropPacket,
  };

  readonly #onFragmentTimeout: Parameters<Fragments['expire']>[1] = (memory, l3Off, l3End, interfaceIdx) => {
    const p = new Packet();
    p.memory = memory;
    p.l3Off = l3Off;
    p.l3End = l3End;
    p.interfaceIdx = interfaceIdx;
    p.family = (memory.u8[l3Off] as number) >> 4 === 6 ? 6 : 4;
    answerReassemblyTimeout(p, this.#core);
  };

  #periodic(nowMs: number): void {
    const core = this.#core;
    if (nowMs >= this.#nextEstimateMs) {
      core.forwarders?.collect();
      core.counters.estimate();
      this.#nextEstimateMs += ESTIMATE_EVERY_MS;
    }
    if (nowMs >= this.#nextDefenceMs) {
      core.defence.update(core.connections);
      core.defence.dropEntries(core.connections, this.#random, nowMs);
      this.#nextDefenceMs += DEFENCE_EVERY_MS;
    }
    if (nowMs >= this.#nextHousekeepingMs) {
      for (const service of core.services.byKey.values()) service.scheduler.expire(service);
      core.observer?.housekeep();
      core.services.emptyTrash(nowMs);
      this.#nextHousekeepingMs += HOUSEKEEPING_EVERY_MS;
    }
  }

  /** An idle director need not wake for its periodic work: it catches up. */
  #nextPeriodicMs(): number {
    const { connections, services } = this.#core;
    return connections.count === 0 && !services.active ? Infinity : this.#nextEstimateMs;
  }
}

/** After so many idle rounds every rate is 0: longer jumps of the clock need not run more. */
const MOST_ROUNDS = 128;

/** The next round of something periodic, when a jump of the clock would mean too many. */
function skipped(nextMs: number, everyMs: number, nowMs: number): number {
  const rounds = Math.floor((nowMs - nextMs) / everyMs);
  return rounds > MOST_ROUNDS ? nextMs + (rounds - MOST_ROUNDS) * everyMs : nextMs;
}

const SILENT_SINK: FrameSink = { transmit: () => {}, pass: () => {}, deliver: () => {}, resolve: () => {} };
