/** IPv6 header and extension headers (RFC 8200). */
import type { FrameMemory } from './frame.ts';

export const IPV6_LENGTH = 40;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;

/** Extension header numbers (IANA). */
export const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, none: 59, destinationOptions: 60 } as const;
export const FRAGMENT_HEADER_LENGTH = 8;

export function payloadLength(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + PAYLOAD_LENGTH] as number) << 8) | (memory.u8[off + PAYLOAD_LENGTH + 1] as number);
}

export function nextHeader(memory: FrameMemory, off: number): number {
  return memory.u8[off + NEXT_HEADER] as number;
}

export function hopLimit(memory: FrameMemory, off: number): number {
  return memory.u8[off + HOP_LIMIT] as number;
}

export function decrementHopLimit(memory: FrameMemory, off: number): void {
  memory.u8[off + HOP_LIMIT] = (memory.u8[off + HOP_LIMIT] as number) - 1;
}

/** Whether this next-header value is an extension header that has to be walked over to reach the transport. */
export function isExtension(header: number): boolean {
  return header === EXTENSION.hopByHop || header === EXTENSION.routing || header === EXTENSION.fragment
    || header === EXTENSION.authentication || header === EXTENSION.destinationOptions;
}

/** Bytes of the extension header of kind `header` at `off`. */
export function extensionLength(memory: FrameMemory, off: number, header: number): number {
  if (header === EXTENSION.fragment) return FRAGMENT_HEADER_LENGTH;
  const length = memory.u8[off + 1] as number;
  return header === EXTENSION.authentication ? (length + 2) << 2 : (length + 1) << 3;
}

/** Fragment offset in bytes, of the fragment header at `off`. */
export function fragmentOffset(memory: FrameMemory, off: number): number {
  return ((memory.u8[off + 2] as number) << 8) | ((memory.u8[off + 3] as number) & 0xf8);
}

export function moreFragments(memory: FrameMemory, off: number): boolean {
  return ((memory.u8[off + 3] as number) & 1) !== 0;
}
