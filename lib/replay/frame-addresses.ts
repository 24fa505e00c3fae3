/** Who talks to whom in a captured frame: MAC and IP addresses, read from bytes at any alignment. For learning, not for forwarding. */
import { formatAddress } from '../wire/address.ts';

export interface FrameAddresses {
  /** 48-bit numbers; macText() prints them. */
  readonly sourceMac: number;
  readonly destinationMac: number;
  /** Canonical text, or null where the frame says nothing (ARP has no destination here). */
  readonly source: string | null;
  readonly destination: string | null;
  readonly arp: boolean;
  /** IPv4 protocol or first IPv6 next header; -1 for ARP. */
  readonly protocol: number;
}

const TYPE_VLAN = [0x8100, 0x88a8];
const TYPE_ARP = 0x0806;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const BROADCAST_MAC = 0xffff_ffff_ffff;

/** Null for frames that are neither IPv4, IPv6 nor ARP, or too short to say. */
export function frameAddresses(bytes: Uint8Array, off: number, len: number): FrameAddresses | null {
  const end = off + len;
  if (len < 14) return null;
  const destinationMac = macAt(bytes, off);
  const sourceMac = macAt(bytes, off + 6);
  let at = off + 12;
  while (at + 6 <= end && TYPE_VLAN.includes(half(bytes, at))) at += 4;
  const type = half(bytes, at);
  const header = at + 2;
  if (type === TYPE_IPV4 && header + 20 <= end) {
    return { sourceMac, destinationMac, source: ipv4At(bytes, header + 12), destination: ipv4At(bytes, header + 16), arp: false, protocol: bytes[header + 9]! };
  }
  if (type === TYPE_IPV6 && header + 40 <= end) {
    return { sourceMac, destinationMac, source: ipv6At(bytes, header + 8), destination: ipv6At(bytes, header + 24), arp: false, protocol: bytes[header + 6]! };
  }
  if (type === TYPE_ARP && header + 28 <= end) {
    const sender = ipv4At(bytes, header + 14);
    // A probe (RFC 5227) has no sender address yet.
    return { sourceMac: macAt(bytes, header + 8), destinationMac, source: sender === '0.0.0.0' ? null : sender, destination: null, arp: true, protocol: -1 };
  }
  return null;
}

/** Broadcast or multicast: the group bit of the first byte. */
export function isGroupMac(mac: number): boolean {
  return mac === BROADCAST_MAC || (Math.floor(mac / 2 ** 40) & 1) !== 0;
}

export function macText(mac: number): string {
  return mac.toString(16).padStart(12, '0').replace(/(..)(?!$)/g, '$1:');
}

export function macAt(bytes: Uint8Array, at: number): number {
  return half(bytes, at) * 2 ** 32 + half(bytes, at + 2) * 2 ** 16 + half(bytes, at + 4);
}

function half(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function ipv4At(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function ipv6At(bytes: Uint8Array, at: number): string {
  const word = (n: number): number => bytes[at + n]! | (bytes[at + n + 1]! << 8) | (bytes[at + n + 2]! << 16) | (bytes[at + n + 3]! << 24);
  return formatAddress(6, word(0), word(4), word(8), word(12));
}
