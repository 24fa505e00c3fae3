/** mulberry32, a counter through a mixing function: uniform numbers from a state of 32 bits. For choices that need no better, and must be had again. */

/** The counter's next value, which is the whole state. */
export function mulberryNext(state: number): number {
  return (state + 0x6d2b79f5) | 0;
}

/** The number of a state, in [0, 1). */
export function mulberryUniform(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
}

/** Uniform numbers in [0, 1) from a seed of 32 bits. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = mulberryNext(state);
    return mulberryUniform(state);
  };
}
