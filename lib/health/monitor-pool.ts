/**
 * All monitors of the process on one timer wheel and one timer. Identical checks of one target are probed once, whoever asks; a target gets
 * (address and port) no more than a few probes at a time, further ones wait in its own queue; nothing a target does keeps another one's probe
 * from starting.
 *
 * Where there are many, probes start in groups: a probe may wait a sixty-fourth of its interval for others. At 400 probes a second a process that does them one by one finds
 * nothing of what it needs in the processor's caches any more; in groups each costs a third less.
 */
import type { HealthCheck } from '../model/health-check.ts';
import { TICK_MS, TimerWheel } from '../structures/timer-wheel.ts';
import type { ProbeOutcome, ProbeTarget } from './checker.ts';
import type { HealthClock } from './clock.ts';
import { stepsOf } from './index.ts';
import { Stop } from './stop-signal.ts';
import { Monitor, type Inherited, type MonitorChange, type MonitorOptions } from './monitor.ts';

export const MAX_MONITORS = 65_536;
const MAX_PROBES_A_TARGET = 8;
/** Timer callbacks start this many probes before they let others run: about a millisecond, by which an answer may be noticed late. */
const STARTS_A_TURN = 16;
/** With fewer monitors there is nobody to wait for, and times stay exact. */
const GROUPS_FROM = 200;
/** How long a probe may wait for others: this part of its delay, and no longer than that. */
const GROUP_PART = 1 / 64;
const LONGEST_GROUP_MS = 128;

/** Checkers of keepalived that walk their urls, also when it is only one. */
const URL_WALKERS = ['HTTP_GET', 'SSL_GET'];

export type RunProbe = (check: HealthCheck, target: ProbeTarget, step: number, stop: Stop) => Promise<ProbeOutcome>;

export interface MonitorPoolOptions {
  readonly clock: HealthClock;
  readonly probe: RunProbe;
  /** [0, 1) */
  readonly random: () => number;
}

/** One user's view of a monitor that may have several. */
export interface WatchedCheck {
  readonly check: HealthCheck;
  readonly target: ProbeTarget;
  readonly monitor: Monitor;
  /** Stop listening; the last one to do so ends the probes. */
  release(): void;
}

interface Entry {
  readonly key: string;
  readonly slot: number;
  readonly check: HealthCheck;
  readonly target: ProbeTarget;
  /** placeOf(target). */
  readonly place: string;
  readonly monitor: Monitor;
  readonly listeners: Set<(change: MonitorChange) => void>;
  /** When its next probe starts: when it is due, and some of its group are. */
  startMs: number;
  probe: Stop | null;
}

export class MonitorPool {
  readonly #options: MonitorPoolOptions;
  readonly #wheel: TimerWheel;
  readonly #byKey = new Map<string, Entry>();
  readonly #slots: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  /** Target's address and port -> probes running, and those that wait for one of them to end. */
  readonly #targets = new Map<string, { running: number; waiting: Entry[] }>();
  #stopTimer: () => void = () => {};
  #timerMs = Infinity;
  #running = 0;
  #passed = 0;
  #failed = 0;
  #closed = false;

  constructor(options: MonitorPoolOptions) {
    this.#options = options;
    this.#wheel = new TimerWheel(MAX_MONITORS, options.clock.nowMs());
  }

  get statistics(): { monitors: number; running: number; passed: number; failed: number } {
    return { monitors: this.#byKey.size, running: this.#running, passed: this.#passed, failed: this.#failed };
  }

  /** Watch a check of a target: an identical one that is running already, or a new one that begins as `inherited` says. */
  watch(check: HealthCheck, target: ProbeTarget, listener: (change: MonitorChange) => void, inherited: Inherited | null = null): WatchedCheck {
    const key = JSON.stringify([check.check, check.timing, check.target, target]);
    const entry = this.#byKey.get(key) ?? this.#create(key, check, target, inherited);
    // Each user hears by itself, also when it watches the same thing twice.
    const own = (change: MonitorChange): void => listener(change);
    entry.listeners.add(own);
    return {
      check, target, monitor: entry.monitor,
      release: () => {
        if (entry.listeners.delete(own) && entry.listeners.size === 0) this.#remove(entry);
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer();
    for (const entry of [...this.#byKey.values()]) this.#remove(entry);
  }

  #create(key: string, check: HealthCheck, target: ProbeTarget, inherited: Inherited | null): Entry {
    const slot = this.#free.pop() ?? this.#slots.length;
    if (slot >= MAX_MONITORS) throw new RangeError(`more than ${MAX_MONITORS} health checks`);
    const monitor = new Monitor(monitorOptions(check), this.#options.clock.nowMs(), this.#options.random(), inherited);
    const entry: Entry = { key, slot, check, target, place: placeOf(target), monitor, listeners: new Set(), startMs: 0, probe: null };
    this.#slots[slot] = entry;
    this.#byKey.set(key, entry);
    this.#arm(entry);
    return entry;
  }

  #remove(entry: Entry): void {
    this.#wheel.disarm(entry.slot);
    this.#byKey.delete(entry.key);
    this.#slots[entry.slot] = undefined;
    this.#free.push(entry.slot);
    entry.probe?.abort();
    entry.listeners.clear();
    const target = this.#targets.get(entry.place);
    if (target !== undefined) target.waiting = target.waiting.filter((one) => one !== entry);
  }

  #arm(entry: Entry): void {
    const nowMs = this.#options.clock.nowMs();
    entry.startMs = this.#byKey.size < GROUPS_FROM ? entry.monitor.dueMs : groupedMs(entry.monitor.dueMs, nowMs);
    this.#wheel.arm(entry.slot, entry.startMs);
    const waitMs = Math.max(0, this.#wheel.idleMs(nowMs));
    if (nowMs + waitMs < this.#timerMs) this.#setTimer(waitMs);
  }

  #setTimer(waitMs: number): void {
    this.#stopTimer();
    this.#timerMs = this.#options.clock.nowMs() + waitMs;
    this.#stopTimer = this.#options.clock.after(waitMs, () => this.#turn());
  }

  #turn(): void {
    this.#timerMs = Infinity;
    if (this.#closed) return;
    const due: Entry[] = [];
    const finished = this.#wheel.advance(this.#options.clock.nowMs(), STARTS_A_TURN, (slot, time) => {
      const entry = this.#slots[slot];
      if (entry !== undefined && entry.startMs > this.#options.clock.nowMs()) return entry.startMs - (time[0] as number);
      if (entry !== undefined) due.push(entry);
      return 0;
    });
    for (const entry of due) this.#start(entry);
    const idleMs = finished ? this.#wheel.idleMs(this.#options.clock.nowMs()) : 0;
    if (idleMs !== Infinity) this.#setTimer(idleMs);
  }

  #start(entry: Entry): void {
    const { place } = entry;
    let target = this.#targets.get(place);
    if (target === undefined) this.#targets.set(place, (target = { running: 0, waiting: [] }));
    if (target.running >= MAX_PROBES_A_TARGET) target.waiting.push(entry);
    else {
      target.running++;
      void this.#probe(entry, target);
    }
  }

  async #probe(entry: Entry, target: { running: number; waiting: Entry[] }): Promise<void> {
    const { clock, probe } = this.#options;
    const startMs = clock.nowMs();
    const stop = new Stop();
    entry.probe = stop;
    this.#running++;
    let outcome: ProbeOutcome;
    try {
      outcome = await probe(entry.check, entry.target, entry.monitor.step, stop);
    } catch (error) {
      outcome = { ok: false, error: (error as Error).message };
    }
    this.#running--;
    entry.probe = null;
    const next = target.waiting.shift();
    if (next !== undefined) void this.#probe(next, target);
    else if (--target.running === 0) this.#targets.delete(entry.place);
    // Nobody listens any more, or somebody else has the slot by now.
    if (this.#slots[entry.slot] !== entry) return;
    if (outcome.ok) this.#passed++;
    else this.#failed++;
    const nowMs = clock.nowMs();
    const change = entry.monitor.finish(outcome, nowMs, nowMs - startMs, clock.wallMs());
    this.#arm(entry);
    if (change !== null) for (const listener of [...entry.listeners]) listener(change);
  }
}

/** When to start what is due then: where the hand of the group's clock next stands. */
function groupedMs(dueMs: number, nowMs: number): number {
  let groupMs = TICK_MS;
  while (groupMs < LONGEST_GROUP_MS && 2 * groupMs <= (dueMs - nowMs) * GROUP_PART) groupMs *= 2;
  return groupMs === TICK_MS ? dueMs : Math.ceil(dueMs / groupMs) * groupMs;
}

/** A real server that is probed through its virtual address is a place of its own. */
function placeOf({ address, port, via }: ProbeTarget): string {
  return `${via === undefined ? '' : `${via.address} `}${address} ${port}`;
}

function monitorOptions({ name, check, timing }: HealthCheck): MonitorOptions {
  const steps = stepsOf(check);
  return { ...timing, steps, walksSteps: steps > 1 || URL_WALKERS.includes(name), fastRecovery: check.kind === 'http' && check.fastRecovery };
}
