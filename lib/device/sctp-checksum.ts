/**
 * A local SCTP sender (a container, a namespace behind veth) leaves its CRC32c to the device, but virtio headers can only describe sums.
 * So such a checksum is finished as the frame comes in, and the director only ever sees whole ones.
 * CRC32c: RFC 9260 appendix A; the field holds it little-endian, computed with the field as zero.
 */
import { crc32c } from '../wire/sctp.ts';
import { OFFLOAD_PARTIAL, type FrameMemory } from '../wire/frame.ts';

/** Fill in the checksum of the untagged SCTP frame at `off` with its SCTP header at `l4`; returns its offload word without the partial bit. */
export function completeSctpChecksum(memory: FrameMemory, off: number, l4: number, len: number, offload: number): number {
  const { u8 } = memory;
  const isV4 = u8[off + 14]! >> 4 === 4;
  const l3Length = isV4 ? (u8[off + 16]! << 8) | u8[off + 17]! : 40 + ((u8[off + 18]! << 8) | u8[off + 19]!);
  const end = Math.min(off + len, off + 14 + l3Length);
  if (l4 + 12 > end) return offload & ~OFFLOAD_PARTIAL;
  u8.fill(0, l4 + 8, l4 + 12);
  const crc = crc32c(memory, l4, end);
  for (let i = 0; i < 4; i++) u8[l4 + 8 + i] = crc >>> (8 * i);
  return offload & ~OFFLOAD_PARTIAL;
}
