/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624), on raw words. One's-complement sums do not depend on byte
 * order, so everything here adds 16-bit halves exactly as the frame holds them and never swaps. A "delta" is the folded sum
 * ~old + new of everything that changes: precomputed when a connection is made, applied with one addition a packet.
 */
import type { FrameMemory } from './frame.ts';

/** Fold a sum of halves into 16 bits. Good for sums below 2^32. */
export function fold(sum: number): number {
  return folded(sum);
}

/** NB: not exported: V8 inlines a module's own function without asking whether it is still the same. */
function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The two halves of a word, added. */
export function halves(word: number): number {
  return (word & 0xffff) + (word >>> 16);
}

/** Folded ~old + new of one word: the delta of replacing it. */
export function deltaOf(oldWord: number, newWord: number): number {
  return fold(halves(~oldWord) + halves(newWord));
}

/** RFC 1624: the checksum after its covered bytes changed by `delta`. */
export function updated(checksum: number, delta: number): number {
  return ~folded((~checksum & 0xffff) + delta) & 0xffff;
}

/** A partial checksum (pseudo-header sum, not complemented) after the pseudo header changed by `delta`. */
export function updatedPartial(checksum: number, delta: number): number {
  return folded(checksum + delta);
}

/** Unfolded sum of `length` bytes at `off` (even), added to `sum`; an odd last byte is padded with zero. At most 64 KiB. */
export function sumBytes(memory: FrameMemory, off: number, length: number, sum: number): number {
  const u16 = memory.u16;
  const end = (off + length) >> 1;
  let total = sum;
  for (let i = off >> 1; i < end; i++) total += u16[i] as number;
  if (length & 1) total += memory.u8[off + length - 1] as number;
  return fold(fold(total % 0x100000000) + fold(Math.floor(total / 0x100000000)));
}

/** Sum of the pseudo header of RFC 9293 section 3.1 or RFC 8200 section 8.1; addresses are read at `sourceOff`, back to back. */
export function pseudoSum(memory: FrameMemory, family: 4 | 6, sourceOff: number, protocol: number, l4Length: number): number {
  const words = family === 4 ? 2 : 8;
  let sum = (protocol << 8) + (((l4Length & 0xff) << 8) | ((l4Length >> 8) & 0xff)) + (l4Length >>> 16 ? ((l4Length >>> 16) << 8) : 0);
  for (let i = 0; i < words; i++) sum += halves(memory.i32[(sourceOff >> 2) + i] as number);
  return fold(sum);
}

/** Checksum of `length` bytes at `off` as the field holds it (field bytes must be zero), with `initial` added. */
export function checksumOf(memory: FrameMemory, off: number, length: number, initial: number): number {
  return ~sumBytes(memory, off, length, initial) & 0xffff;
}
