/**
 * The state machine behind every check, whatever it probes: when the next probe is due, and when enough of them failed or passed. Pure: the
 * owner tells it the time and what a probe said. Times in milliseconds of one clock.
 *
 *            1 + retries failures, delayBeforeRetry apart
 *     up  ────────────────────────────────────────────────►  down
 *         ◄────────────────────────────────────────────────
 *            successesNeeded in a row, interval apart
 *
 * Peculiarities, all keepalived's or nanny's own: the very first probe has no retries (but one begun by a reload has). A check of several steps (the urls of HTTP_GET) goes
 * on to the next step after each success; a failed step is repeated until it passes, and then all of them must pass from the first.
 * Nanny lets a server in on its first good probe, but after a failure only when it has answered for the whole re-entry time.
 */
import type { CheckTiming } from '../model/health-check.ts';
import type { ProbeResult } from '../model/health-state.ts';
import type { ProbeOutcome } from './checker.ts';

/** How many results are kept. */
export const KEPT_RESULTS = 10;

export interface MonitorOptions extends CheckTiming {
  /** From stepsOf(). */
  readonly steps: number;
  /** Recovery walks the steps (HTTP_GET), even if it is only one. */
  readonly walksSteps: boolean;
  /** No delay between the steps of a recovery. */
  readonly fastRecovery: boolean;
}

/** 'still-down': the first probe failed, of what was not up anyway. */
export type MonitorChange = 'up' | 'down' | 'still-down' | 'weight';

export interface Inherited {
  readonly up: boolean;
  readonly hasRun: boolean;
  /** Begun by a reload: its first probe is one like any other, with retries (keepalived). */
  readonly joins?: boolean;
}

export class Monitor {
  readonly options: MonitorOptions;
  #up: boolean;
  #hasRun = false;
  readonly #joins: boolean;
  #step = 0;
  /** The step that took it down and has not passed since. */
  #failedStep = -1;
  #retry = 0;
  #successes = 0;
  #dueMs: number;
  #passed = 0;
  #failed = 0;
  #weight: number | null = null;
  #weightAdd = 0;
  readonly #results: ProbeResult[] = [];

  /** `random` in [0, 1): where in the warm-up the first probe falls. */
  constructor(options: MonitorOptions, nowMs: number, random: number, inherited: Inherited | null = null) {
    this.options = options;
    this.#up = inherited?.up ?? !options.alpha;
    this.#hasRun = inherited?.hasRun ?? false;
    this.#joins = inherited?.joins === true;
    this.#dueMs = nowMs + options.warmupSec * 1000 * random;
  }

  /** Whether the server counts as up as far as this check goes. */
  get up(): boolean { return this.#up; }
  get hasRun(): boolean { return this.#hasRun; }
  get step(): number { return this.#step; }
  get dueMs(): number { return this.#dueMs; }
  get retry(): number { return this.#retry; }
  get successes(): number { return this.#successes; }
  get passed(): number { return this.#passed; }
  get failed(): number { return this.#failed; }
  get results(): ProbeResult[] { return [...this.#results]; }

  get successesNeeded(): number {
    const { rise, reentrySec, intervalSec, steps, walksSteps } = this.options;
    if (!this.#hasRun) return steps;
    return Math.max(rise, intervalSec > 0 ? Math.floor(reentrySec / intervalSec) : 0, walksSteps ? steps + 1 : 1);
  }

  /** The server's weight after what probes said about it. */
  weightOf(configured: number): number {
    return Math.max(0, (this.#weight ?? configured) + this.#weightAdd);
  }

  /** What a probe of `step` said. The change it makes to the outside, if any. */
  finish(outcome: ProbeOutcome, nowMs: number, latencyMs: number, wallMs: number): MonitorChange | null {
    const wasUp = this.#up;
    const stillDown = !this.#hasRun && !this.#joins && !wasUp && !outcome.ok;
    if (outcome.ok) this.#pass(nowMs);
    else this.#fail(nowMs);
    const turned = this.#up === wasUp ? null : this.#up ? 'up' : 'down';
    this.#keep({ timeMs: wallMs, latencyMs, ok: outcome.ok, error: outcome.error, transition: turned });
    const weighed = outcome.ok && this.#weigh(outcome);
    return turned ?? (stillDown ? 'still-down' : weighed ? 'weight' : null);
  }

  #pass(nowMs: number): void {
    const { intervalSec, steps, fastRecovery } = this.options;
    this.#passed++;
    this.#retry = 0;
    this.#dueMs = nowMs + intervalSec * 1000;
    if (this.#up) {
      this.#hasRun = true;
      this.#step = (this.#step + 1) % steps;
      return;
    }
    this.#successes++;
    // The step that failed has passed: now all of them, from the first.
    this.#step = this.#failedStep >= 0 ? 0 : (this.#step + 1) % steps;
    this.#failedStep = -1;
    if (this.#successes >= this.successesNeeded) {
      this.#up = true;
      this.#hasRun = true;
      this.#successes = 0;
    } else if (fastRecovery) {
      this.#dueMs = nowMs;
    }
  }

  #fail(nowMs: number): void {
    const { intervalSec, delayBeforeRetrySec, retries } = this.options;
    this.#failed++;
    this.#successes = 0;
    this.#dueMs = nowMs + intervalSec * 1000;
    if (this.#up && (this.#hasRun || this.#joins) && this.#retry < retries) {
      this.#retry++;
      this.#dueMs = nowMs + delayBeforeRetrySec * 1000;
      return;
    }
    this.#up = false;
    this.#hasRun = true;
    this.#retry = 0;
    this.#failedStep = this.#step;
  }

  #weigh(outcome: ProbeOutcome): boolean {
    const weight = outcome.weight ?? null;
    const weightAdd = outcome.weightAdd ?? 0;
    const changed = weight !== this.#weight || weightAdd !== this.#weightAdd;
    this.#weight = weight;
    this.#weightAdd = weightAdd;
    return changed;
  }

  #keep(result: ProbeResult): void {
    if (this.#results.length >= KEPT_RESULTS) this.#results.shift();
    this.#results.push(result);
  }
}
