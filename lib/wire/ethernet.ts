/** Ethernet II header (IEEE 802.3, 802.1Q tags). Types are raw: as a little-endian half-word load of the frame gives them. */
import type { FrameMemory } from './frame.ts';

export const ETHERNET_LENGTH = 14;
export const VLAN_TAG_LENGTH = 4;
const DESTINATION = 0;
const TYPE = 12;

/** Raw EtherType values. */
export const ETHERTYPE_IPV4 = 0x0008;
export const ETHERTYPE_ARP = 0x0608;
export const ETHERTYPE_IPV6 = 0xdd86;
export const ETHERTYPE_VLAN = 0x0081;
export const ETHERTYPE_QINQ = 0xa888;

/** EtherType of a header whose type field is `skip` bytes later than usual (VLAN tags). */
export function etherType(memory: FrameMemory, off: number, skip = 0): number {
  return memory.u16[(off + TYPE + skip) >> 1] as number;
}

export function setEtherType(memory: FrameMemory, off: number, rawType: number): void {
  memory.u16[(off + TYPE) >> 1] = rawType;
}

/** Broadcast or multicast destination (group bit). */
export function isGroupAddressed(memory: FrameMemory, off: number): boolean {
  return ((memory.u8[off + DESTINATION] as number) & 1) !== 0;
}

/** Whether the frame is addressed to this MAC, given as three raw half words starting at `at`. */
export function isAddressedTo(memory: FrameMemory, off: number, macs: Uint16Array, at: number): boolean {
  const u16 = memory.u16;
  const half = off >> 1;
  return u16[half] === macs[at] && u16[half + 1] === macs[at + 1] && u16[half + 2] === macs[at + 2];
}
