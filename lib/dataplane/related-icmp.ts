/**
 * ICMP errors about tracked connections (ip_vs_out_icmp, ip_vs_in_icmp and their IPv6 twins). Three ways:
 *
 *   real server or router behind it -> client   quotes client -> RIP: outer source and quoted destination become the VIP again (NAT)
 *   client side -> VIP                          quotes VIP -> client: NAT turns it into RIP -> client; DR and TUN forward it whole
 *   from inside a tunnel -> director            quotes the outer packet: the client is told about its own packet, MTU less the overhead
 *
 * The quoted transport checksum is left as it is, as the kernel leaves it. What is about no connection of ours is passed.
 */
import { INTERFACE_LOCAL, OFFLOAD_PARTIAL, type FrameMemory } from '../wire/frame.ts';
import { checksumOf, pseudoSum, sumBytes } from '../wire/checksum.ts';
import { swap16, swap32 } from '../wire/address.ts';
import { greHeaderLength, greProtocol, GRE_IPV4 } from '../wire/gre.ts';
import { gueHeaderLength, gueProtocol } from '../wire/gue.ts';
import { DROP } from '../model/drop-reason.ts';
import type { TunnelType } from '../model/destination.ts';
import { leaveByForwarding, leaveByIpvs, noRouteByForwarding, noRouteByIpvs } from './forward/out-route.ts';
import { sendIcmpError } from './icmp-answer.ts';
import { Packet } from './packet.ts';
import type { PathContext } from './path-context.ts';
import { hasPorts, readQuotedPacket } from './quoted-packet.ts';
import { ROUTE_LOCAL } from './routes.ts';
import { CONTINUE, DELIVER, DROP as DROPPED, PASS, TRANSMIT, type Verdict } from './verdict.ts';

/** What is asked of the connection table. Connections are small non-negative integers, -1 is none. */
export interface RelatedConnections {
  /** The connection whose client sent `quote` to the VIP. */
  byRequest(quote: Packet): number;
  /** The connection as whose VIP `quote` was sent to the client. */
  byAnswer(quote: Packet): number;
  /** The NAT connection whose translated request `quote` is (client to RIP). */
  byTranslated(quote: Packet): number;
  /** schedule_icmp: make a connection for `quote`, an answer of the VIP; -1 when there is none to make. */
  schedule(quote: Packet, p: Packet, ctx: PathContext): number;
  /** A one-packet connection that `schedule` made ends with its packet. */
  endIfOnePacket(connection: number): void;
  isNat(connection: number): boolean;
  /** Raw address words of the VIP and of the real server, and their raw ports. */
  virtualAddress(connection: number, out: Int32Array): void;
  virtualPort(connection: number): number;
  destinationAddress(connection: number, out: Int32Array): void;
  destinationPort(connection: number): number;
  /** Next hop towards the real server, or a ROUTE_ result. */
  nextHop(connection: number, ctx: PathContext): number;
  /** Send `p` whole the way of a connection that is not NAT. */
  forward(connection: number, p: Packet, ctx: PathContext): Verdict;
  countIn(connection: number, bytes: number): void;
  countOut(connection: number, bytes: number): void;
  /** Whether a destination with this address is reached by a tunnel of this type (and port, gue only; raw). */
  hasTunnel(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, type: TunnelType, port: number): boolean;
}

const ICMP_HEADER = 8;
const IPPROTO_IPIP = 4;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_GRE = 47;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_SCTP = 132;

const UNREACHABLE = 3;
const HOST = 1;
const FRAGMENTATION_NEEDED = 4;
const UNREACHABLE_IPV6 = 1;
const ADDRESS_IPV6 = 3;
/** Destination unreachable, source quench, time exceeded: the only ones the kernel relates. */
const RELATED_IPV4 = new Set([3, 4, 11]);
const FIRST_INFORMATIONAL_IPV6 = 128;

const quote = new Packet();
const inner = new Packet();
const address = new Int32Array(4);

/** Whether `p` is an ICMP message this module looks at. */
export function isIcmpError(p: Packet): boolean {
  if (p.l4Off + ICMP_HEADER > p.l3End) return false;
  const type = p.memory.u8[p.l4Off] as number;
  return p.family === 4 ? RELATED_IPV4.has(type) : type < FIRST_INFORMATIONAL_IPV6;
}

/** Handle an ICMP or ICMPv6 packet. PASS when it is about nothing of ours. */
export function handleIcmpError(p: Packet, connections: RelatedConnections, ctx: PathContext): Verdict {
  if (!isIcmpError(p) || !readQuotedPacket(p.memory, p.l4Off + ICMP_HEADER, p.l3End, quote) || quote.family !== p.family) return PASS;
  if (quote.family === 4 && p.interfaceIdx !== INTERFACE_LOCAL) {
    const innerOff = tunnelPayload(p, connections, ctx);
    if (innerOff > 0) return fromTunnel(p, innerOff, connections, ctx);
    if (innerOff < 0) return PASS;
  }
  if (!isBalanced(quote.protocol) || !hasPorts(quote)) return PASS;
  const translated = connections.byTranslated(quote);
  if (translated >= 0) return fromServer(p, translated, connections, ctx);
  const connection = connections.byAnswer(quote);
  if (connection >= 0) return fromClientSide(p, connection, connections, ctx);
  const scheduled = ctx.sysctl.schedule_icmp === 0 ? -1 : connections.schedule(quote, p, ctx);
  if (scheduled < 0) return PASS;
  const verdict = fromClientSide(p, scheduled, connections, ctx);
  connections.endIfOnePacket(scheduled);
  return verdict;
}

/** NAT: from the real server's side to the client (handle_response_icmp). */
function fromServer(p: Packet, connection: number, connections: RelatedConnections, ctx: PathContext): Verdict {
  const { network } = ctx;
  if (!(p.family === 4 ? network.forwarding4 : network.forwarding6)) return dropped(ctx, DROP.forwardingOff);
  const route = network.route(p.family, p.d0, p.d1, p.d2, p.d3);
  if (route < 0 && route !== ROUTE_LOCAL) return noRouteByForwarding(p, route, ctx);
  connections.virtualAddress(connection, address);
  if (route >= 0) {
    const verdict = leaveByForwarding(p, network.mtuOf(route), address[0] as number, ctx);
    if (verdict !== CONTINUE) return verdict;
  }
  if (!checksumGood(p)) return dropped(ctx, DROP.badChecksum);
  rewrite(p, true, connections.virtualPort(connection));
  connections.countOut(connection, p.l3End - p.l3Off);
  if (route < 0) return DELIVER;
  network.sendPacket(p, route, ctx.sink);
  return TRANSMIT;
}

/** From the client's side to the VIP (ip_vs_icmp_xmit). */
function fromClientSide(p: Packet, connection: number, connections: RelatedConnections, ctx: PathContext): Verdict {
  const nat = connections.isNat(connection);
  if (!nat && p.interfaceIdx === INTERFACE_LOCAL) return PASS;
  if (p.family === 4 && !checksumGood(p)) return dropped(ctx, DROP.badChecksum);
  connections.countIn(connection, p.l3End - p.l3Off);
  if (!nat) return connections.forward(connection, p, ctx);
  const hop = connections.nextHop(connection, ctx);
  if (hop < 0 && hop !== ROUTE_LOCAL) return noRouteByIpvs(p, ctx);
  connections.destinationAddress(connection, address);
  if (hop === ROUTE_LOCAL && p.family === 4 && (address[0]! & 0xff) === 127) return dropped(ctx, DROP.destinationLoopback);
  if (hop >= 0) {
    const verdict = leaveByIpvs(p, ctx.network.mtuOf(hop), false, ctx);
    if (verdict !== CONTINUE) return verdict;
  }
  rewrite(p, false, connections.destinationPort(connection));
  if (hop < 0) return DELIVER;
  ctx.network.sendPacket(p, hop, ctx.sink);
  return TRANSMIT;
}

/**
 * ip_vs_nat_icmp: put `address` and `port` into the error's outer header and the quoted one. `outwards`: they are the VIP's and replace the
 * outer source and the quoted destination; else they are the real server's and replace the outer destination and the quoted source.
 */
function rewrite(p: Packet, outwards: boolean, port: number): void {
  const { u16, i32 } = p.memory;
  const words = p.family === 4 ? 1 : 4;
  const sourceAt = p.family === 4 ? 12 : 8;
  const destinationAt = p.family === 4 ? 16 : 24;
  const outerAt = (p.l3Off + (outwards ? sourceAt : destinationAt)) >> 2;
  const quotedAt = (quote.l3Off + (outwards ? destinationAt : sourceAt)) >> 2;
  for (let i = 0; i < words; i++) i32[outerAt + i] = i32[quotedAt + i] = address[i] as number;
  if (p.family === 4) {
    ipv4Checksum(p, p.l3Off);
    ipv4Checksum(p, quote.l3Off);
  }
  u16[(quote.l4Off + (outwards ? 2 : 0)) >> 1] = port;
  u16[(p.l4Off + 2) >> 1] = 0;
  u16[(p.l4Off + 2) >> 1] = checksumOf(p.memory, p.l4Off, p.l3End - p.l4Off, pseudoOf(p));
  p.offload &= ~OFFLOAD_PARTIAL;
}

/**
 * Where the packet inside a quoted tunnel packet of ours begins: > 0; 0 when the quote is no tunnel packet; -1 when it looks like one but is
 * not ours or cannot be read.
 */
function tunnelPayload(p: Packet, connections: RelatedConnections, ctx: PathContext): number {
  const { protocol, l4Off, l3End, d0 } = quote;
  if (protocol !== IPPROTO_IPIP && protocol !== IPPROTO_UDP && protocol !== IPPROTO_GRE) return 0;
  if (quote.fragmentOff > 0) return -1;
  if (!ctx.network.isLocal(4, p.d0, 0, 0, 0)) return protocol === IPPROTO_UDP ? 0 : -1;
  if (protocol === IPPROTO_IPIP) return connections.hasTunnel(4, d0, 0, 0, 0, 'ipip', 0) ? l4Off : -1;
  if (protocol === IPPROTO_GRE) {
    const length = greHeaderLength(p.memory, l4Off, l3End);
    return length > 0 && greProtocol(p.memory, l4Off) === GRE_IPV4 && connections.hasTunnel(4, d0, 0, 0, 0, 'gre', 0) ? l4Off + length : -1;
  }
  if (!hasPorts(quote) || !connections.hasTunnel(4, d0, 0, 0, 0, 'gue', quote.ports >>> 16)) return 0;
  const length = gueHeaderLength(p.memory, l4Off, l3End);
  return length > 0 && gueProtocol(p.memory, l4Off) === IPPROTO_IPIP ? l4Off + length : -1;
}

/** An error about a tunnel packet of ours: tell the client about the packet inside. */
function fromTunnel(p: Packet, innerOff: number, connections: RelatedConnections, ctx: PathContext): Verdict {
  if (!readQuotedPacket(p.memory, innerOff, p.l3End, inner) || inner.family !== 4 || !isBalanced(inner.protocol) || !hasPorts(inner)) return PASS;
  const connection = connections.byRequest(inner);
  if (connection < 0) return PASS;
  if (!checksumGood(p)) return dropped(ctx, DROP.badChecksum);
  const type = p.memory.u8[p.l4Off] as number;
  const code = p.memory.u8[p.l4Off + 1] as number;
  let info = p.memory.i32[(p.l4Off + 4) >> 2] as number;
  if (type === UNREACHABLE && code === FRAGMENTATION_NEEDED) {
    const reported = swap16(p.memory.u16[(p.l4Off + 6) >> 1] as number);
    const mtu = ctx.network.learnPathMtu(4, quote.d0, 0, 0, 0, reported);
    // Only a client that does path MTU discovery can use it.
    if (((p.memory.u8[innerOff + 6] as number) & 0x40) === 0) return dropped(ctx, DROP.icmpUnsupported);
    const overhead = 20 + innerOff - quote.l4Off;
    info = swap32(mtu > 68 + overhead ? mtu - overhead : mtu);
  }
  connections.countOut(connection, p.l3End - innerOff);
  const answered = sendIcmpError(p.memory, innerOff, p.l3End, type, code, info, false, p.interfaceIdx, ctx);
  if (answered > 0) connections.countOut(connection, answered);
  return TRANSMIT;
}

/**
 * A packet of ours waited in vain for its next hop's link-layer address (arp_error_report): its sender learns that the host is unreachable. About a
 * NAT request the error speaks of the VIP, as if it came from the real server. Nothing is said about tunnel packets and answers: they are the
 * director's own, as the kernel sees them.
 */
export function answerUnresolved(memory: FrameMemory, l3Off: number, l3End: number, connections: RelatedConnections, ctx: PathContext): void {
  if (!readQuotedPacket(memory, l3Off, l3End, quote) || ctx.network.isLocal(quote.family, quote.s0, quote.s1, quote.s2, quote.s3)) return;
  const known = isBalanced(quote.protocol) && hasPorts(quote);
  const translated = known ? connections.byTranslated(quote) : -1;
  const connection = translated >= 0 || !known ? translated : connections.byRequest(quote);
  if (translated >= 0) {
    connections.virtualAddress(translated, address);
    for (let i = 0; i < (quote.family === 4 ? 1 : 4); i++) memory.i32[((l3Off + (quote.family === 4 ? 16 : 24)) >> 2) + i] = address[i] as number;
    memory.u16[(quote.l4Off + 2) >> 1] = connections.virtualPort(translated);
    if (quote.family === 4) ipv4Checksum(quote, l3Off);
  }
  // NB: an untranslated IPv4 packet was not for an address of this path any more, so the kernel answers from the interface's address.
  const passing = quote.family === 4 && translated < 0;
  const answered = sendIcmpError(memory, l3Off, l3End, quote.family === 4 ? UNREACHABLE : UNREACHABLE_IPV6, quote.family === 4 ? HOST : ADDRESS_IPV6, 0, passing, quote.interfaceIdx, ctx);
  if (answered > 0 && connection >= 0) connections.countOut(connection, answered);
}

function isBalanced(protocol: number): boolean {
  return protocol === IPPROTO_TCP || protocol === IPPROTO_UDP || protocol === IPPROTO_SCTP;
}

function checksumGood(p: Packet): boolean {
  return (p.offload & OFFLOAD_PARTIAL) !== 0 || sumBytes(p.memory, p.l4Off, p.l3End - p.l4Off, pseudoOf(p)) === 0xffff;
}

/** Pseudo-header sum of the error: ICMPv6 has one, ICMP none. */
function pseudoOf(p: Packet): number {
  return p.family === 4 ? 0 : pseudoSum(p.memory, 6, p.l3Off + 8, IPPROTO_ICMPV6, p.l3End - p.l4Off);
}

function ipv4Checksum(p: Packet, off: number): void {
  const { u8, u16 } = p.memory;
  u16[(off + 10) >> 1] = 0;
  u16[(off + 10) >> 1] = checksumOf(p.memory, off, Math.min(((u8[off] as number) & 15) << 2, p.l3End - off), 0);
}

function dropped(ctx: PathContext, reason: number): Verdict {
  ctx.drops[reason]!++;
  return DROPPED;
}
