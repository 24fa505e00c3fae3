/**
 * What a network card would do, in software: cutting TCP (and UDP) super-frames into segments, and completing checksums that were left
 * partial. Needed where no card can: inside tunnels, for fragments, and towards interfaces with a smaller MTU. Follows
 * tcp_gso_segment and __udp_gso_segment: sequence numbers advance, IPv4 identifications count up, FIN and PSH stay with the last
 * segment, CWR with the first.
 */
import { OFFLOAD_GSO_SIZE, OFFLOAD_PARTIAL, type FrameMemory } from '../wire/frame.ts';
import { checksumOf, pseudoSum, sumBytes } from '../wire/checksum.ts';
import { swap16, swap32 } from '../wire/address.ts';
import { copyBytes, type ScratchRing } from './scratch-ring.ts';

const TCP = 6;
const UDP = 17;
const FIN = 0x01;
const PSH = 0x08;
const CWR = 0x80;

/** Gets each segment: an IP packet in scratch memory, checksums complete. */
export type SegmentOut = (l3Off: number, l3End: number) => void;

/** The transport header of an IP packet; fields are valid until the next locate(). */
const transport = { protocol: 0, off: 0, headerLength: 0, checksumOff: 0 };

/** Find TCP, UDP or ICMPv6 in an IP packet, behind IPv4 options or IPv6 extension headers. */
function locate(memory: FrameMemory, l3Off: number, l3End: number): boolean {
  const { u8 } = memory;
  let protocol: number;
  let off: number;
  if ((u8[l3Off] as number) >> 4 === 4) {
    protocol = u8[l3Off + 9] as number;
    off = l3Off + (((u8[l3Off] as number) & 15) << 2);
  } else {
    protocol = u8[l3Off + 6] as number;
    off = l3Off + 40;
    for (let i = 0; i < 16 && (protocol === 0 || protocol === 43 || protocol === 60); i++) {
      if (off + 8 > l3End) return false;
      protocol = u8[off] as number;
      off += ((u8[off + 1] as number) + 1) << 3;
    }
  }
  transport.protocol = protocol;
  transport.off = off;
  if (protocol === TCP) {
    if (off + 20 > l3End) return false;
    transport.headerLength = ((u8[off + 12] as number) >> 4) << 2;
    transport.checksumOff = off + 16;
  } else if (protocol === UDP) {
    transport.headerLength = 8;
    transport.checksumOff = off + 6;
  } else {
    return false;
  }
  return transport.headerLength >= (protocol === TCP ? 20 : 8) && off + transport.headerLength <= l3End;
}

/** IP length of the largest segment this super-frame will be cut into; 65535 when it is not a TCP or UDP packet. */
export function segmentLength(memory: FrameMemory, l3Off: number, l3End: number, offload: number): number {
  if (!locate(memory, l3Off, l3End)) return 65535;
  return Math.min(l3End, transport.off + transport.headerLength + (offload & OFFLOAD_GSO_SIZE)) - l3Off;
}

/**
 * Write the checksum that OFFLOAD_PARTIAL promised. The field holds the pseudo-header sum, but of the super-frame's length where there is
 * one, so the pseudo header is summed again. Returns the offload word without the bit.
 */
export function completeChecksum(memory: FrameMemory, l3Off: number, l3End: number, offload: number): number {
  if ((offload & OFFLOAD_PARTIAL) === 0) return offload;
  if (locate(memory, l3Off, l3End)) writeChecksum(memory, l3Off, l3End);
  return offload & ~OFFLOAD_PARTIAL;
}

/** Cut a super-frame; `out` gets each segment. A frame that cannot be cut is dropped by not calling `out`; returns the number of segments. */
export function segmentInto(memory: FrameMemory, l3Off: number, l3End: number, offload: number, scratch: ScratchRing, out: SegmentOut): number {
  const size = offload & OFFLOAD_GSO_SIZE;
  if (size === 0 || !locate(memory, l3Off, l3End)) return 0;
  const { protocol } = transport;
  const l4 = transport.off - l3Off;
  const headers = l4 + transport.headerLength;
  const payload = l3End - l3Off - headers;
  const to = scratch.memory;
  let count = 0;
  for (let done = 0; done < payload || count === 0; done += size) {
    const length = Math.min(size, payload - done);
    const last = done + length >= payload;
    const off = scratch.take(headers + length);
    copyBytes(memory, l3Off, to, off, headers);
    copyBytes(memory, l3Off + headers + done, to, off + headers, length);
    writeLengths(to, off, headers + length, count);
    if (protocol === TCP) {
      const seqAt = off + l4 + 4;
      writeWord(to, seqAt, (readWord(to, seqAt) + done) | 0);
      to.u8[off + l4 + 13]! &= ~((last ? 0 : FIN | PSH) | (count === 0 ? 0 : CWR));
    } else {
      to.u16[(off + l4 + 4) >> 1] = swap16(headers + length - l4);
    }
    locate(to, off, off + headers + length);
    writeChecksum(to, off, off + headers + length);
    out(off, off + headers + length);
    count++;
  }
  return count;
}

/** Total length, identification and header checksum of IPv4; payload length of IPv6. */
function writeLengths(memory: FrameMemory, off: number, length: number, index: number): void {
  const { u8, u16 } = memory;
  if ((u8[off] as number) >> 4 === 6) {
    u16[(off + 4) >> 1] = swap16(length - 40);
    return;
  }
  u16[(off + 2) >> 1] = swap16(length);
  u16[(off + 4) >> 1] = swap16((swap16(u16[(off + 4) >> 1] as number) + index) & 0xffff);
  u16[(off + 10) >> 1] = 0;
  u16[(off + 10) >> 1] = checksumOf(memory, off, ((u8[off] as number) & 15) << 2, 0);
}

/** The checksum of the located transport header over the whole packet, after locate(). */
function writeChecksum(memory: FrameMemory, l3Off: number, l3End: number): void {
  const { protocol, off, checksumOff } = transport;
  const family = (memory.u8[l3Off] as number) >> 4 === 6 ? 6 : 4;
  memory.u16[checksumOff >> 1] = 0;
  const pseudo = pseudoSum(memory, family, l3Off + (family === 4 ? 12 : 8), protocol, l3End - off);
  const checksum = ~sumBytes(memory, off, l3End - off, pseudo) & 0xffff;
  memory.u16[checksumOff >> 1] = checksum === 0 && protocol === UDP ? 0xffff : checksum;
}

/** Big-endian word at an even offset (options can put a transport header at 2 modulo 4 never, but a half word is always aligned). */
function readWord(memory: FrameMemory, off: number): number {
  return swap32((memory.u16[off >> 1] as number) | ((memory.u16[(off + 2) >> 1] as number) << 16));
}

function writeWord(memory: FrameMemory, off: number, value: number): void {
  const raw = swap32(value);
  memory.u16[off >> 1] = raw & 0xffff;
  memory.u16[(off + 2) >> 1] = raw >>> 16;
}
