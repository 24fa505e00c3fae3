/**
 * A 32-bit hash of four words, seeded so that nobody outside can aim many flows at one place of the index. Three multiplications and two
 * shifts: quick, and mixed well enough for linear probing at half load.
 */
export function hashWords(seed: number, w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(seed ^ w0, 0x9e3779b1) ^ w1;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca77) ^ w2;
  h = Math.imul(h ^ (h >>> 13) ^ Math.imul(w3, 0x27d4eb2f), 0xc2b2ae3d);
  return h ^ (h >>> 16);
}
