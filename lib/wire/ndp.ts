/** Neighbour Discovery (RFC 4861): solicitations and advertisements. `off` is the ICMPv6 header, a multiple of 4. */
import type { FrameMemory } from './frame.ts';

export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;
/** Hop limit that proves a message was not routed here (RFC 4861 section 7.1.1). */
export const NDP_HOP_LIMIT = 255;
export const SOLICITATION_LENGTH = 24;
/** With the target's link-layer address. */
export const ADVERTISEMENT_LENGTH = 32;
/** First byte of the flags. */
export const ADVERTISEMENT_SOLICITED = 0x40;
export const ADVERTISEMENT_OVERRIDE = 0x20;

const TYPE = 0;
const CHECKSUM = 2;
const FLAGS = 4;
export const NDP_TARGET = 8;
const OPTION = 24;
const OPTION_TARGET_LINK_LAYER = 2;

export function ndpType(memory: FrameMemory, off: number): number {
  return memory.u8[off + TYPE] as number;
}

/** Everything but the checksum, which is left zero. The target's four raw words. */
export function writeAdvertisement(memory: FrameMemory, off: number, flags: number, target: Int32Array, mac: Uint8Array): void {
  memory.i32.fill(0, off >> 2, (off + ADVERTISEMENT_LENGTH) >> 2);
  memory.u8[off + TYPE] = NEIGHBOUR_ADVERTISEMENT;
  memory.u8[off + FLAGS] = flags;
  memory.i32.set(target, (off + NDP_TARGET) >> 2);
  memory.u8[off + OPTION] = OPTION_TARGET_LINK_LAYER;
  memory.u8[off + OPTION + 1] = 1;
  memory.u8.set(mac, off + OPTION + 2);
}

export function setNdpChecksum(memory: FrameMemory, off: number, checksum: number): void {
  memory.u16[(off + CHECKSUM) >> 1] = checksum;
}
