/**
 * The tests every forwarded packet passes before it leaves: hop limit and MTU, in the order and with the answers of the kernel. Two
 * ways out: IPVS's own transmitters towards a destination (__ip_vs_get_out_rt), and ordinary forwarding, which NAT answers and errors
 * from real servers take (ip_forward, ip6_forward).
 */
import { INTERFACE_LOCAL, OFFLOAD_GSO_SIZE } from '../../wire/frame.ts';
import { DROP } from '../../model/drop-reason.ts';
import { answerHostUnreachable, answerNetUnreachable, answerProhibited, answerTimeExceeded, answerTooBig } from '../icmp-answer.ts';
import { receiveOptions } from '../ip-options.ts';
import type { Packet } from '../packet.ts';
import type { PathContext } from '../path-context.ts';
import { ROUTE_BLACKHOLE, ROUTE_NONE, ROUTE_PROHIBIT, ROUTE_UNREACHABLE } from '../routes.ts';
import { segmentLength } from '../segment.ts';
import { CONTINUE, DROP as DROPPED, type Verdict } from '../verdict.ts';

/** Smallest MTU a link may have (RFC 791), below which a tunnel is refused. */
const SMALLEST_MTU = 68;
const IPV6_MIN_MTU = 1280;
/** IP version 4 flag DF in the raw half word at offset 6. */
const DF = 0x40;

const IPV4_LENGTH = 20;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

/**
 * Towards a destination. `mtu` is the next hop's, less the tunnel's overhead for tunnels. Decrements TTL or hop limit first, so that "too big"
 * quotes it decremented. CONTINUE, or DROP with the reason counted and the client told.
 */
export function leaveByIpvs(p: Packet, mtu: number, tunnelled: boolean, ctx: PathContext): Verdict {
  ctx.answerBytes = 0;
  if (hasOptions(p) && p.interfaceIdx !== INTERFACE_LOCAL && receiveOptions(p, p.d0, false, ctx) !== CONTINUE) return DROPPED;
  if (!decrementTtl(p)) {
    answerTimeExceeded(p, ctx);
    return dropped(ctx, DROP.ttlExceeded);
  }
  if (tunnelled && mtu < SMALLEST_MTU) return dropped(ctx, DROP.tooBig);
  if (!tooBig(p, mtu, tunnelled && ctx.sysctl.pmtu_disc === 0)) return CONTINUE;
  // ICMP is let through, and fragmented; only a first fragment is answered.
  if (p.protocol === (p.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
    if (p.family === 4) return CONTINUE;
  } else if (p.fragmentOff === 0) {
    answerTooBig(p, mtu, ctx);
  }
  return dropped(ctx, DROP.tooBig);
}

/** Through the director, from a real server to a client. `virtual`: the raw VIP it will come from (IPv4), 0 = none. CONTINUE, or DROP with the sender told. */
export function leaveByForwarding(p: Packet, mtu: number, virtual: number, ctx: PathContext): Verdict {
  ctx.answerBytes = 0;
  if (hasOptions(p) && receiveOptions(p, virtual, true, ctx) !== CONTINUE) return DROPPED;
  if ((p.memory.u8[p.family === 4 ? p.l3Off + 8 : p.l3Off + 7] as number) <= 1) {
    answerTimeExceeded(p, ctx, true);
    return dropped(ctx, DROP.ttlExceeded);
  }
  const limit = p.family === 6 ? Math.max(mtu, IPV6_MIN_MTU) : mtu;
  if (tooBig(p, limit, false)) {
    answerTooBig(p, limit, ctx, true);
    return dropped(ctx, DROP.tooBig);
  }
  decrementTtl(p);
  return CONTINUE;
}

/** A destination without usable route: the client gets host unreachable (dst_link_failure), whatever kind of route refused. */
export function noRouteByIpvs(p: Packet, ctx: PathContext): Verdict {
  answerHostUnreachable(p, ctx);
  return dropped(ctx, DROP.noRoute);
}

/**
 * An answer that cannot be routed (ip_error, ip6_pkt_discard, ip6_pkt_prohibit). Blackholes are silent; what the others send was recorded: IPv4
 * says nothing about a prohibit route, IPv6 "no route" about an unreachable one.
 */
export function noRouteByForwarding(p: Packet, route: number, ctx: PathContext): Verdict {
  if (route === ROUTE_NONE || (route === ROUTE_UNREACHABLE && p.family === 6)) answerNetUnreachable(p, ctx);
  else if (route === ROUTE_UNREACHABLE) answerHostUnreachable(p, ctx, true);
  else if (route === ROUTE_PROHIBIT && p.family === 6) answerProhibited(p, ctx);
  return dropped(ctx, route === ROUTE_BLACKHOLE ? DROP.blackhole : DROP.noRoute);
}

/** TTL - 1 with the header checksum kept right (RFC 1141), or hop limit - 1. False, and nothing changed, when it was 1 or 0. */
export function decrementTtl(p: Packet): boolean {
  const { u8, u16 } = p.memory;
  if (p.family === 6) {
    const hopLimit = u8[p.l3Off + 7] as number;
    if (hopLimit <= 1) return false;
    u8[p.l3Off + 7] = hopLimit - 1;
    return true;
  }
  const ttl = u8[p.l3Off + 8] as number;
  if (ttl <= 1) return false;
  u8[p.l3Off + 8] = ttl - 1;
  const at = (p.l3Off + 10) >> 1;
  const sum = (u16[at] as number) + 1;
  u16[at] = sum + (sum >= 0xffff ? 1 : 0);
  return true;
}

/** Whether the packet may not be cut and does not fit. A super-frame is judged by its largest segment. */
function tooBig(p: Packet, mtu: number, fragmentAnyway: boolean): boolean {
  const length = p.l3End - p.l3Off;
  if (length <= mtu && p.reassembledMax <= mtu) return false;
  if (p.family === 4 && (fragmentAnyway || ((p.memory.u8[p.l3Off + 6] as number) & DF) === 0)) return false;
  if (p.family === 6 && p.reassembledMax > 0) return p.reassembledMax > mtu;
  if ((p.offload & OFFLOAD_GSO_SIZE) !== 0) return segmentLength(p.memory, p.l3Off, p.l3End, p.offload) > mtu;
  return length > mtu;
}

function hasOptions(p: Packet): boolean {
  return p.family === 4 && p.l4Off - p.l3Off > IPV4_LENGTH;
}

function dropped(ctx: PathContext, reason: number): Verdict {
  ctx.drops[reason]!++;
  return DROPPED;
}
