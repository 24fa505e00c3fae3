/**
 * The packet that an ICMP error quotes, read into a scratch packet of its own: addresses, protocol and ports as far as a connection lookup
 * needs them. A quote may be cut anywhere; it counts as readable when its ports are there.
 */
import type { FrameMemory } from '../wire/frame.ts';
import type { Packet } from './packet.ts';

const IPV4_LENGTH = 20;
const IPV6_LENGTH = 40;
const PORTS_LENGTH = 4;

/** Fill `quote` from the IP packet at `off`, cut off at `end`. False when not even its IP header is whole. Ports are 0 when cut off. */
export function readQuotedPacket(memory: FrameMemory, off: number, end: number, quote: Packet): boolean {
  const version = off < end ? (memory.u8[off] as number) >> 4 : 0;
  quote.memory = memory;
  quote.l3Off = off;
  quote.l3End = end;
  quote.off = off - 14;
  quote.len = end - off + 14;
  quote.offload = 0;
  quote.mark = 0;
  quote.tcpFlags = 0;
  quote.truncated = false;
  quote.reassembledMax = 0;
  if (version === 4 ? !readIpv4(memory, off, end, quote) : version !== 6 || !readIpv6(memory, off, end, quote)) return false;
  quote.isFragment = quote.fragmentOff > 0;
  quote.ports = quote.l4Off + PORTS_LENGTH <= end ? (memory.i32[quote.l4Off >> 2] as number) : 0;
  return true;
}

/** Whether the ports of the quoted packet are there. */
export function hasPorts(quote: Packet): boolean {
  return !quote.isFragment && quote.l4Off + PORTS_LENGTH <= quote.l3End;
}

function readIpv4(memory: FrameMemory, off: number, end: number, quote: Packet): boolean {
  const { u8, i32 } = memory;
  const headerLength = ((u8[off] as number) & 15) << 2;
  if (off + IPV4_LENGTH > end || headerLength < IPV4_LENGTH) return false;
  quote.family = 4;
  quote.protocol = u8[off + 9] as number;
  quote.s0 = i32[(off + 12) >> 2] as number;
  quote.d0 = i32[(off + 16) >> 2] as number;
  quote.s1 = quote.s2 = quote.s3 = quote.d1 = quote.d2 = quote.d3 = 0;
  quote.l4Off = off + headerLength;
  quote.fragmentOff = ((((u8[off + 6] as number) & 0x1f) << 8) | (u8[off + 7] as number)) << 3;
  quote.fragmentHeaderOff = 0;
  return true;
}

function readIpv6(memory: FrameMemory, off: number, end: number, quote: Packet): boolean {
  const { u8, i32 } = memory;
  if (off + IPV6_LENGTH > end) return false;
  const at = (off + 8) >> 2;
  quote.family = 6;
  quote.s0 = i32[at] as number;
  quote.s1 = i32[at + 1] as number;
  quote.s2 = i32[at + 2] as number;
  quote.s3 = i32[at + 3] as number;
  quote.d0 = i32[at + 4] as number;
  quote.d1 = i32[at + 5] as number;
  quote.d2 = i32[at + 6] as number;
  quote.d3 = i32[at + 7] as number;
  quote.fragmentOff = 0;
  quote.fragmentHeaderOff = 0;
  let next = u8[off + 6] as number;
  let header = off + IPV6_LENGTH;
  while ((next === 0 || next === 43 || next === 44 || next === 60) && header + 8 <= end) {
    if (next === 44) {
      quote.fragmentHeaderOff = header;
      quote.fragmentOff = ((u8[header + 2] as number) << 8) | ((u8[header + 3] as number) & 0xf8);
    }
    const length = next === 44 ? 8 : ((u8[header + 1] as number) + 1) << 3;
    next = u8[header] as number;
    header += length;
    if (quote.fragmentOff > 0) break;
  }
  quote.protocol = next;
  quote.l4Off = header;
  return true;
}
