/**
 * The 10 bytes that PACKET_VNET_HDR and IFF_VNET_HDR put before each frame (struct virtio_net_hdr), to and from our offload word.
 *
 *   0 flags | 1 gso_type | 2 hdr_len | 4 gso_size | 6 csum_start | 8 csum_offset        host byte order
 *
 * The offload word leaves out where the checksum is; on the way out it is found again in the headers, because the frame may have been
 * rewritten meanwhile. The header always lies at a multiple of 4.
 */
import {
  OFFLOAD_ECN, OFFLOAD_GSO_MASK, OFFLOAD_GSO_SIZE, OFFLOAD_GSO_TCP4, OFFLOAD_GSO_TCP6, OFFLOAD_GSO_UDP, OFFLOAD_PARTIAL, type FrameMemory,
} from '../wire/frame.ts';

export const VIRTIO_HEADER_LENGTH = 10;

const NEEDS_CSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_UDP_L4 = 5;
const GSO_ECN = 0x80;

/** A kind of super-frame that the offload word has no room for; such a frame cannot be handled. */
export const OFFLOAD_UNKNOWN = -1;

/** Offload word of the virtio header at `at` (a multiple of 4). */
export function offloadOf(memory: FrameMemory, at: number): number {
  const word0 = memory.i32[at >> 2]!;
  let offload = word0 & NEEDS_CSUM ? OFFLOAD_PARTIAL : 0;
  const gsoType = (word0 >>> 8) & 0xff;
  if (gsoType === 0) return offload;
  switch (gsoType & ~GSO_ECN) {
    case GSO_TCPV4: offload |= OFFLOAD_GSO_TCP4; break;
    case GSO_TCPV6: offload |= OFFLOAD_GSO_TCP6; break;
    case GSO_UDP_L4: offload |= OFFLOAD_GSO_UDP; break;
    default: return OFFLOAD_UNKNOWN;
  }
  if (gsoType & GSO_ECN) offload |= OFFLOAD_ECN;
  return offload | (memory.i32[(at >> 2) + 1]! & OFFLOAD_GSO_SIZE);
}

/** Whether the virtio header at `at` asks for an SCTP checksum: no virtio device can complete that one (it is a CRC). */
export function sctpPending(memory: FrameMemory, at: number): boolean {
  return (memory.u8[at]! & NEEDS_CSUM) !== 0 && memory.u16[(at + 8) >> 1] === 8;
}

/** Write the virtio header of the Ethernet frame at `off` to `at`. Offsets in it count from `origin`: the frame, or its IP header. */
export function writeVirtioHeader(memory: FrameMemory, at: number, off: number, len: number, offload: number, origin: number): void {
  const word = at >> 2;
  const l4 = offload === 0 ? -1 : transportOffset(memory.u8, off, len);
  memory.i32[word] = 0;
  memory.i32[word + 1] = 0;
  memory.u16[(at + 8) >> 1] = 0;
  // Fast path: an ordinary frame with finished checksums.
  if (l4 < 0) return;
  const gso = offload & OFFLOAD_GSO_MASK;
  const checksumOff = l4 & 0xff;
  const l4Off = (l4 >>> 8) - (origin - off);
  if (gso !== 0) {
    const type = (gso === OFFLOAD_GSO_TCP4 ? GSO_TCPV4 : gso === OFFLOAD_GSO_TCP6 ? GSO_TCPV6 : GSO_UDP_L4) | (offload & OFFLOAD_ECN ? GSO_ECN : 0);
    const headers = l4Off + (gso === OFFLOAD_GSO_UDP ? 8 : (memory.u8[origin + l4Off + 12]! >> 4) * 4);
    memory.i32[word] = (type << 8) | (headers << 16);
    memory.i32[word + 1] = offload & OFFLOAD_GSO_SIZE;
  }
  if (offload & OFFLOAD_PARTIAL && checksumOff !== 0) {
    memory.i32[word]! |= NEEDS_CSUM;
    memory.i32[word + 1]! |= l4Off << 16;
    memory.u16[(at + 8) >> 1] = checksumOff;
  }
}

/** Where the transport checksum of the Ethernet frame at `off` lies: (offset of the transport header from the frame's start) << 8 | offset of the checksum in it (0: none we know); -1: not IP. */
export function transportOffset(u8: Uint8Array, off: number, len: number): number {
  const end = off + len;
  let at = off + 12;
  while (at + 4 < end && isVlan(u8, at)) at += 4;
  at += 2;
  if (at + 20 > end) return -1;
  const version = u8[at]! >> 4;
  if (version === 4) return ((at - off + (u8[at]! & 15) * 4) << 8) | checksumOffset(u8[at + 9]!);
  if (version !== 6 || at + 40 > end) return -1;
  let next = u8[at + 6]!;
  at += 40;
  // Hop-by-hop, routing and destination options (RFC 8200 section 4): length in units of 8 bytes, the first not counted.
  while ((next === 0 || next === 43 || next === 60) && at + 8 <= end) {
    next = u8[at]!;
    at += (u8[at + 1]! + 1) * 8;
  }
  return ((at - off) << 8) | checksumOffset(next);
}

function isVlan(u8: Uint8Array, at: number): boolean {
  return (u8[at] === 0x81 && u8[at + 1] === 0) || (u8[at] === 0x88 && u8[at + 1] === 0xa8);
}

function checksumOffset(protocol: number): number {
  return protocol === 6 ? 16 : protocol === 17 ? 6 : protocol === 58 || protocol === 1 ? 2 : 0;
}
