/** GRE (RFC 2784): flags and version, protocol type, and with C the checksum and 16 reserved bits. */
import type { FrameMemory } from './frame.ts';
import { checksumOf } from './checksum.ts';

const FLAGS = 0;
const PROTOCOL = 2;
const CHECKSUM = 4;

/** Raw half words. */
const FLAG_CHECKSUM = 0x0080;
export const GRE_IPV4 = 0x0008;
export const GRE_IPV6 = 0xdd86;

export const GRE_HEADER = 4;
export const GRE_HEADER_CHECKSUM = 8;

export function greLength(withChecksum: boolean): number {
  return withChecksum ? GRE_HEADER_CHECKSUM : GRE_HEADER;
}

/** Write a header at `off`; the payload that follows ends at `end` and must be final when a checksum is wanted. */
export function writeGre(memory: FrameMemory, off: number, end: number, protocol: number, withChecksum: boolean): void {
  memory.u16[(off + FLAGS) >> 1] = withChecksum ? FLAG_CHECKSUM : 0;
  memory.u16[(off + PROTOCOL) >> 1] = protocol;
  if (!withChecksum) return;
  memory.i32[(off + CHECKSUM) >> 2] = 0;
  memory.u16[(off + CHECKSUM) >> 1] = checksumOf(memory, off, end - off, 0);
}

/** Length of the header at `off`, or 0 when it is cut short or has fields other than a checksum. */
export function greHeaderLength(memory: FrameMemory, off: number, end: number): number {
  if (off + GRE_HEADER > end) return 0;
  const flags = memory.u16[(off + FLAGS) >> 1] as number;
  if ((flags & ~FLAG_CHECKSUM) !== 0) return 0;
  const length = greLength(flags !== 0);
  return off + length > end ? 0 : length;
}

export function greProtocol(memory: FrameMemory, off: number): number {
  return memory.u16[(off + PROTOCOL) >> 1] as number;
}
