/** All times of one kind, kept exactly, and what they come to: mean, percentiles, the whole curve. */
import type { Distribution } from '../result.ts';

const FIRST_CAPACITY = 1 << 16;
/** Steps of the curve. */
const CURVE_STEPS = 200;

export class Times {
  #values = new Float64Array(FIRST_CAPACITY);
  #count = 0;
  #sorted = false;

  get count(): number {
    return this.#count;
  }

  add(valueMs: number): void {
    if (this.#count === this.#values.length) {
      const longer = new Float64Array(this.#count * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#count++] = valueMs;
    this.#sorted = false;
  }

  distribution(): Distribution {
    let sum = 0;
    for (let n = 0; n < this.#count; n++) sum += this.#values[n] as number;
    return {
      mean: rounded(this.#count === 0 ? 0 : sum / this.#count), p50: this.#at(0.5), p95: this.#at(0.95), p99: this.#at(0.99), p999: this.#at(0.999), max: this.#at(1),
    };
  }

  curve(): { fraction: number[]; ms: number[] } {
    const fraction = Array.from({ length: CURVE_STEPS + 1 }, (_, n) => n / CURVE_STEPS);
    return { fraction, ms: fraction.map((f) => this.#at(f)) };
  }

  /** The least value that this fraction of all does not exceed. */
  #at(fraction: number): number {
    if (this.#count === 0) return 0;
    if (!this.#sorted) this.#values.subarray(0, this.#count).sort();
    this.#sorted = true;
    return rounded(this.#values[Math.max(0, Math.ceil(fraction * this.#count) - 1)] as number);
  }
}

/** To six significant digits: what a reader can use, and what keeps results small. */
export function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
