/**
 * Counters and their rates. Every service and destination, and the director as a whole, owns a block of five counters in one Float64Array (exact up
 * to 2^53), so that counting a packet is two additions and no object is touched. Rates are the kernel's (ip_vs_est.c): every two seconds a
 * quarter of the way towards the rate just seen, in fixed point with 10 (packets) or 5 (bytes) binary places, truncated as it truncates.
 */
import type { Stats } from '../model/stats.ts';

export const ESTIMATE_EVERY_MS = 2000;

/** Counters of a block. */
export const CONNS = 0, IN_PKTS = 1, IN_BYTES = 2, OUT_PKTS = 3, OUT_BYTES = 4;
export const COUNTERS = 5;

/** What a count since the last estimate is multiplied with: 2^10 (2^5 for bytes) over two seconds. */
const SCALE = [512, 512, 16, 512, 16] as const;
const SHOWN_DIVISOR = [1024, 1024, 32, 1024, 32] as const;

export class Counters {
  /** Block b holds counts[5b + CONNS] ... */
  counts = new Float64Array(COUNTERS * 16);
  #last = new Float64Array(COUNTERS * 16);
  #rates = new Float64Array(COUNTERS * 16);
  readonly #free: number[] = [];
  #blocks = 0;

  /** A zeroed block. */
  allocate(): number {
    const block = this.#free.pop() ?? this.#blocks++;
    if ((block + 1) * COUNTERS > this.counts.length) this.#grow();
    this.zero(block);
    return block;
  }

  release(block: number): void {
    this.zero(block);
    this.#free.push(block);
  }

  zero(block: number): void {
    const begin = block * COUNTERS;
    for (const array of [this.counts, this.#last, this.#rates]) array.fill(0, begin, begin + COUNTERS);
  }

  /** One estimation step of every block. */
  estimate(): void {
    const end = this.#blocks * COUNTERS;
    for (let begin = 0; begin < end; begin += COUNTERS) {
      for (let i = 0; i < COUNTERS; i++) {
        const at = begin + i;
        const now = this.counts[at] as number;
        const rate = (now - (this.#last[at] as number)) * (SCALE[i] as number);
        this.#last[at] = now;
        this.#rates[at]! += Math.floor((rate - (this.#rates[at] as number)) / 4);
      }
    }
  }

  stats(block: number): Stats {
    const begin = block * COUNTERS;
    const count = (i: number): number => this.counts[begin + i] as number;
    const shown = (i: number): number => {
      const divisor = SHOWN_DIVISOR[i] as number;
      return Math.floor(((this.#rates[begin + i] as number) + divisor / 2 - 1) / divisor);
    };
    return {
      conns: count(CONNS), inPkts: count(IN_PKTS), outPkts: count(OUT_PKTS), inBytes: count(IN_BYTES), outBytes: count(OUT_BYTES),
      cps: shown(CONNS), inPps: shown(IN_PKTS), outPps: shown(OUT_PKTS), inBps: shown(IN_BYTES), outBps: shown(OUT_BYTES),
    };
  }

  #grow(): void {
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const array = new Float64Array(old.length * 2);
      array.set(old);
      return array;
    };
    this.counts = wider(this.counts);
    this.#last = wider(this.#last);
    this.#rates = wider(this.#rates);
  }
}
