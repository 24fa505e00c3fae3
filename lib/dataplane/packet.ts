/**
 * The scratch packet: one object, filled by parse() for every frame and mutated along the walk. Nothing keeps a reference to it.
 * All offsets are bytes into `memory`. Words named raw are as loaded from the frame (little-endian loads of network-order
 * bytes): equality and one's-complement sums do not care about byte order, so nothing is swapped on the fast path.
 */
import { FrameMemory } from '../wire/frame.ts';
import type { Family } from '../model/protocol.ts';

export class Packet {
  memory: FrameMemory = new FrameMemory(new ArrayBuffer(64));
  /** Interface the frame came in on; INTERFACE_LOCAL for the director's own stack. */
  interfaceIdx = 0;
  /** Ethernet header. */
  off = 0;
  /** Frame length from `off`. */
  len = 0;
  /** wire/frame OFFLOAD_ bits. */
  offload = 0;
  /** IP header (multiple of 4), after any VLAN tags. */
  l3Off = 0;
  /** End of the IP packet (not of the frame: Ethernet padding is beyond). */
  l3End = 0;
  /** Transport header, after IPv4 options or IPv6 extension headers. */
  l4Off = 0;
  family: Family = 4;
  /** Transport protocol (IPPROTO). */
  protocol = 0;
  /** Raw address words; IPv4 in s0 and d0, the others 0. */
  s0 = 0; s1 = 0; s2 = 0; s3 = 0;
  d0 = 0; d1 = 0; d2 = 0; d3 = 0;
  /** Raw word of source and destination port (source in the low half); ICMP: 0. */
  ports = 0;
  /** TCP flag byte; 0 otherwise. */
  tcpFlags = 0;
  /** The transport header is not whole (never true of later fragments). */
  truncated = false;
  /** A fragment at all (offset or more-fragments); and its offset in bytes. */
  isFragment = false;
  fragmentOff = 0;
  /** IPv6: offset of the fragment header, 0 if none. */
  fragmentHeaderOff = 0;
  /** Firewall mark, 0 = none. */
  mark = 0;
  /** Datagram was put together from fragments; largest fragment's IP length, to fragment again the same way. 0 = not. */
  reassembledMax = 0;
}
