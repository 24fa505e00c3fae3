/**
 * IP packets of probes that go to a virtual address: built and taken apart byte by byte, a few a second, so in plain code. Addresses are 4 or 16
 * bytes; headers have no options but the MSS of a SYN (RFC 791, 8200, 9293, 768, 792, 4443).
 */

export const PROTOCOL = { icmpv4: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

const TTL = 64;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TCP_HEADER = 20;
const UDP_HEADER = 8;

export interface Ends { readonly source: Uint8Array; readonly destination: Uint8Array; readonly sourcePort: number; readonly destinationPort: number }

export interface TcpSegment { readonly seq: number; readonly ack: number; readonly flags: number; readonly window: number; readonly payload: Uint8Array; readonly mss?: number }

/** What came, as far as a probe cares. `unreachable`: an ICMP error that quotes a packet of ours; ports are those of that packet, turned round. */
export type Received =
  | { readonly kind: 'tcp'; readonly ports: readonly [source: number, destination: number]; readonly segment: TcpSegment }
  | { readonly kind: 'udp'; readonly ports: readonly [source: number, destination: number]; readonly payload: Buffer }
  | { readonly kind: 'echo'; readonly key: number }
  | { readonly kind: 'unreachable'; readonly ports: readonly [source: number, destination: number] };

export function tcpPacket(ends: Ends, { seq, ack, flags, window, payload, mss }: TcpSegment): Buffer {
  const options = mss === undefined ? Buffer.alloc(0) : Buffer.from([2, 4, mss >> 8, mss & 0xff]);
  const segment = Buffer.concat([Buffer.alloc(TCP_HEADER), options, payload]);
  segment.writeUInt16BE(ends.sourcePort, 0);
  segment.writeUInt16BE(ends.destinationPort, 2);
  segment.writeUInt32BE(seq >>> 0, 4);
  segment.writeUInt32BE(ack >>> 0, 8);
  segment[12] = ((TCP_HEADER + options.length) / 4) << 4;
  segment[13] = flags;
  segment.writeUInt16BE(window, 14);
  segment.writeUInt16BE(checksum(segment, pseudo(ends, PROTOCOL.tcp, segment.length)), 16);
  return ipPacket(ends, PROTOCOL.tcp, segment);
}

export function udpPacket(ends: Ends, payload: Uint8Array): Buffer {
  const datagram = Buffer.concat([Buffer.alloc(UDP_HEADER), payload]);
  datagram.writeUInt16BE(ends.sourcePort, 0);
  datagram.writeUInt16BE(ends.destinationPort, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.writeUInt16BE(checksum(datagram, pseudo(ends, PROTOCOL.udp, datagram.length)) || 0xffff, 6);
  return ipPacket(ends, PROTOCOL.udp, datagram);
}

/** An echo request whose payload has `key` where an ICMP error would have the port of the packet it quotes: one socket filter finds both. */
export function echoPacket(ends: Ends, key: number): Buffer {
  const ipv6 = ends.source.length === 16;
  const message = Buffer.alloc(64);
  message[0] = ipv6 ? 128 : 8;
  message.writeUInt16BE(key, 4);
  message.writeUInt16BE(1, 6);
  message.writeUInt16BE(key, keyOffset(ipv6));
  message.writeUInt16BE(checksum(message, ipv6 ? pseudo(ends, PROTOCOL.icmpv6, message.length) : 0), 2);
  return ipPacket(ends, ipv6 ? PROTOCOL.icmpv6 : PROTOCOL.icmpv4, message);
}

/** Null for what is cut short, a fragment, or none of these. Checksums are the network card's affair and may be missing here. */
export function readPacket(packet: Buffer): Received | null {
  const ipv6 = packet[0]! >> 4 === 6;
  const headerLength = ipv6 ? IPV6_HEADER : (packet[0]! & 15) * 4;
  if (packet.length < headerLength + UDP_HEADER || (!ipv6 && (packet.readUInt16BE(6) & 0x3fff) !== 0)) return null;
  const end = ipv6 ? headerLength + packet.readUInt16BE(4) : packet.readUInt16BE(2);
  const protocol = packet[ipv6 ? 6 : 9]!;
  const l4 = packet.subarray(headerLength, Math.min(end, packet.length));
  if (l4.length < UDP_HEADER) return null;
  if (protocol === PROTOCOL.tcp) return readTcp(l4);
  if (protocol === PROTOCOL.udp) return { kind: 'udp', ports: [l4.readUInt16BE(0), l4.readUInt16BE(2)], payload: Buffer.from(l4.subarray(UDP_HEADER)) };
  if (protocol !== (ipv6 ? PROTOCOL.icmpv6 : PROTOCOL.icmpv4) || l4.length < keyOffset(ipv6) + 4) return null;
  if (l4[0] === (ipv6 ? 129 : 0)) return { kind: 'echo', key: l4.readUInt16BE(4) };
  if (l4[0] !== (ipv6 ? 1 : 3)) return null;
  return { kind: 'unreachable', ports: [l4.readUInt16BE(keyOffset(ipv6) + 2), l4.readUInt16BE(keyOffset(ipv6))] };
}

/** Where, in an ICMP message, the source port of a quoted packet stands. */
export function keyOffset(ipv6: boolean): number {
  return 8 + (ipv6 ? IPV6_HEADER : IPV4_HEADER);
}

function readTcp(l4: Buffer): Received | null {
  if (l4.length < TCP_HEADER) return null;
  const headerLength = (l4[12]! >> 4) * 4;
  if (headerLength < TCP_HEADER || headerLength > l4.length) return null;
  return {
    kind: 'tcp', ports: [l4.readUInt16BE(0), l4.readUInt16BE(2)],
    segment: { seq: l4.readUInt32BE(4), ack: l4.readUInt32BE(8), flags: l4[13]!, window: l4.readUInt16BE(14), payload: Buffer.from(l4.subarray(headerLength)) },
  };
}

function ipPacket({ source, destination }: Ends, protocol: number, payload: Buffer): Buffer {
  const ipv6 = source.length === 16;
  const header = Buffer.alloc(ipv6 ? IPV6_HEADER : IPV4_HEADER);
  if (ipv6) {
    header[0] = 0x60;
    header.writeUInt16BE(payload.length, 4);
    header[6] = protocol;
    header[7] = TTL;
    header.set(source, 8);
    header.set(destination, 24);
  } else {
    header[0] = 0x45;
    header.writeUInt16BE(IPV4_HEADER + payload.length, 2);
    header.writeUInt16BE(0x4000, 6);
    header[8] = TTL;
    header[9] = protocol;
    header.set(source, 12);
    header.set(destination, 16);
    header.writeUInt16BE(checksum(header, 0), 10);
  }
  return Buffer.concat([header, payload]);
}

function pseudo({ source, destination }: Ends, protocol: number, length: number): number {
  return sum(Buffer.from(source)) + sum(Buffer.from(destination)) + protocol + length;
}

function checksum(bytes: Buffer, initial: number): number {
  let total = initial + sum(bytes);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  return bytes.length & 1 ? total + bytes[bytes.length - 1]! * 256 : total;
}
