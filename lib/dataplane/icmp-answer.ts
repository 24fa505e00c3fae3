/**
 * ICMP errors that the director itself sends: icmp_send and icmp6_send of the kernel. They quote the packet they are about up to 576
 * (IPv6: 1280) bytes of answer, come from the address the packet was sent to (the VIP) or, about packets that only pass
 * through, from the address the director uses towards their source, and are never sent about ICMP errors, later fragments, or packets from or
 * to groups. RFC 1122 section 3.2.2, RFC 4443 section 2.4.
 */
import type { FrameMemory } from '../wire/frame.ts';
import { checksumOf, pseudoSum } from '../wire/checksum.ts';
import { swap16, swap32 } from '../wire/address.ts';
import type { Packet } from './packet.ts';
import type { PathContext } from './path-context.ts';
import { ROUTE_LOCAL } from './routes.ts';
import { copyBytes } from './scratch-ring.ts';

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** Most bytes of an ICMP error. */
const LARGEST_IPV4 = 576;
const LARGEST_IPV6 = 1280;
const DEFAULT_TTL = 64;
/** IPTOS_PREC_INTERNETCONTROL; the rest of the TOS is the packet's (RT_TOS). */
const PRECEDENCE = 0xc0;
const RT_TOS = 0x1e;

/** icmp_pointers[].error: types that must not be answered; those above 18 neither. */
const ICMP_ERRORS = new Set([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]);
const NR_ICMP_TYPES = 18;

/** [type, code] by IP version. */
const PORT_UNREACHABLE = { 4: [3, 3], 6: [1, 4] } as const;
const HOST_UNREACHABLE = { 4: [3, 1], 6: [1, 3] } as const;
const NET_UNREACHABLE = { 4: [3, 0], 6: [1, 0] } as const;
const PROHIBITED = { 4: [3, 13], 6: [1, 1] } as const;
const TIME_EXCEEDED = { 4: [11, 0], 6: [3, 0] } as const;
const REASSEMBLY_TIMEOUT = { 4: [11, 1], 6: [3, 1] } as const;
const TOO_BIG = { 4: [3, 4], 6: [2, 0] } as const;

const source = new Int32Array(4);

/** Port unreachable; `passing`: about a packet that passes through (nat_icmp_send), not one to the VIP. Returns the answer's IP length, 0 if none was due. */
export function answerPortUnreachable(p: Packet, ctx: PathContext, passing = false): number {
  return answer(p, PORT_UNREACHABLE[p.family], 0, passing, ctx);
}

/** Host unreachable: what dst_link_failure sends when there is no route to the destination. */
export function answerHostUnreachable(p: Packet, ctx: PathContext, passing = false): number {
  return answer(p, HOST_UNREACHABLE[p.family], 0, passing, ctx);
}

/** No route for a packet that passes through (ip_error). */
export function answerNetUnreachable(p: Packet, ctx: PathContext): number {
  return answer(p, NET_UNREACHABLE[p.family], 0, true, ctx);
}

/** A prohibit route for a packet that passes through. */
export function answerProhibited(p: Packet, ctx: PathContext): number {
  return answer(p, PROHIBITED[p.family], 0, true, ctx);
}

export function answerTimeExceeded(p: Packet, ctx: PathContext, passing = false): number {
  return answer(p, TIME_EXCEEDED[p.family], 0, passing, ctx);
}

/** Fragments that never became whole; `p` is the first fragment. */
export function answerReassemblyTimeout(p: Packet, ctx: PathContext): number {
  return answer(p, REASSEMBLY_TIMEOUT[p.family], 0, false, ctx);
}

/** Fragmentation needed with the next-hop MTU, or packet too big. */
export function answerTooBig(p: Packet, mtu: number, ctx: PathContext, passing = false): number {
  return answer(p, TOO_BIG[p.family], swap32(mtu), passing, ctx);
}

function answer(p: Packet, kind: readonly [number, number], info: number, passing: boolean, ctx: PathContext): number {
  return sendIcmpError(p.memory, p.l3Off, p.l3End, kind[0], kind[1], info, passing, p.interfaceIdx, ctx);
}

/**
 * Send an error about the IP packet at [l3Off, l3End). `info` is the raw word after the checksum. Returns the IP length of the error, 0 if none
 * was due; ctx.answerBytes gets the same.
 */
export function sendIcmpError(memory: FrameMemory, l3Off: number, l3End: number, type: number, code: number, info: number, passing: boolean, interfaceIdx: number, ctx: PathContext): number {
  ctx.answerBytes = 0;
  if (l3End - l3Off < 20) return 0;
  const version = (memory.u8[l3Off] as number) >> 4;
  if (version === 4) {
    ctx.answerBytes = mayAnswerIpv4(memory, l3Off, l3End) ? sendIpv4(memory, l3Off, l3End, type, code, info, passing, interfaceIdx, ctx) : 0;
  } else if (version === 6 && l3End - l3Off >= 40) {
    ctx.answerBytes = mayAnswerIpv6(memory, l3Off, l3End, type) ? sendIpv6(memory, l3Off, l3End, type, code, info, passing, interfaceIdx, ctx) : 0;
  }
  return ctx.answerBytes;
}

function sendIpv4(memory: FrameMemory, l3Off: number, l3End: number, type: number, code: number, info: number, passing: boolean, interfaceIdx: number, ctx: PathContext): number {
  const { network } = ctx;
  const client = memory.i32[(l3Off + 12) >> 2] as number;
  const hop = network.route(4, client, 0, 0, 0);
  source[0] = memory.i32[(l3Off + 16) >> 2] as number;
  if (passing && (hop < 0 || !network.sourceOf(hop, 4, source))) return 0;
  if (hop < 0 && hop !== ROUTE_LOCAL) return 0;
  if (!(type === 3 && code === 4) && ctx.icmpLimit !== null && !ctx.icmpLimit.allow(client, 0, 0, 0, ctx.nowMs)) return 0;
  const largest = hop >= 0 ? Math.min(LARGEST_IPV4, network.mtuOf(hop)) : LARGEST_IPV4;
  const length = Math.min(28 + l3End - l3Off, largest);
  const off = network.scratch.take(length);
  const to = network.scratch.memory;
  copyBytes(memory, l3Off, to, off + 28, length - 28);
  const { u8, u16, i32 } = to;
  u8[off] = 0x45;
  u8[off + 1] = ((memory.u8[l3Off + 1] as number) & RT_TOS) | PRECEDENCE;
  u16[(off + 2) >> 1] = swap16(length);
  u16[(off + 4) >> 1] = network.identification();
  u16[(off + 6) >> 1] = 0;
  u8[off + 8] = DEFAULT_TTL;
  u8[off + 9] = IPPROTO_ICMP;
  u16[(off + 10) >> 1] = 0;
  i32[(off + 12) >> 2] = source[0] as number;
  i32[(off + 16) >> 2] = client;
  u16[(off + 10) >> 1] = checksumOf(to, off, 20, 0);
  u8[off + 20] = type;
  u8[off + 21] = code;
  u16[(off + 22) >> 1] = 0;
  i32[(off + 24) >> 2] = info;
  u16[(off + 22) >> 1] = checksumOf(to, off + 20, length - 20, 0);
  leave(to, off, length, hop, interfaceIdx, ctx);
  return length;
}

function sendIpv6(memory: FrameMemory, l3Off: number, l3End: number, type: number, code: number, info: number, passing: boolean, interfaceIdx: number, ctx: PathContext): number {
  const { network } = ctx;
  const s = (l3Off + 8) >> 2;
  const c0 = memory.i32[s] as number;
  const c1 = memory.i32[s + 1] as number;
  const c2 = memory.i32[s + 2] as number;
  const c3 = memory.i32[s + 3] as number;
  const hop = network.route(6, c0, c1, c2, c3);
  for (let i = 0; i < 4; i++) source[i] = memory.i32[s + 4 + i] as number;
  if ((passing || (source[0]! & 0xff) === 0xff) && (hop < 0 || !network.sourceOf(hop, 6, source))) return 0;
  if (hop < 0 && hop !== ROUTE_LOCAL) return 0;
  if (type !== 2 && ctx.icmpLimit !== null && !ctx.icmpLimit.allow(c0, c1, c2, c3, ctx.nowMs)) return 0;
  const length = Math.min(48 + l3End - l3Off, LARGEST_IPV6);
  const off = network.scratch.take(length);
  const to = network.scratch.memory;
  copyBytes(memory, l3Off, to, off + 48, length - 48);
  const { u8, u16, i32 } = to;
  i32[off >> 2] = 0x60;
  u16[(off + 4) >> 1] = swap16(length - 40);
  u8[off + 6] = IPPROTO_ICMPV6;
  u8[off + 7] = DEFAULT_TTL;
  for (let i = 0; i < 4; i++) i32[((off + 8) >> 2) + i] = source[i] as number;
  for (let i = 0; i < 4; i++) i32[((off + 24) >> 2) + i] = memory.i32[s + i] as number;
  u8[off + 40] = type;
  u8[off + 41] = code;
  u16[(off + 42) >> 1] = 0;
  i32[(off + 44) >> 2] = info;
  u16[(off + 42) >> 1] = checksumOf(to, off + 40, length - 40, pseudoSum(to, 6, off + 8, IPPROTO_ICMPV6, length - 40));
  leave(to, off, length, hop, interfaceIdx, ctx);
  return length;
}

/** Out of an interface, or to the director's own stack when that sent the packet. */
function leave(memory: FrameMemory, off: number, length: number, hop: number, interfaceIdx: number, ctx: PathContext): void {
  if (hop >= 0) {
    ctx.network.send(hop, memory, off, off + length, 0, ctx.sink);
    return;
  }
  memory.u8.fill(0, off - 14, off - 2);
  memory.u16[(off - 2) >> 1] = (memory.u8[off] as number) >> 4 === 6 ? 0xdd86 : 0x0008;
  ctx.sink.deliver(interfaceIdx, memory, off - 14, length + 14, 0);
}

function mayAnswerIpv4(memory: FrameMemory, l3Off: number, l3End: number): boolean {
  const { u8, i32, u16 } = memory;
  if (((u16[(l3Off + 6) >> 1] as number) & 0xff1f) !== 0) return false;
  if (!isUnicastIpv4(i32[(l3Off + 12) >> 2] as number) || !isUnicastIpv4(i32[(l3Off + 16) >> 2] as number)) return false;
  if (u8[l3Off + 9] !== IPPROTO_ICMP) return true;
  const typeOff = l3Off + (((u8[l3Off] as number) & 15) << 2);
  if (typeOff >= l3End) return false;
  const type = u8[typeOff] as number;
  return type <= NR_ICMP_TYPES && !ICMP_ERRORS.has(type);
}

/** Not 0/8, not a group, not the reserved 240/4 with the broadcast address. */
function isUnicastIpv4(word: number): boolean {
  const first = word & 0xff;
  return first !== 0 && first < 224;
}

function mayAnswerIpv6(memory: FrameMemory, l3Off: number, l3End: number, type: number): boolean {
  const { u8, i32 } = memory;
  const s = (l3Off + 8) >> 2;
  if (u8[l3Off + 8] === 0xff || (i32[s] === 0 && i32[s + 1] === 0 && i32[s + 2] === 0 && i32[s + 3] === 0)) return false;
  // A packet to a group may be answered by "too big" only (RFC 4443 section 2.4 e.3).
  if (u8[l3Off + 24] === 0xff && type !== 2) return false;
  let next = u8[l3Off + 6] as number;
  let at = l3Off + 40;
  for (let i = 0; i < 16 && (next === 0 || next === 43 || next === 44 || next === 60); i++) {
    if (at + 8 > l3End) return true;
    if (next === 44 && (((u8[at + 2] as number) << 8) | ((u8[at + 3] as number) & 0xf8)) !== 0) return false;
    const length = next === 44 ? 8 : ((u8[at + 1] as number) + 1) << 3;
    next = u8[at] as number;
    at += length;
  }
  if (next !== IPPROTO_ICMPV6) return true;
  return at < l3End && ((u8[at] as number) & 0x80) !== 0;
}
