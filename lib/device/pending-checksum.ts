/**
 * Frames out of XDP come without word about their checksums. Those that a local sender (a container, a namespace behind veth) leaves for
 * the device to finish hold the pseudo-header sum only, and are known by just that: the field equals the sum. A finished checksum does so by
 * chance once in 65536 frames; taken for unfinished it is computed again, which changes nothing about a frame that is whole. So a frame damaged on
 * its way to us stays damaged for the receiver, as good as always.
 *
 * NB: what a tunnel inside a balanced UDP packet leaves to be finished is not found.
 */
import { fold, halves } from '../wire/checksum.ts';
import { OFFLOAD_PARTIAL, type FrameMemory } from '../wire/frame.ts';
import { completeSctpChecksum } from './sctp-checksum.ts';

const ETHERNET = 14;
const VERSION_4_LENGTH_20 = 0x45;
/** More-fragments bit and offset, in the upper half of the header's second word as read. */
const FRAGMENT = 0xff3f << 16;
const TCP = 6, UDP = 17, SCTP = 132;
const TCP_CHECKSUM = 16, UDP_CHECKSUM = 6, SCTP_CHECKSUM = 8;
const TCP_LENGTH = 20, UDP_LENGTH = 8, SCTP_LENGTH = 12;

/** Offload word of the untagged frame at `off`: OFFLOAD_PARTIAL or 0. An unfinished SCTP checksum is filled in at once. */
export function pendingChecksum(memory: FrameMemory, off: number, len: number): number {
  const { i32 } = memory;
  const ip = (off + ETHERNET) >> 2;
  const word0 = i32[ip] as number;
  // Fast path: IPv4 without options.
  if ((word0 & 0xff) === VERSION_4_LENGTH_20) {
    if (((i32[ip + 1] as number) & FRAGMENT) !== 0) return 0;
    const total = ((word0 >>> 8) & 0xff00) | (word0 >>> 24);
    if (total + ETHERNET > len) return 0;
    return pending(memory, off, len, ((i32[ip + 2] as number) >>> 8) & 0xff, off + ETHERNET + 20, total - 20, halves(i32[ip + 3] as number) + halves(i32[ip + 4] as number));
  }
  const version = (word0 >>> 4) & 15;
  return version === 4 ? withOptions(memory, off, len) : version === 6 ? ofIpv6(memory, off, len) : 0;
}

function withOptions(memory: FrameMemory, off: number, len: number): number {
  const { i32 } = memory;
  const ip = (off + ETHERNET) >> 2;
  const word0 = i32[ip] as number;
  const headerLength = (word0 & 15) << 2;
  const total = ((word0 >>> 8) & 0xff00) | (word0 >>> 24);
  if (headerLength < 20 || ((i32[ip + 1] as number) & FRAGMENT) !== 0 || total + ETHERNET > len) return 0;
  const sum = halves(i32[ip + 3] as number) + halves(i32[ip + 4] as number);
  return pending(memory, off, len, ((i32[ip + 2] as number) >>> 8) & 0xff, off + ETHERNET + headerLength, total - headerLength, sum);
}

function ofIpv6(memory: FrameMemory, off: number, len: number): number {
  const { u8, i32 } = memory;
  if (len < ETHERNET + 40) return 0;
  const ip = (off + ETHERNET) >> 2;
  const word1 = i32[ip + 1] as number;
  const end = off + ETHERNET + 40 + (((word1 & 0xff) << 8) | ((word1 >>> 8) & 0xff));
  if (end > off + len) return 0;
  let next = (word1 >>> 16) & 0xff;
  let l4 = off + ETHERNET + 40;
  // Hop-by-hop and destination options (RFC 8200 section 4): length in units of 8 bytes, the first not counted.
  while ((next === 0 || next === 60) && l4 + 8 <= end) {
    next = u8[l4] as number;
    l4 += ((u8[l4 + 1] as number) + 1) << 3;
  }
  let sum = 0;
  for (let i = 2; i < 10; i++) sum += halves(i32[ip + i] as number);
  return pending(memory, off, len, next, l4, end - l4, sum);
}

function pending(memory: FrameMemory, off: number, len: number, protocol: number, l4: number, length: number, addresses: number): number {
  const { u16 } = memory;
  if (protocol === SCTP) {
    const at = (l4 + SCTP_CHECKSUM) >> 1;
    return length >= SCTP_LENGTH && u16[at] === 0 && u16[at + 1] === 0 ? completeSctpChecksum(memory, off, l4, len, 0) : 0;
  }
  if (protocol === TCP ? length < TCP_LENGTH : protocol !== UDP || length < UDP_LENGTH) return 0;
  const field = u16[(l4 + (protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM)) >> 1] as number;
  const pseudo = fold(addresses + (protocol << 8) + (((length & 0xff) << 8) | (length >>> 8)));
  return field === pseudo || (pseudo === 0xffff && field === 0 && protocol === TCP) ? OFFLOAD_PARTIAL : 0;
}
