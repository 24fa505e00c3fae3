/**
 * Finds the inner packet of a tunnel packet: IP in IP (RFC 2003, RFC 4213), GRE (RFC 2784, RFC 2890), GUE (draft-ietf-intarea-gue with
 * the kernel's remote checksum offload, net/ipv4/fou_core.c). Pure: bytes in, offset out; only remote checksum offload writes, and only
 * the inner checksum field.
 */
export type TunnelKind = 'ipip' | 'gre' | 'gue';

/** Why a packet is not injected. */
export const REFUSALS = ['cut short', 'not IP inside', 'unknown flags', 'wrong checksum', 'not for a VIP'] as const;
export const CUT_SHORT = -1, NOT_IP = -2, UNKNOWN_FLAGS = -3, WRONG_CHECKSUM = -4, NOT_FOR_VIP = -5;

const GRE_CHECKSUM = 0x8000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_KNOWN = GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE;
const ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd;
const GUE_CONTROL = 0x20, GUE_FLAG_PRIVATE = 0x0001, GUE_PRIVATE_REMCSUM = 0x80000000;
const PROTOCOL_IPIP = 4, PROTOCOL_IPV6 = 41;

/**
 * Offset of the inner IP header in bytes[start, end), the tunnel's payload after the outer IP (gue: UDP) header; or a refusal (< 0).
 */
export function decapsulate(kind: TunnelKind, bytes: Uint8Array, start: number, end: number): number {
  const inner = kind === 'ipip' ? start : kind === 'gre' ? afterGre(bytes, start, end) : afterGue(bytes, start, end);
  return inner < 0 ? inner : innerLength(bytes, inner, end) < 0 ? innerLength(bytes, inner, end) : inner;
}

/** Length of the IP packet at `off` by its own header, which must fit; or a refusal. Bytes behind it are padding. */
export function innerLength(bytes: Uint8Array, off: number, end: number): number {
  if (off + 20 > end) return CUT_SHORT;
  const version = bytes[off]! >> 4;
  if (version !== 4 && version !== 6) return NOT_IP;
  if (version === 6 && off + 40 > end) return CUT_SHORT;
  const length = version === 4 ? u16(bytes, off + 2) : 40 + u16(bytes, off + 4);
  if (version === 4 && length < (bytes[off]! & 15) * 4) return CUT_SHORT;
  return off + length > end ? CUT_SHORT : length;
}

function afterGre(bytes: Uint8Array, start: number, end: number): number {
  if (start + 4 > end) return CUT_SHORT;
  const flags = u16(bytes, start), protocol = u16(bytes, start + 2);
  if ((flags & ~GRE_KNOWN) !== 0) return UNKNOWN_FLAGS;
  if (protocol !== ETHERTYPE_IPV4 && protocol !== ETHERTYPE_IPV6) return NOT_IP;
  const length = 4 + (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
  if (start + length > end) return CUT_SHORT;
  if (flags & GRE_CHECKSUM && onesSum(bytes, start, end) !== 0xffff) return WRONG_CHECKSUM;
  return start + length;
}

function afterGue(bytes: Uint8Array, start: number, end: number): number {
  if (start + 4 > end) return CUT_SHORT;
  const first = bytes[start]!;
  // Variant 1: no GUE header at all, the IP packet follows the UDP header.
  if (first >> 6 === 1) return start;
  if (first >> 6 !== 0 || (first & GUE_CONTROL) !== 0) return UNKNOWN_FLAGS;
  const protocol = bytes[start + 1]!, flags = u16(bytes, start + 2), payload = start + 4 + (first & 31) * 4;
  if (protocol !== PROTOCOL_IPIP && protocol !== PROTOCOL_IPV6) return NOT_IP;
  if ((flags & ~GUE_FLAG_PRIVATE) !== 0) return UNKNOWN_FLAGS;
  if (payload > end) return CUT_SHORT;
  if (flags & GUE_FLAG_PRIVATE) {
    if (payload < start + 8) return CUT_SHORT;
    const privateFlags = u16(bytes, start + 4) * 0x10000 + u16(bytes, start + 6);
    if (privateFlags === GUE_PRIVATE_REMCSUM) {
      if (payload < start + 12) return CUT_SHORT;
      return completeRemoteChecksum(bytes, payload, end, u16(bytes, start + 8), u16(bytes, start + 10)) ? payload : CUT_SHORT;
    }
    if (privateFlags !== 0) return UNKNOWN_FLAGS;
  }
  return payload;
}

/** What the sender left to us: the inner transport checksum, seeded with its pseudo header's sum (remcsum_adjust, include/net/checksum.h). */
function completeRemoteChecksum(bytes: Uint8Array, payload: number, end: number, checksumStart: number, checksumOffset: number): boolean {
  const from = payload + checksumStart, field = payload + checksumOffset;
  const length = innerLength(bytes, payload, end);
  if (length < 0 || from >= payload + length || field + 2 > payload + length) return false;
  const checksum = ~onesSum(bytes, from, payload + length) & 0xffff;
  bytes[field] = checksum >> 8;
  bytes[field + 1] = checksum & 0xff;
  return true;
}

/** Folded one's-complement sum (RFC 1071), in network order. */
function onesSum(bytes: Uint8Array, from: number, end: number): number {
  let sum = 0;
  for (let off = from; off + 1 < end; off += 2) sum += u16(bytes, off);
  if ((end - from) & 1) sum += bytes[end - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

function u16(bytes: Uint8Array, off: number): number {
  return (bytes[off]! << 8) | bytes[off + 1]!;
}
