/** SCTP common header and chunks (RFC 9260), and its checksum, CRC32c. */
import type { FrameMemory } from './frame.ts';

export const SCTP_LENGTH = 12;
export const CHUNK_HEADER_LENGTH = 4;
const CHECKSUM = 8;

export const CHUNK = {
  data: 0, init: 1, initAck: 2, sack: 3, heartbeat: 4, heartbeatAck: 5, abort: 6, shutdown: 7, shutdownAck: 8, error: 9,
  cookieEcho: 10, cookieAck: 11, ecne: 12, cwr: 13, shutdownComplete: 14,
} as const;

/** Type of the chunk at `off`. */
export function chunkType(memory: FrameMemory, off: number): number {
  return memory.u8[off] as number;
}

/** Length of the chunk at `off` without padding. */
export function chunkLength(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + 2] as number) << 8) | (memory.u8[off + 3] as number);
}

/** Recompute the checksum of the packet from its common header at `off` to `end` (RFC 9260 appendix A). */
export function writeChecksum(memory: FrameMemory, off: number, end: number): void {
  const word = (off + CHECKSUM) >> 2;
  memory.i32[word] = 0;
  memory.i32[word] = crc32c(memory, off, end);
}

const CRC32C = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  CRC32C[byte] = crc;
}

/** CRC32c (Castagnoli) of the bytes from `off` to `end`. */
export function crc32c(memory: FrameMemory, off: number, end: number): number {
  const u8 = memory.u8;
  let crc = -1;
  for (let i = off; i < end; i++) crc = (CRC32C[(crc ^ (u8[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc;
}
