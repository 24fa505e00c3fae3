/** A clock that stands still until it is moved; timers run in order, and what they start gets its turn before the next one. */
import type { HealthClock } from '../../lib/health/clock.ts';

interface Timer { readonly atMs: number; readonly call: () => void }

export class VirtualClock implements HealthClock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async advanceTo(endMs: number): Promise<void> {
    await settled();
    for (;;) {
      let next: Timer | null = null;
      for (const timer of this.#timers) if (timer.atMs <= endMs && (next === null || timer.atMs < next.atMs)) next = timer;
      if (next === null) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.call();
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }
}

/** Everything that promises started has come to rest. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
