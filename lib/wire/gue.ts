/**
 * Generic UDP Encapsulation, version 0 (draft-ietf-intarea-gue): a UDP header and four bytes: version, C and header length in words;
 * the IP protocol of what follows; flags. Only data messages without optional fields are written. Remote checksum offload
 * (draft-herbert-remotecsumoffload) would add a field; we complete the inner checksum instead, which is what the kernel
 * sends whenever that is complete already.
 */
import type { FrameMemory } from './frame.ts';
import { checksumOf, pseudoSum } from './checksum.ts';
import { swap16 } from './address.ts';

const IPPROTO_UDP = 17;
const UDP_HEADER = 8;
const GUE_FIXED = 4;
/** UDP and GUE header. */
export const GUE_HEADER = UDP_HEADER + GUE_FIXED;

/** net.ipv4.ip_local_port_range, from which source ports are taken by flow hash. */
const PORT_LOW = 32768;
const PORT_HIGH = 60999;

/** udp_flow_src_port: a flow's 32-bit hash -> its source port. */
export function gueSourcePort(hash: number): number {
  return PORT_LOW + Math.floor(((hash >>> 0) * (PORT_HIGH - PORT_LOW)) / 0x100000000);
}

/**
 * Write both headers at `off` before a payload that ends at `end`. With `checksum` the UDP checksum is computed, for which the outer addresses
 * must stand at `addressesOff`.
 */
export function writeGue(memory: FrameMemory, off: number, end: number, sourcePort: number, destinationPort: number, innerProtocol: number, checksum: boolean, family: 4 | 6, addressesOff: number): void {
  const { u8, u16 } = memory;
  u16[off >> 1] = swap16(sourcePort);
  u16[(off + 2) >> 1] = swap16(destinationPort);
  u16[(off + 4) >> 1] = swap16(end - off);
  u16[(off + 6) >> 1] = 0;
  u8[off + 8] = 0;
  u8[off + 9] = innerProtocol;
  u16[(off + 10) >> 1] = 0;
  if (!checksum) return;
  const sum = checksumOf(memory, off, end - off, pseudoSum(memory, family, addressesOff, IPPROTO_UDP, end - off));
  u16[(off + 6) >> 1] = sum === 0 ? 0xffff : sum;
}

/** Length of UDP and GUE header at `off`, or 0 when cut short or not a version 0 data message. */
export function gueHeaderLength(memory: FrameMemory, off: number, end: number): number {
  if (off + GUE_HEADER > end) return 0;
  const first = memory.u8[off + UDP_HEADER] as number;
  if ((first & 0xe0) !== 0) return 0;
  const length = GUE_HEADER + ((first & 0x1f) << 2);
  return off + length > end ? 0 : length;
}

/** IP protocol of the payload. */
export function gueProtocol(memory: FrameMemory, off: number): number {
  return memory.u8[off + UDP_HEADER + 1] as number;
}
