/**
 * Seeded random numbers: sfc32 (Doty-Humphrey, PractRand), 128 bits of state, period 2^32 at the least. Every concern of a run (arrivals,
 * clients, work ...) has a stream of its own, made from the seed and its name, so that all schedulers see the same world however often each of them
 * draws.
 */
import { mulberryNext, mulberryUniform } from '../structures/seeded-random.ts';

/** sfc32 has mixed its seed after so many draws. */
const WARM_UP = 12;

export class RandomStream {
  readonly #state = new Int32Array(4);

  /** Streams of other names, or other seeds, have nothing in common with this one. */
  constructor(seed: number, name: string) {
    this.#state[0] = seed;
    this.#state[1] = Math.floor(seed / 2 ** 32);
    this.#state[2] = hashText(name);
    this.#state[3] = 1;
    for (let n = 0; n < WARM_UP; n++) this.next32();
  }

  /** Uniform int32. */
  next32(): number {
    const s = this.#state;
    const a = s[0]!, b = s[1]!, c = s[2]!, d = s[3]!;
    const t = (a + b + d) | 0;
    s[3] = d + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + t;
    return t;
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return (this.next32() >>> 0) / 2 ** 32;
  }

  /** Uniform whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
}

/** A generator whose whole state is one int32 that is kept elsewhere (one per connection): mulberry32. */
export class SmallRandom {
  state = 0;

  next(): number {
    this.state = mulberryNext(this.state);
    return mulberryUniform(this.state);
  }
}

/** FNV-1a. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return hash | 0;
}
