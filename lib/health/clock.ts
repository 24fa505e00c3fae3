/** Time and delays as health checking needs them; tests bring a virtual one. */

export interface HealthClock {
  /** Monotonic. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Calls once after `delayMs`; returns how to call it off. */
  after(delayMs: number, call: () => void): () => void;
}

/** Does not keep the process alive. */
export const hostClock: HealthClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
