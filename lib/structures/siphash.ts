/**
 * SipHash-1-3 of one 32-bit number, low 32 bits of the result: what a 64-bit kernel calls hsiphash_1u32 (lib/siphash.c; a 32-bit
 * kernel computes something else under that name). SipHash: Aumasson and Bernstein, 2012. 64-bit words are held as pairs of
 * int32, and so is the result, because V8 boxes what is larger; BigInt would be a hundred times slower and a hash scheduler in fall-back may need thousands in one go.
 */

/** Both halves of the key are 32-bit numbers here, as mh's are. */
export function hsiphash(value: number, key0: number, key1: number): number {
  // "somepseudorandomlygeneratedbytes", the initial state.
  let v0h = 0x736f6d65, v0l = 0x70736575 ^ key0;
  let v1h = 0x646f7261, v1l = 0x6e646f6d ^ key1;
  let v2h = 0x6c796765, v2l = 0x6e657261 ^ key0;
  let v3h = 0x74656462, v3l = 0x79746573 ^ key1;
  // The only block: length in bytes in the top byte, the number at the bottom.
  const blockHigh = 4 << 24;
  v3h ^= blockHigh;
  v3l ^= value;
  for (let round = 0; round < 4; round++) {
    if (round === 1) {
      v0h ^= blockHigh;
      v0l ^= value;
      v2l ^= 0xff;
    }
    let low = (v0l >>> 0) + (v1l >>> 0);
    v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
    v0l = low | 0;
    let high = v1h;
    v1h = (v1h << 13) | (v1l >>> 19);
    v1l = (v1l << 13) | (high >>> 19);
    v1h ^= v0h;
    v1l ^= v0l;
    [v0h, v0l] = [v0l, v0h];

    low = (v2l >>> 0) + (v3l >>> 0);
    v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
    v2l = low | 0;
    high = v3h;
    v3h = (v3h << 16) | (v3l >>> 16);
    v3l = (v3l << 16) | (high >>> 16);
    v3h ^= v2h;
    v3l ^= v2l;

    low = (v0l >>> 0) + (v3l >>> 0);
    v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
    v0l = low | 0;
    high = v3h;
    v3h = (v3h << 21) | (v3l >>> 11);
    v3l = (v3l << 21) | (high >>> 11);
    v3h ^= v0h;
    v3l ^= v0l;

    low = (v2l >>> 0) + (v1l >>> 0);
    v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
    v2l = low | 0;
    high = v1h;
    v1h = (v1h << 17) | (v1l >>> 15);
    v1l = (v1l << 17) | (high >>> 15);
    v1h ^= v2h;
    v1l ^= v2l;
    [v2h, v2l] = [v2l, v2h];
  }
  return v0l ^ v1l ^ v2l ^ v3l;
}
