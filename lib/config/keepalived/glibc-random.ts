/**
 * glibc's random(): the additive feedback generator of type 3 (r[i] = r[i-3] + r[i-31]). A keepalived.conf that sets random_seed
 * means the numbers this generator gives.
 */
const DEGREE = 31;
const SEPARATION = 3;
const DISCARDED = 310;

export class GlibcRandom {
  readonly #state = new Int32Array(DEGREE);
  #front = SEPARATION;
  #rear = 0;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed === 0 ? 1 : seed | 0;
    for (let i = 1; i < DEGREE; i++) {
      // 16807 * state mod 2^31 - 1 without overflow (Schrage), as srandom_r() has it.
      const previous = state[i - 1]!;
      const high = Math.trunc(previous / 127773);
      const word = 16807 * (previous - high * 127773) - 2836 * high;
      state[i] = word < 0 ? word + 2147483647 : word;
    }
    for (let i = 0; i < DISCARDED; i++) this.next();
  }

  /** 0..2147483647 */
  next(): number {
    const state = this.#state;
    const sum = (state[this.#front]! + state[this.#rear]!) | 0;
    state[this.#front] = sum;
    this.#front = (this.#front + 1) % DEGREE;
    this.#rear = (this.#rear + 1) % DEGREE;
    return sum >>> 1;
  }
}
