/** Are the checksums of a frame that the director sent right? Asked of everything it makes itself, and of the rest if the frame that came in was right. */
import { crc32c, internetChecksum, transportChecksum } from '../support/frame-view.ts';
import { OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import type { FuzzFrame } from './frame-source.ts';

const EXTENSION_HEADERS = [0, 43, 60];

/** What is wrong, or null. */
export function badChecksum(bytes: Buffer, offload: number, cause: FuzzFrame): string | null {
  let at = 12;
  while (bytes.length >= at + 4 && [0x8100, 0x88a8].includes(bytes.readUInt16BE(at))) at += 4;
  if (bytes.length < at + 2) return 'a frame cut short';
  const packet = bytes.subarray(at + 2);
  if (packet.length === 0) return 'no packet';
  return packetChecksum(packet, offload, cause, 0);
}

function packetChecksum(packet: Buffer, offload: number, cause: FuzzFrame, depth: number): string | null {
  const version = packet[0]! >> 4;
  if (version === 4) {
    const headerLength = (packet[0]! & 15) * 4;
    if (packet.length < 20 || headerLength < 20 || headerLength > packet.length) return 'an IPv4 header cut short';
    if (internetChecksum(packet.subarray(0, headerLength)) !== 0) return `a wrong IPv4 header checksum (depth ${depth})`;
    const total = packet.readUInt16BE(2);
    if (total > packet.length || total < headerLength) return `IPv4 total length ${total} in ${packet.length} bytes`;
    if (packet.readUInt16BE(6) & 0x3fff) return null;
    return transport(packet[9]!, packet.subarray(12, 16), packet.subarray(16, 20), packet.subarray(headerLength, total), offload, cause, depth);
  }
  if (version !== 6 || packet.length < 40) return `no IP packet (version ${version})`;
  const end = 40 + packet.readUInt16BE(4);
  if (end > packet.length) return `IPv6 payload length ${end - 40} in ${packet.length} bytes`;
  let next = packet[6]!;
  let off = 40;
  while (EXTENSION_HEADERS.includes(next) && off + 8 <= end) {
    const length = (packet[off + 1]! + 1) * 8;
    next = packet[off]!;
    off += length;
  }
  if (off > end || next === 44) return null;
  return transport(next, packet.subarray(8, 24), packet.subarray(24, 40), packet.subarray(off, end), offload, cause, depth);
}

function transport(protocol: number, src: Buffer, dst: Buffer, l4: Buffer, offload: number, cause: FuzzFrame, depth: number): string | null {
  if ((protocol === 4 || protocol === 41) && l4.length >= 20) return cause.intact ? packetChecksum(l4, offload, cause, depth + 1) : null;
  if (offload & OFFLOAD_PARTIAL && depth === 0) return null;
  const errorOfOurs = (protocol === 1 && l4.length >= 8 && [3, 11].includes(l4[0]!)) || (protocol === 58 && l4.length >= 8 && l4[0]! < 128);
  if (!cause.intact && !(errorOfOurs && cause.bytes.length > 0 && !causeIsIcmp(cause))) return null;
  if (protocol === 1) return internetChecksum(l4) === 0 ? null : 'a wrong ICMP checksum';
  if (protocol === 58) return transportChecksum(src, dst, 58, l4) === 0 ? null : 'a wrong ICMPv6 checksum';
  if (protocol === 6 && l4.length >= 20) return transportChecksum(src, dst, 6, l4) === 0 ? null : `a wrong TCP checksum (depth ${depth})`;
  if (protocol === 17 && l4.length >= 8) return l4.readUInt16BE(6) === 0 || transportChecksum(src, dst, 17, l4) === 0 ? null : `a wrong UDP checksum (depth ${depth})`;
  if (protocol === 132 && l4.length >= 12) {
    const copy = Buffer.from(l4);
    copy.writeUInt32LE(0, 8);
    return crc32c(copy) === l4.readUInt32LE(8) ? null : 'a wrong SCTP checksum';
  }
  return null;
}

function causeIsIcmp(cause: FuzzFrame): boolean {
  const etherType = cause.bytes.length > 24 ? cause.bytes.readUInt16BE(12) : 0;
  return etherType === 0x0800 ? cause.bytes[23] === 1 : etherType !== 0x86dd || cause.bytes[20] === 58 || cause.bytes[20] === 0 || cause.bytes[20] === 60;
}
