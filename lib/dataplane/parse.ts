/**
 * From a frame to the scratch packet: lengths checked once, here, so that nothing later reads beyond the packet. What is damaged is dropped as
 * ip_rcv and ip6_rcv drop it; what is no IP, or not addressed to us, is passed.
 */
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import { SCTP_LENGTH } from '../wire/sctp.ts';
import { UDP_LENGTH } from '../wire/udp.ts';
import { ICMP_LENGTH } from '../wire/icmpv4.ts';
import type { FrameMemory } from '../wire/frame.ts';
import { DROP } from '../model/drop-reason.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { Packet } from './packet.ts';
import { CONTINUE, DROP as DROPPED, PASS, type Verdict } from './verdict.ts';

/** Most VLAN tags on a frame. */
const MAX_TAGS = 2;

/** Fill `p` from the frame at `off`. CONTINUE, PASS, or DROP with the reason counted. */
export function parse(p: Packet, interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number, drops: Float64Array): Verdict {
  p.memory = memory;
  p.interfaceIdx = interfaceIdx;
  p.off = off;
  p.len = len;
  p.offload = offload;
  p.mark = 0;
  p.reassembledMax = 0;
  if (len < ethernet.ETHERNET_LENGTH) return dropped(drops, DROP.malformedEthernet);
  if (ethernet.isGroupAddressed(memory, off)) return PASS;
  let tags = 0;
  let type = ethernet.etherType(memory, off);
  while (type === ethernet.ETHERTYPE_VLAN || type === ethernet.ETHERTYPE_QINQ) {
    tags += ethernet.VLAN_TAG_LENGTH;
    if (len < ethernet.ETHERNET_LENGTH + tags) return dropped(drops, DROP.malformedEthernet);
    if (tags > MAX_TAGS * ethernet.VLAN_TAG_LENGTH) return PASS;
    type = ethernet.etherType(memory, off, tags);
  }
  p.l3Off = off + ethernet.ETHERNET_LENGTH + tags;
  if (type === ethernet.ETHERTYPE_IPV4) return parseIpv4(p, off + len, drops);
  if (type === ethernet.ETHERTYPE_IPV6) return parseIpv6(p, off + len, drops);
  return PASS;
}

/** Fill `p` again from its IP header on: after reassembly, or for an IP packet that came without a frame. */
export function parseIp(p: Packet, end: number, drops: Float64Array): Verdict {
  if (p.l3Off >= end) return dropped(drops, DROP.malformedIpv4);
  return ipv4.version(p.memory, p.l3Off) === 4 ? parseIpv4(p, end, drops) : parseIpv6(p, end, drops);
}

function parseIpv4(p: Packet, frameEnd: number, drops: Float64Array): Verdict {
  const { memory, l3Off } = p;
  if (frameEnd - l3Off < ipv4.IPV4_LENGTH || ipv4.version(memory, l3Off) !== 4) return dropped(drops, DROP.malformedIpv4);
  const headerLength = ipv4.headerLength(memory, l3Off);
  const totalLength = ipv4.totalLength(memory, l3Off);
  if (headerLength < ipv4.IPV4_LENGTH || totalLength < headerLength || totalLength > frameEnd - l3Off) return dropped(drops, DROP.malformedIpv4);
  if (!ipv4.headerChecksumHolds(memory, l3Off, headerLength)) return dropped(drops, DROP.malformedIpv4);
  const i32 = memory.i32;
  p.family = 4;
  p.l3End = l3Off + totalLength;
  p.l4Off = l3Off + headerLength;
  p.protocol = ipv4.protocol(memory, l3Off);
  p.s0 = i32[(l3Off + ipv4.IPV4_SOURCE) >> 2] as number;
  p.d0 = i32[(l3Off + ipv4.IPV4_DESTINATION) >> 2] as number;
  p.s1 = p.s2 = p.s3 = p.d1 = p.d2 = p.d3 = 0;
  p.fragmentHeaderOff = 0;
  p.isFragment = (ipv4.rawFlags(memory, l3Off) & ipv4.RAW_FRAGMENT) !== 0;
  p.fragmentOff = p.isFragment ? ipv4.fragmentOffset(memory, l3Off) : 0;
  parseTransport(p);
  return CONTINUE;
}

function parseIpv6(p: Packet, frameEnd: number, drops: Float64Array): Verdict {
  const { memory, l3Off } = p;
  if (frameEnd - l3Off < ipv6.IPV6_LENGTH || ipv4.version(memory, l3Off) !== 6) return dropped(drops, DROP.malformedIpv6);
  const end = l3Off + ipv6.IPV6_LENGTH + ipv6.payloadLength(memory, l3Off);
  if (end > frameEnd) return dropped(drops, DROP.malformedIpv6);
  const i32 = memory.i32;
  const source = (l3Off + ipv6.IPV6_SOURCE) >> 2;
  p.family = 6;
  p.l3End = end;
  p.s0 = i32[source] as number;
  p.s1 = i32[source + 1] as number;
  p.s2 = i32[source + 2] as number;
  p.s3 = i32[source + 3] as number;
  p.d0 = i32[source + 4] as number;
  p.d1 = i32[source + 5] as number;
  p.d2 = i32[source + 6] as number;
  p.d3 = i32[source + 7] as number;
  p.isFragment = false;
  p.fragmentOff = 0;
  p.fragmentHeaderOff = 0;
  let next = ipv6.nextHeader(memory, l3Off);
  let at = l3Off + ipv6.IPV6_LENGTH;
  // Fast path: no extension headers.
  while (ipv6.isExtension(next) && p.fragmentOff === 0) {
    if (at + ipv6.FRAGMENT_HEADER_LENGTH > end) return dropped(drops, DROP.malformedIpv6);
    if (next === ipv6.EXTENSION.fragment) {
      p.fragmentHeaderOff = at;
      p.fragmentOff = ipv6.fragmentOffset(memory, at);
      // NB: a fragment alone ("atomic", RFC 6946) too: reassembly takes its fragment header off.
      p.isFragment = true;
    }
    const length = ipv6.extensionLength(memory, at, next);
    next = memory.u8[at] as number;
    at += length;
    if (at > end) return dropped(drops, DROP.malformedIpv6);
  }
  p.protocol = next;
  p.l4Off = at;
  parseTransport(p);
  return CONTINUE;
}

/** Bytes of transport header that must be there, by protocol; 0 = not looked at. */
const LEAST = new Uint8Array(256);
LEAST[IPPROTO.tcp] = tcp.TCP_LENGTH;
LEAST[IPPROTO.udp] = UDP_LENGTH;
LEAST[IPPROTO.sctp] = SCTP_LENGTH;
LEAST[IPPROTO.icmp] = ICMP_LENGTH;
LEAST[IPPROTO.icmpv6] = ICMP_LENGTH;

function parseTransport(p: Packet): void {
  const { memory, l4Off, protocol } = p;
  p.ports = 0;
  p.tcpFlags = 0;
  p.truncated = false;
  if (p.isFragment) return;
  if (l4Off + (LEAST[protocol] as number) > p.l3End) {
    p.truncated = true;
    return;
  }
  if (protocol === IPPROTO.tcp) {
    p.ports = memory.i32[l4Off >> 2] as number;
    p.tcpFlags = tcp.flags(memory, l4Off);
  } else if (protocol === IPPROTO.udp || protocol === IPPROTO.sctp) {
    p.ports = memory.i32[l4Off >> 2] as number;
  }
}

function dropped(drops: Float64Array, reason: number): Verdict {
  drops[reason]!++;
  return DROPPED;
}
