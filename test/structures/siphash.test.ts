import t from 'tap';
import fc from 'fast-check';
import { hsiphash } from '../../lib/structures/siphash.ts';

const MASK = (1n << 64n) - 1n;
const rotate = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (64n - by))) & MASK;

/** SipHash-c-d as the paper states it, on any bytes, in BigInt. */
function siphash(bytes: Uint8Array, key0: bigint, key1: bigint, compressionRounds: number, finalRounds: number): bigint {
  const v = [0x736f6d6570736575n ^ key0, 0x646f72616e646f6dn ^ key1, 0x6c7967656e657261n ^ key0, 0x7465646279746573n ^ key1] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & MASK; v[1] = rotate(v[1], 13n) ^ v[0]; v[0] = rotate(v[0], 32n);
    v[2] = (v[2] + v[3]) & MASK; v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & MASK; v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & MASK; v[1] = rotate(v[1], 17n) ^ v[2]; v[2] = rotate(v[2], 32n);
  };
  const padded = new Uint8Array((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const block = view.getBigUint64(at, true);
    v[3] ^= block;
    for (let n = 0; n < compressionRounds; n++) round();
    v[0] ^= block;
  }
  v[2] ^= 0xffn;
  for (let n = 0; n < finalRounds; n++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

t.test('the reference gives the value printed in the SipHash paper (2-4, appendix A)', async (t) => {
  const bytes = Uint8Array.from({ length: 15 }, (_, n) => n);
  t.equal(siphash(bytes, 0x0706050403020100n, 0x0f0e0d0c0b0a0908n, 2, 4), 0xa129ca6149be45e5n);
});

t.test('SipHash-1-3 of a 32-bit number agrees with the reference for every number and key', async () => {
  fc.assert(fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), (value, key0, key1) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return hsiphash(value, key0, key1) >>> 0 === Number(siphash(bytes, BigInt(key0), BigInt(key1), 1, 3) & 0xffffffffn);
  }), { numRuns: 2000 });
});
