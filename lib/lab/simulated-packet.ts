/** TCP and UDP packets of simulated hosts: written with right checksums, read with their checksums verified. Plain, not for the packet path. */
import { parseAddress, formatAddress } from '../wire/address.ts';

export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;
const TCP = 6, UDP = 17;
const ETHERNET_BYTES = 14;

export interface SimulatedPacket {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP flags; 0 for UDP. */
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly data: string;
}

/** The packet as an Ethernet frame. */
export function encodeFrame(packet: SimulatedPacket, sourceMac: string, destinationMac: string): Buffer {
  const transport = encodeTransport(packet);
  const source = bytesOf(packet.source), destination = bytesOf(packet.destination);
  const field = packet.protocol === TCP ? 16 : 6;
  transport.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(source, destination, packet.protocol, transport.length), transport])) || 0xffff, field);
  const header = Buffer.alloc(packet.family === 4 ? 20 : 40);
  if (packet.family === 4) {
    header[0] = 0x45;
    header.writeUInt16BE(header.length + transport.length, 2);
    header.writeUInt16BE(0x4000, 6);
    header[8] = 64;
    header[9] = packet.protocol;
    source.copy(header, 12);
    destination.copy(header, 16);
    header.writeUInt16BE(checksum(header), 10);
  } else {
    header[0] = 0x60;
    header.writeUInt16BE(transport.length, 4);
    header[6] = packet.protocol;
    header[7] = 64;
    source.copy(header, 8);
    destination.copy(header, 24);
  }
  return Buffer.concat([ethernetHeader(sourceMac, destinationMac, packet.family), header, transport]);
}

/** Null for anything but an intact TCP or UDP packet. */
export function decodePacket(frame: Buffer, l3Off = ETHERNET_BYTES): SimulatedPacket | null {
  const ip = outerHeader(frame, l3Off);
  if (ip === null || (ip.protocol !== TCP && ip.protocol !== UDP)) return null;
  const transport = frame.subarray(ip.payload, ip.end);
  if (transport.length < (ip.protocol === TCP ? 20 : 8)) return null;
  if (checksum(Buffer.concat([pseudoHeader(bytesOf(ip.source), bytesOf(ip.destination), ip.protocol, transport.length), transport])) !== 0) return null;
  const isTcp = ip.protocol === TCP;
  return {
    family: ip.family, source: ip.source, destination: ip.destination, protocol: ip.protocol,
    sourcePort: transport.readUInt16BE(0), destinationPort: transport.readUInt16BE(2), flags: isTcp ? transport[13]! : 0,
    sequence: isTcp ? transport.readUInt32BE(4) : 0, acknowledgement: isTcp ? transport.readUInt32BE(8) : 0,
    data: transport.toString('latin1', isTcp ? (transport[12]! >> 4) * 4 : 8),
  };
}

export interface OuterHeader { readonly family: 4 | 6; readonly source: string; readonly destination: string; readonly protocol: number; readonly payload: number; readonly end: number }

/** The IP header at `off` with a verified checksum; null if it is none. */
export function outerHeader(frame: Buffer, off = ETHERNET_BYTES): OuterHeader | null {
  const version = (frame[off] ?? 0) >> 4;
  if (version === 4 && frame.length >= off + 20) {
    const length = (frame[off]! & 15) * 4;
    if (checksum(frame.subarray(off, off + length)) !== 0) return null;
    return { family: 4, source: textOf(frame, off + 12, 4), destination: textOf(frame, off + 16, 4), protocol: frame[off + 9]!, payload: off + length, end: off + frame.readUInt16BE(off + 2) };
  }
  if (version !== 6 || frame.length < off + 40) return null;
  return { family: 6, source: textOf(frame, off + 8, 16), destination: textOf(frame, off + 24, 16), protocol: frame[off + 6]!, payload: off + 40, end: off + 40 + frame.readUInt16BE(off + 4) };
}

export function macAt(frame: Buffer, off: number): string {
  return [...frame.subarray(off, off + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function ethernetHeader(sourceMac: string, destinationMac: string, family: 4 | 6): Buffer {
  return Buffer.from(`${destinationMac}${sourceMac}${family === 4 ? '0800' : '86dd'}`.replaceAll(':', ''), 'hex');
}

function encodeTransport(packet: SimulatedPacket): Buffer {
  const data = Buffer.from(packet.data, 'latin1');
  const header = Buffer.alloc(packet.protocol === TCP ? 20 : 8);
  header.writeUInt16BE(packet.sourcePort, 0);
  header.writeUInt16BE(packet.destinationPort, 2);
  if (packet.protocol === TCP) {
    header.writeUInt32BE(packet.sequence >>> 0, 4);
    header.writeUInt32BE(packet.acknowledgement >>> 0, 8);
    header[12] = 0x50;
    header[13] = packet.flags;
    header.writeUInt16BE(0xfaf0, 14);
  } else {
    header.writeUInt16BE(8 + data.length, 4);
  }
  return Buffer.concat([header, data]);
}

function pseudoHeader(source: Buffer, destination: Buffer, protocol: number, length: number): Buffer {
  return Buffer.concat([source, destination, Buffer.from([0, protocol, length >> 8, length & 255])]);
}

/** RFC 1071; 0 over bytes that hold their own right checksum. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let off = 0; off < bytes.length; off += 2) sum += (bytes[off]! << 8) + (bytes[off + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function bytesOf(text: string): Buffer {
  const parsed = parseAddress(text);
  if (parsed === null) throw new RangeError(`${text} is not an IP address`);
  return Buffer.from(parsed.words.buffer, 0, parsed.family === 4 ? 4 : 16);
}

function textOf(bytes: Buffer, off: number, length: 4 | 16): string {
  const word = (n: number): number => length === 4 && n > 0 ? 0 : bytes.readInt32LE(off + n * 4);
  return formatAddress(length === 4 ? 4 : 6, word(0), word(1), word(2), word(3));
}
