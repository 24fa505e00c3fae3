/**
 * The multiplicative hash of an address that sh and dh use: hash_32() of the kernel, bits from the top of the product with the
 * golden ratio. No seed anywhere, so every director in the world agrees. And the two protocols' rules of what "the client's port" is.
 */
import { IPPROTO } from '../model/protocol.ts';
import type { SchedulerPacket } from './scheduler.ts';

const GOLDEN_RATIO_32 = 0x61c88647;

/** IPv4: the address as a number; IPv6: its four words XORed. int32. */
export function foldAddress(words: Int32Array): number {
  return words[0]! ^ words[1]! ^ words[2]! ^ words[3]!;
}

/** The top `bits` bits of number * golden ratio modulo 2^32. */
export function multiplicativeHash(number: number, bits: number): number {
  return Math.imul(number, GOLDEN_RATIO_32) >>> (32 - bits);
}

/** The port that sh-port and mh-port add: the client's, for protocols that have ports, else 0. */
export function clientPort(packet: SchedulerPacket): number {
  const { protocol } = packet;
  return protocol === IPPROTO.tcp || protocol === IPPROTO.udp || protocol === IPPROTO.sctp ? packet.sourcePort : 0;
}
