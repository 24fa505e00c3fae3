/** IPv4 header (RFC 791). Offsets from the start of the header; multi-byte getters swap, `raw` ones do not. */
import type { FrameMemory } from './frame.ts';
import { halves, fold, sumBytes, updated } from './checksum.ts';

export const IPV4_LENGTH = 20;
const VERSION_IHL = 0;
const TYPE_OF_SERVICE = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FLAGS_FRAGMENT = 6;
const TIME_TO_LIVE = 8;
const PROTOCOL = 9;
const HEADER_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;

/** Raw bits of the flags half word. */
export const RAW_DF = 0x0040;
export const RAW_MF = 0x0020;
/** Any fragment: more-fragments or a fragment offset. */
export const RAW_FRAGMENT = 0xff3f;

/** Delta of a TTL that falls by one: ~old + new of its raw half word. */
export const TTL_DELTA = 0xfffe;

export function version(memory: FrameMemory, off: number): number {
  return (memory.u8[off + VERSION_IHL] as number) >> 4;
}

export function headerLength(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + VERSION_IHL] as number) & 15) << 2;
}

export function typeOfService(memory: FrameMemory, off: number): number {
  return memory.u8[off + TYPE_OF_SERVICE] as number;
}

export function totalLength(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + TOTAL_LENGTH] as number) << 8) | (memory.u8[off + TOTAL_LENGTH + 1] as number);
}

export function identification(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + IDENTIFICATION] as number) << 8) | (memory.u8[off + IDENTIFICATION + 1] as number);
}

/** Raw flags and fragment offset; see RAW_DF, RAW_MF, RAW_FRAGMENT. */
export function rawFlags(memory: FrameMemory, off: number): number {
  return memory.u16[(off + FLAGS_FRAGMENT) >> 1] as number;
}

/** Fragment offset in bytes. */
export function fragmentOffset(memory: FrameMemory, off: number): number {
  return ((((memory.u8[off + FLAGS_FRAGMENT] as number) & 0x1f) << 8) | (memory.u8[off + FLAGS_FRAGMENT + 1] as number)) << 3;
}

export function timeToLive(memory: FrameMemory, off: number): number {
  return memory.u8[off + TIME_TO_LIVE] as number;
}

export function protocol(memory: FrameMemory, off: number): number {
  return memory.u8[off + PROTOCOL] as number;
}

/** Lower the TTL by one and fix the header checksum, together with another delta (0 for none). */
export function decrementTtl(memory: FrameMemory, off: number, delta: number): void {
  const u8 = memory.u8;
  u8[off + TIME_TO_LIVE] = (u8[off + TIME_TO_LIVE] as number) - 1;
  updateHeaderChecksum(memory, off, TTL_DELTA + delta);
}

export function updateHeaderChecksum(memory: FrameMemory, off: number, delta: number): void {
  const at = (off + HEADER_CHECKSUM) >> 1;
  memory.u16[at] = updated(memory.u16[at] as number, delta);
}

export function writeHeaderChecksum(memory: FrameMemory, off: number): void {
  const at = (off + HEADER_CHECKSUM) >> 1;
  memory.u16[at] = 0;
  memory.u16[at] = ~sumBytes(memory, off, headerLength(memory, off), 0) & 0xffff;
}

/** Whether the header with its checksum sums to all ones. */
export function headerChecksumHolds(memory: FrameMemory, off: number, length: number): boolean {
  const i32 = memory.i32;
  const word = off >> 2;
  let sum = halves(i32[word] as number) + halves(i32[word + 1] as number) + halves(i32[word + 2] as number)
    + halves(i32[word + 3] as number) + halves(i32[word + 4] as number);
  for (let i = 5; i < length >> 2; i++) sum += halves(i32[word + i] as number);
  return fold(sum) === 0xffff;
}
