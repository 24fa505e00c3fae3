/**
 * Answers of the routing tables, so that a new connection to where others go already costs a comparison. Direct-mapped: a destination has one place and
 * may lose it to another. Whatever changes routes, path MTUs or next hops makes a new generation, and no older answer counts.
 *
 *     family | w0 | w1 | w2 | w3 | result | generation | -         eight words a place
 */
const PLACES = 4096;
const WORDS = 8;
const W0 = 1, W1 = 2, W2 = 3, W3 = 4, RESULT = 5, GENERATION = 6;

export class RouteCache {
  readonly #words = new Int32Array(PLACES * WORDS);

  /** A next-hop index or ROUTE_ result, or NOT_CACHED. Raw words. */
  lookup(generation: number, family: 4 | 6, w0: number, w1: number, w2: number, w3: number): number {
    const words = this.#words;
    const at = place(w0, w1, w2, w3);
    return words[at + W0] === w0 && words[at + GENERATION] === generation && words[at] === family && words[at + W1] === w1 && words[at + W2] === w2 && words[at + W3] === w3
      ? words[at + RESULT] as number : NOT_CACHED;
  }

  keep(generation: number, family: 4 | 6, w0: number, w1: number, w2: number, w3: number, result: number): void {
    const words = this.#words;
    const at = place(w0, w1, w2, w3);
    words[at] = family;
    words[at + W0] = w0;
    words[at + W1] = w1;
    words[at + W2] = w2;
    words[at + W3] = w3;
    words[at + RESULT] = result;
    words[at + GENERATION] = generation;
  }
}

/** No next hop, no ROUTE_ result. */
export const NOT_CACHED = -0x7fffffff;

function place(w0: number, w1: number, w2: number, w3: number): number {
  const mixed = Math.imul(w0 ^ Math.imul(w1, 0x85ebca6b) ^ Math.imul(w2, 0xc2b2ae35) ^ Math.imul(w3, 0x27d4eb2f), 0x9e3779b1);
  return (mixed >>> 20) * WORDS;
}
