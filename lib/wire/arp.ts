/** ARP for IPv4 over Ethernet (RFC 826). Words and half words are raw. `off` is the ARP packet, a multiple of 4. */
import type { FrameMemory } from './frame.ts';

export const ARP_LENGTH = 28;
/** Hardware Ethernet, protocol IPv4, lengths 6 and 4, as two raw words would hold them: 00 01 08 00 06 04. */
const HARDWARE_AND_PROTOCOL = 0x00080100;
const LENGTHS = 0x0406;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;

/** Raw operation codes. */
export const ARP_REQUEST = 0x0100;
export const ARP_REPLY = 0x0200;

/** Ethernet and IPv4, as every ARP packet we can answer. */
export function isEthernetIpv4(memory: FrameMemory, off: number): boolean {
  return memory.i32[off >> 2] === HARDWARE_AND_PROTOCOL && memory.u16[(off + 4) >> 1] === LENGTHS;
}

export function operation(memory: FrameMemory, off: number): number {
  return memory.u16[(off + OPERATION) >> 1] as number;
}

export function senderAddress(memory: FrameMemory, off: number): number {
  const half = (off + SENDER_ADDRESS) >> 1;
  return (memory.u16[half] as number) | ((memory.u16[half + 1] as number) << 16);
}

export function targetAddress(memory: FrameMemory, off: number): number {
  return memory.i32[(off + TARGET_ADDRESS) >> 2] as number;
}

export function copySenderMac(memory: FrameMemory, off: number, out: Uint8Array): void {
  for (let i = 0; i < 6; i++) out[i] = memory.u8[off + SENDER_MAC + i] as number;
}

export function writeArp(memory: FrameMemory, off: number, rawOperation: number, senderMac: Uint8Array, sender: number, targetMac: Uint8Array, target: number): void {
  memory.i32[off >> 2] = HARDWARE_AND_PROTOCOL;
  memory.u16[(off + 4) >> 1] = LENGTHS;
  memory.u16[(off + OPERATION) >> 1] = rawOperation;
  memory.u8.set(senderMac, off + SENDER_MAC);
  memory.u16[(off + SENDER_ADDRESS) >> 1] = sender & 0xffff;
  memory.u16[(off + SENDER_ADDRESS + 2) >> 1] = sender >>> 16;
  memory.u8.set(targetMac, off + TARGET_MAC);
  memory.i32[(off + TARGET_ADDRESS) >> 2] = target;
}
