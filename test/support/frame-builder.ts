/** Frames for tests, header by header, with right checksums unless asked otherwise. Independent of lib/wire, like frame-view. */
import { addressBytes, crc32c, internetChecksum, transportChecksum } from './frame-view.ts';

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

export interface TcpFields { seq?: number; ack?: number; window?: number; options?: Uint8Array; data?: Uint8Array; badChecksum?: boolean }
export interface IpFields { ttl?: number; tos?: number; ident?: number; dontFragment?: boolean; moreFragments?: boolean; fragmentOff?: number; options?: Uint8Array; flow?: number }

export function tcpSegment(src: string, dst: string, sport: number, dport: number, flags: number, fields: TcpFields = {}): Buffer {
  const options = pad4(fields.options ?? Buffer.alloc(0));
  const h = Buffer.alloc(20);
  h.writeUInt16BE(sport, 0);
  h.writeUInt16BE(dport, 2);
  h.writeUInt32BE((fields.seq ?? 0) >>> 0, 4);
  h.writeUInt32BE((fields.ack ?? 0) >>> 0, 8);
  h[12] = (5 + options.length / 4) << 4;
  h[13] = flags;
  h.writeUInt16BE(fields.window ?? 64240, 14);
  const segment = Buffer.concat([h, options, fields.data ?? Buffer.alloc(0)]);
  let sum = transportChecksum(addressBytes(src), addressBytes(dst), 6, segment);
  if (fields.badChecksum) sum ^= 0x5555;
  segment.writeUInt16BE(sum, 16);
  return segment;
}

export function udpDatagram(src: string, dst: string, sport: number, dport: number, data: Uint8Array, checksum: 'good' | 'bad' | 'none' = 'good'): Buffer {
  const h = Buffer.alloc(8);
  h.writeUInt16BE(sport, 0);
  h.writeUInt16BE(dport, 2);
  h.writeUInt16BE(8 + data.length, 4);
  const datagram = Buffer.concat([h, data]);
  if (checksum === 'none') return datagram;
  let sum = transportChecksum(addressBytes(src), addressBytes(dst), 17, datagram) || 0xffff;
  if (checksum === 'bad') sum ^= 0x5555;
  datagram.writeUInt16BE(sum, 6);
  return datagram;
}

export function sctpPacket(sport: number, dport: number, tag: number, chunks: Uint8Array): Buffer {
  const h = Buffer.alloc(12);
  h.writeUInt16BE(sport, 0);
  h.writeUInt16BE(dport, 2);
  h.writeUInt32BE(tag >>> 0, 4);
  const packet = Buffer.concat([h, chunks]);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

export function sctpChunk(type: number, flags = 0, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const h = Buffer.from([type, flags, 0, 0]);
  h.writeUInt16BE(4 + body.length, 2);
  return Buffer.concat([h, pad4(body)]);
}

export function ipv4Packet(src: string, dst: string, protocol: number, payload: Uint8Array, fields: IpFields = {}): Buffer {
  const options = pad4(fields.options ?? Buffer.alloc(0));
  const h = Buffer.alloc(20 + options.length);
  h[0] = 0x40 | (h.length / 4);
  h[1] = fields.tos ?? 0;
  h.writeUInt16BE(h.length + payload.length, 2);
  h.writeUInt16BE(fields.ident ?? 0, 4);
  h.writeUInt16BE(((fields.dontFragment ?? true) ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0) | ((fields.fragmentOff ?? 0) >> 3), 6);
  h[8] = fields.ttl ?? 64;
  h[9] = protocol;
  addressBytes(src).copy(h, 12);
  addressBytes(dst).copy(h, 16);
  h.set(options, 20);
  h.writeUInt16BE(internetChecksum(h), 10);
  return Buffer.concat([h, payload]);
}

export function ipv6Packet(src: string, dst: string, nextHeader: number, payload: Uint8Array, fields: IpFields = {}): Buffer {
  const h = Buffer.alloc(40);
  h.writeUInt32BE(((6 << 28) | ((fields.tos ?? 0) << 20) | (fields.flow ?? 0)) >>> 0, 0);
  h.writeUInt16BE(payload.length, 4);
  h[6] = nextHeader;
  h[7] = fields.ttl ?? 64;
  addressBytes(src).copy(h, 8);
  addressBytes(dst).copy(h, 24);
  return Buffer.concat([h, payload]);
}

/** IPv4 or IPv6 by the look of the source address. */
export function ipPacket(src: string, dst: string, protocol: number, payload: Uint8Array, fields: IpFields = {}): Buffer {
  return src.includes(':') ? ipv6Packet(src, dst, protocol, payload, fields) : ipv4Packet(src, dst, protocol, payload, fields);
}

/** ICMP or ICMPv6 message by the look of the source address; `rest` is the second word of the header. */
export function icmpMessage(src: string, dst: string, type: number, code: number, rest: number, body: Uint8Array): Buffer {
  const h = Buffer.alloc(8);
  h[0] = type;
  h[1] = code;
  h.writeUInt32BE(rest >>> 0, 4);
  const message = Buffer.concat([h, body]);
  const sum = src.includes(':') ? transportChecksum(addressBytes(src), addressBytes(dst), 58, message) : internetChecksum(message);
  message.writeUInt16BE(sum, 2);
  return message;
}

export function ethernetFrame(dmac: string, smac: string, payload: Uint8Array, etherType = payload[0]! >> 4 === 6 ? 0x86dd : 0x0800): Buffer {
  return Buffer.concat([macBytes(dmac), macBytes(smac), Buffer.from([etherType >> 8, etherType & 0xff]), payload]);
}

export function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function pad4(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
