/**
 * Tunnelling: the packet goes whole, TTL decremented, inside an outer header from the director to the destination (ip_vs_tunnel_xmit,
 * ip_vs_tunnel_xmit_v6, ip_vs_prepare_tunneled_skb). The outer header is written into the headroom before the inner one:
 *
 *   ipip:  outer IP | inner                 gre: outer IP | GRE 4 or 8 | inner
 *   gue:   outer IP | UDP 8 | GUE 4 | inner
 *
 * All of these are multiples of 4, so every header stays aligned. Super-frames are cut into segments first and partial checksums
 * completed: no card can do either inside a tunnel for us.
 */
import { OFFLOAD_GSO_SIZE, OFFLOAD_PARTIAL, type FrameMemory } from '../../wire/frame.ts';
import { checksumOf } from '../../wire/checksum.ts';
import { swap16 } from '../../wire/address.ts';
import { GRE_IPV4, GRE_IPV6, greLength, writeGre } from '../../wire/gre.ts';
import { GUE_HEADER, gueSourcePort, writeGue } from '../../wire/gue.ts';
import { DROP } from '../../model/drop-reason.ts';
import type { TunnelChecksum, TunnelType } from '../../model/destination.ts';
import type { Packet } from '../packet.ts';
import type { PathContext } from '../path-context.ts';
import { completeChecksum, segmentInto } from '../segment.ts';
import { CONTINUE, DROP as DROPPED, TRANSMIT, type Verdict } from '../verdict.ts';
import { leaveByIpvs } from './out-route.ts';

const IPPROTO_IPIP = 4;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const IPPROTO_GRE = 47;

const OUTER_IPV4 = 20;
const OUTER_IPV6 = 40;

/** ECN bits of TOS or traffic class (RFC 3168). */
const ECN_MASK = 3;
const ECN_CE = 3;
const ECN_ECT0 = 2;

const DF_RAW = 0x0040;

/** Where a tunnel leads: of the destination's Tunnel and address, made once. */
export interface TunnelTarget {
  readonly type: TunnelType;
  /** UDP destination port (gue). */
  readonly port: number;
  readonly checksum: TunnelChecksum;
  /** Family and raw words of the destination's address. */
  readonly family: 4 | 6;
  readonly words: Int32Array;
}

/** Bytes the outer headers take. */
export function tunnelOverhead(target: TunnelTarget): number {
  const outer = target.family === 4 ? OUTER_IPV4 : OUTER_IPV6;
  if (target.type === 'gue') return outer + GUE_HEADER;
  return target.type === 'gre' ? outer + greLength(target.checksum === 'csum') : outer;
}

const source = new Int32Array(4);
const tags = new Uint16Array(4);

/** TRANSMIT, or DROP with the reason counted and the client told (TTL, MTU). nextHop leads to the target's address. */
export function forwardTunnel(p: Packet, target: TunnelTarget, nextHop: number, ctx: PathContext): Verdict {
  const { network } = ctx;
  const overhead = tunnelOverhead(target);
  const verdict = leaveByIpvs(p, network.mtuOf(nextHop) - overhead, true, ctx);
  if (verdict !== CONTINUE) return verdict;
  if (!network.sourceOf(nextHop, target.family, source)) {
    ctx.drops[DROP.noRoute]!++;
    return DROPPED;
  }
  const flow = flowHash(p);
  // Slow path: a super-frame; each segment gets its own outer header, in scratch memory.
  if ((p.offload & OFFLOAD_GSO_SIZE) !== 0) {
    const { memory } = network.scratch;
    const count = segmentInto(p.memory, p.l3Off, p.l3End, p.offload, network.scratch, (off, end) => {
      encapsulate(memory, off, end, overhead, target, flow, ctx);
      network.send(nextHop, memory, off - overhead, end, 0, ctx.sink);
    });
    if (count > 0) return TRANSMIT;
    ctx.drops[DROP.malformedTransport]!++;
    return DROPPED;
  }
  // Fast path.
  if ((p.offload & OFFLOAD_PARTIAL) !== 0) p.offload = completeChecksum(p.memory, p.l3Off, p.l3End, p.offload);
  const tagBytes = p.l3Off - p.off - 14;
  if (tagBytes > 0 && tagBytes <= 8) saveTags(p, tagBytes);
  encapsulate(p.memory, p.l3Off, p.l3End, overhead, target, flow, ctx);
  p.l3Off -= overhead;
  p.reassembledMax = 0;
  p.off = p.l3Off - 14;
  if (tagBytes > 0 && tagBytes <= 8) restoreTags(p, tagBytes);
  network.sendPacket(p, nextHop, ctx.sink);
  return TRANSMIT;
}

/** Write the outer headers before the packet at [l3Off, l3End), whose own TTL is decremented already. */
function encapsulate(memory: FrameMemory, l3Off: number, l3End: number, overhead: number, target: TunnelTarget, flow: number, ctx: PathContext): void {
  const inner6 = (memory.u8[l3Off] as number) >> 4 === 6;
  const outerOff = l3Off - overhead;
  const innerProtocol = inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
  const protocol = target.type === 'gue' ? IPPROTO_UDP : target.type === 'gre' ? IPPROTO_GRE : innerProtocol;
  if (!inner6) rewriteChecksum(memory, l3Off);
  if (target.family === 4) writeOuterIpv4(memory, outerOff, l3Off, l3End, protocol, inner6, target.words, ctx);
  else writeOuterIpv6(memory, outerOff, l3Off, l3End, protocol, inner6, target.words);
  const between = outerOff + (target.family === 4 ? OUTER_IPV4 : OUTER_IPV6);
  if (target.type === 'gre') {
    writeGre(memory, between, l3End, inner6 ? GRE_IPV6 : GRE_IPV4, target.checksum === 'csum');
  } else if (target.type === 'gue') {
    writeGue(memory, between, l3End, gueSourcePort(flow), target.port, innerProtocol, target.checksum !== 'none', target.family, outerOff + (target.family === 4 ? 12 : 8));
  }
}

function writeOuterIpv4(memory: FrameMemory, off: number, innerOff: number, end: number, protocol: number, inner6: boolean, destination: Int32Array, ctx: PathContext): void {
  const { u8, u16, i32 } = memory;
  const df = !inner6 && ctx.sysctl.pmtu_disc !== 0 && ((u16[(innerOff + 6) >> 1] as number) & DF_RAW) !== 0;
  u8[off] = 0x45;
  u8[off + 1] = encapsulatedEcn(trafficClass(memory, innerOff, inner6));
  u16[(off + 2) >> 1] = swap16(end - off);
  u16[(off + 4) >> 1] = df ? 0 : ctx.network.identification();
  u16[(off + 6) >> 1] = df ? DF_RAW : 0;
  u8[off + 8] = u8[innerOff + (inner6 ? 7 : 8)] as number;
  u8[off + 9] = protocol;
  u16[(off + 10) >> 1] = 0;
  i32[(off + 12) >> 2] = source[0] as number;
  i32[(off + 16) >> 2] = destination[0] as number;
  u16[(off + 10) >> 1] = checksumOf(memory, off, OUTER_IPV4, 0);
}

function writeOuterIpv6(memory: FrameMemory, off: number, innerOff: number, end: number, protocol: number, inner6: boolean, destination: Int32Array): void {
  const { u8, u16, i32 } = memory;
  const traffic = encapsulatedEcn(trafficClass(memory, innerOff, inner6));
  i32[off >> 2] = 0;
  u8[off] = 0x60 | (traffic >> 4);
  u8[off + 1] = (traffic & 15) << 4;
  u16[(off + 4) >> 1] = swap16(end - off - OUTER_IPV6);
  u8[off + 6] = protocol;
  u8[off + 7] = u8[innerOff + (inner6 ? 7 : 8)] as number;
  for (let i = 0; i < 4; i++) {
    i32[((off + 8) >> 2) + i] = source[i] as number;
    i32[((off + 24) >> 2) + i] = destination[i] as number;
  }
}

function trafficClass(memory: FrameMemory, off: number, version6: boolean): number {
  const { u8 } = memory;
  return version6 ? (((u8[off] as number) & 15) << 4) | ((u8[off + 1] as number) >> 4) : (u8[off + 1] as number);
}

/** INET_ECN_encapsulate: the inner field copied, but CE becomes ECT(0). */
function encapsulatedEcn(inner: number): number {
  return (inner & ECN_MASK) === ECN_CE ? (inner & ~ECN_MASK) | ECN_ECT0 : inner;
}

/** ip_send_check of the inner header. */
function rewriteChecksum(memory: FrameMemory, off: number): void {
  const { u8, u16 } = memory;
  u16[(off + 10) >> 1] = 0;
  u16[(off + 10) >> 1] = checksumOf(memory, off, ((u8[off] as number) & 15) << 2, 0);
}

/** One hash for all packets of a flow, so that receivers spread flows and keep each in order. */
function flowHash(p: Packet): number {
  let hash = Math.imul(p.s0 ^ Math.imul(p.s1, 31) ^ Math.imul(p.s2, 17) ^ Math.imul(p.s3, 7), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ p.d0 ^ p.d1 ^ p.d2 ^ p.d3, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13) ^ p.ports ^ p.protocol, 0x27d4eb2f);
  return hash ^ (hash >>> 16);
}

function saveTags(p: Packet, tagBytes: number): void {
  const { u16 } = p.memory;
  for (let i = 0; i < tagBytes >> 1; i++) tags[i] = u16[((p.off + 12) >> 1) + i] as number;
}

/** Tags before the Ethernet type of a frame whose header moved. */
function restoreTags(p: Packet, tagBytes: number): void {
  const { u8, u16 } = p.memory;
  p.off = p.l3Off - 14 - tagBytes;
  for (let i = 0; i < tagBytes >> 1; i++) u16[((p.off + 12) >> 1) + i] = tags[i] as number;
  u16[(p.l3Off - 2) >> 1] = (u8[p.l3Off] as number) >> 4 === 6 ? 0xdd86 : 0x0008;
}
