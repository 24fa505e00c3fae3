/** What a freshly joined server gets: its new connections in each short while of its first minute, over what is fair. */
const WATCHED_MS = 60_000;
/** A while is long enough for so many fair connections, so that chance does not look like overshoot. */
const FAIR_PER_WINDOW = 50;
const SHORTEST_WINDOW_MS = 1000;

interface Watch { readonly server: number; readonly fromMs: number; readonly toMs: number; readonly windowMs: number; readonly fair: number; readonly own: number[]; readonly all: number[] }

export class Ramp {
  #watches: Watch[] = [];
  #worst: number | null = null;

  /** `fair`: share of the new connections it is due, 0..1; `rate`: new connections a second now. */
  joined(server: number, nowMs: number, fair: number, rate: number): void {
    if (fair <= 0 || fair >= 1) return;
    const windowMs = Math.min(WATCHED_MS / 2, Math.max(SHORTEST_WINDOW_MS, (FAIR_PER_WINDOW / (fair * rate)) * 1000));
    this.#watches.push({ server, fromMs: nowMs, toMs: nowMs + WATCHED_MS, windowMs, fair, own: [], all: [] });
  }

  get watching(): boolean {
    return this.#watches.length > 0;
  }

  /** A new connection. */
  count(server: number, nowMs: number): void {
    for (const watch of this.#watches) {
      const window = Math.floor((nowMs - watch.fromMs) / watch.windowMs);
      watch.all[window] = (watch.all[window] ?? 0) + 1;
      if (server === watch.server) watch.own[window] = (watch.own[window] ?? 0) + 1;
    }
    if (this.#watches.some(({ toMs }) => nowMs >= toMs)) this.#end(nowMs);
  }

  /** Highest share over fair share; null: nobody joined. */
  outcome(): number | null {
    this.#end(Infinity);
    return this.#worst;
  }

  #end(nowMs: number): void {
    for (const { toMs, windowMs, fromMs, fair, own, all } of this.#watches) {
      if (nowMs < toMs) continue;
      // Whole windows of the minute only, and at least one.
      const whole = Math.max(1, Math.min(all.length - 1, Math.floor((toMs - fromMs) / windowMs)));
      for (let window = 0; window < whole; window++) {
        if ((all[window] ?? 0) === 0) continue;
        this.#worst = Math.max(this.#worst ?? 0, (own[window] ?? 0) / all[window]! / fair);
      }
    }
    this.#watches = this.#watches.filter(({ toMs }) => nowMs < toMs);
  }
}
