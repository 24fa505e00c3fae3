/**
 * The touch pass: read what the lookups of a burst are going to read, first every index slot, then every entry behind them. There is no prefetch in
 * JavaScript, but loads that do not depend on each other overlap. Worth it when the table no longer fits the caches, and for plain IPv4.
 */
import { ETHERNET_LENGTH, ETHERTYPE_IPV4, etherType } from '../wire/ethernet.ts';
import { MAX_BURST, type FrameBurst } from '../wire/frame.ts';
import { ENTRY_WORDS } from './connection-layout.ts';
import type { Connections } from './connections.ts';

/** Connections above which it pays. */
export const TOUCH_ABOVE = 16_384;
/** Ethernet, IPv4 without options, ports. */
const LEAST_BYTES = 38;
const VERSION_4_LENGTH_20 = 0x45;

const candidates = new Int32Array(MAX_BURST);

/** Returns a sum of what was read, so that nothing of it can be left out. */
export function touch(connections: Connections, frames: FrameBurst): number {
  const { memory, off, len, count } = frames;
  const { index, words } = connections;
  const { i32, u8 } = memory;
  for (let i = 0; i < count; i++) {
    const frame = off[i] as number;
    const l3 = frame + ETHERNET_LENGTH;
    if ((len[i] as number) < LEAST_BYTES || etherType(memory, frame) !== ETHERTYPE_IPV4 || u8[l3] !== VERSION_4_LENGTH_20) {
      candidates[i] = -1;
      continue;
    }
    const word = l3 >> 2;
    candidates[i] = index.touch(connections.hash4(i32[word + 3] as number, i32[word + 4] as number, i32[word + 5] as number, u8[l3 + 9] as number));
  }
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const entry = candidates[i] as number;
    if (entry >= 0) sum ^= words[entry * ENTRY_WORDS] as number;
  }
  return sum;
}
