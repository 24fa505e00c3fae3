/**
 * IPv4 options that a host on the way writes into (RFC 791 section 3.1, ip_options_compile): Record Route gets the director's address. The
 * others travel as they are.
 */
import { headerLength, IPV4_LENGTH, writeHeaderChecksum } from '../wire/ipv4.ts';
import type { Packet } from './packet.ts';

const END = 0, NO_OPERATION = 1, RECORD_ROUTE = 7;
const ADDRESS_BYTES = 4;

/** Enter the raw address `word` into the packet's Record Route option, if it has one with room left. */
export function recordRoute(p: Packet, word: number): void {
  const { u8 } = p.memory;
  const end = p.l3Off + headerLength(p.memory, p.l3Off);
  for (let at = p.l3Off + IPV4_LENGTH; at < end && u8[at] !== END;) {
    if (u8[at] === NO_OPERATION) {
      at++;
      continue;
    }
    const length = u8[at + 1] as number;
    if (at + 2 > end || length < 2 || at + length > end) return;
    if (u8[at] === RECORD_ROUTE) {
      const pointer = u8[at + 2] as number;
      if (length < 3 || pointer < 4 || pointer - 1 + ADDRESS_BYTES > length) return;
      for (let i = 0; i < ADDRESS_BYTES; i++) u8[at + pointer - 1 + i] = word >>> (8 * i);
      u8[at + 2] = pointer + ADDRESS_BYTES;
      writeHeaderChecksum(p.memory, p.l3Off);
      return;
    }
    at += length;
  }
}
