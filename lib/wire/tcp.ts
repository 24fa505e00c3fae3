/** TCP header (RFC 9293 section 3.1). */
import type { FrameMemory } from './frame.ts';

export const TCP_LENGTH = 20;
const DATA_OFFSET = 12;
const FLAGS = 13;
export const TCP_CHECKSUM = 16;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

export function flags(memory: FrameMemory, off: number): number {
  return memory.u8[off + FLAGS] as number;
}

/** Header length in bytes with options. */
export function headerLength(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + DATA_OFFSET] as number) >> 4) << 2;
}
