/**
 * NAT: addresses and ports of a connection's entry are written into the packet, and checksums follow by the deltas precomputed with the
 * connection (RFC 1624). A wrong checksum stays wrong. UDP without a checksum gets one, SCTP's CRC32c is computed anew (udp_dnat_handler,
 * sctp_dnat_handler and their twins for answers).
 */
import { fold, pseudoSum, sumBytes, updated, updatedPartial } from '../../wire/checksum.ts';
import { OFFLOAD_PARTIAL } from '../../wire/frame.ts';
import { IPV4_DESTINATION, IPV4_SOURCE, updateHeaderChecksum } from '../../wire/ipv4.ts';
import { IPV6_DESTINATION, IPV6_SOURCE } from '../../wire/ipv6.ts';
import { writeChecksum } from '../../wire/sctp.ts';
import { TCP_CHECKSUM } from '../../wire/tcp.ts';
import { UDP_CHECKSUM, UDP_CHECKSUM_ZERO } from '../../wire/udp.ts';
import { IPPROTO } from '../../model/protocol.ts';
import * as at from '../connection-layout.ts';
import type { Connections } from '../connections.ts';
import type { Packet } from '../packet.ts';

/** Rewrite `p` by `entry`: 2i towards the real server, 2i+1 back to the client. */
export function rewrite(connections: Connections, entry: number, p: Packet): void {
  const words = connections.words;
  const base = entry * at.ENTRY_WORDS;
  const { memory } = p;
  const deltas = words[base + at.DELTAS] as number;
  const addressDelta = deltas & 0xffff;
  if (p.family === 4) {
    memory.i32[(p.l3Off + ((entry & 1) === 0 ? IPV4_DESTINATION : IPV4_SOURCE)) >> 2] = words[base + at.NEW_ADDRESS] as number;
    updateHeaderChecksum(memory, p.l3Off, addressDelta);
  } else {
    rewriteIpv6(connections, entry, p);
  }
  const newPorts = words[base + at.NEW_PORTS] as number;
  const portsChange = newPorts !== p.ports;
  memory.i32[p.l4Off >> 2] = newPorts;
  if (p.protocol === IPPROTO.tcp) updateChecksum(p, p.l4Off + TCP_CHECKSUM, addressDelta, deltas >>> 16);
  else if (p.protocol === IPPROTO.udp) updateUdp(p, addressDelta, deltas >>> 16);
  else if (portsChange || (p.offload & OFFLOAD_PARTIAL) !== 0) {
    writeChecksum(memory, p.l4Off, p.l3End);
    p.offload &= ~OFFLOAD_PARTIAL;
  }
}

function rewriteIpv6(connections: Connections, entry: number, p: Packet): void {
  const { i32 } = p.memory;
  const conn = entry >> 1;
  if ((entry & 1) === 0) {
    const to = (p.l3Off + IPV6_DESTINATION) >> 2;
    const from = conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
    for (let i = 0; i < 4; i++) i32[to + i] = connections.cold[from + i] as number;
  } else {
    const to = (p.l3Off + IPV6_SOURCE) >> 2;
    const from = conn * at.ADDRESS_WORDS + 4;
    for (let i = 0; i < 4; i++) i32[to + i] = connections.addresses[from + i] as number;
  }
}

function updateUdp(p: Packet, addressDelta: number, delta: number): void {
  const { memory } = p;
  const where = (p.l4Off + UDP_CHECKSUM) >> 1;
  // Fast path: it has a checksum.
  if (memory.u16[where] !== 0 || (p.offload & OFFLOAD_PARTIAL) !== 0) {
    updateChecksum(p, p.l4Off + UDP_CHECKSUM, addressDelta, delta);
    if (memory.u16[where] === 0 && (p.offload & OFFLOAD_PARTIAL) === 0) memory.u16[where] = UDP_CHECKSUM_ZERO;
    return;
  }
  // Slow path: make one.
  const length = p.l3End - p.l4Off;
  const pseudo = pseudoSum(memory, p.family, p.l3Off + (p.family === 4 ? IPV4_SOURCE : IPV6_SOURCE), IPPROTO.udp, length);
  const sum = ~fold(sumBytes(memory, p.l4Off, length, pseudo)) & 0xffff;
  memory.u16[where] = sum === 0 ? UDP_CHECKSUM_ZERO : sum;
}

/** A partial checksum holds the pseudo-header sum only: the ports are not in it. */
function updateChecksum(p: Packet, off: number, addressDelta: number, delta: number): void {
  const u16 = p.memory.u16;
  const where = off >> 1;
  u16[where] = (p.offload & OFFLOAD_PARTIAL) === 0 ? updated(u16[where] as number, delta) : updatedPartial(u16[where] as number, addressDelta);
}
