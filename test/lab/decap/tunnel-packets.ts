/** Tunnel packets written out by hand, independent of the code that makes or takes them. */
import { isIPv6 } from 'node:net';

export function ipv4Packet(source: string, destination: string, protocol: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = 64;
  header[9] = protocol;
  addressBytes(source).copy(header, 12);
  addressBytes(destination).copy(header, 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([header, withTransportChecksum(source, destination, protocol, payload)]);
}

export function ipv6Packet(source: string, destination: string, protocol: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = protocol;
  header[7] = 64;
  addressBytes(source).copy(header, 8);
  addressBytes(destination).copy(header, 24);
  return Buffer.concat([header, withTransportChecksum(source, destination, protocol, payload)]);
}

/** Checksum left zero; the IP packet around it fills it in. */
export function udpDatagram(sourcePort: number, destinationPort: number, data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([header, data]);
}

export function grePacket(inner: Buffer, options: { readonly checksum?: boolean; readonly key?: boolean; readonly sequence?: boolean }): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE((options.checksum ? 0x8000 : 0) | (options.key ? 0x2000 : 0) | (options.sequence ? 0x1000 : 0), 0);
  head.writeUInt16BE(inner[0]! >> 4 === 4 ? 0x0800 : 0x86dd, 2);
  const packet = Buffer.concat([head, Buffer.alloc(options.checksum ? 4 : 0), Buffer.alloc(options.key ? 4 : 0, 7), Buffer.alloc(options.sequence ? 4 : 0, 9), inner]);
  if (options.checksum) packet.writeUInt16BE(internetChecksum(packet), 4);
  return packet;
}

/** The UDP payload; with `remote`, the private option of remote checksum offload. */
export function guePacket(inner: Buffer, remote?: { readonly start: number; readonly offset: number }): Buffer {
  const head = Buffer.alloc(remote ? 12 : 4);
  head[0] = remote ? 2 : 0;
  head[1] = inner[0]! >> 4 === 4 ? 4 : 41;
  if (remote) {
    head.writeUInt16BE(1, 2);
    head.writeUInt32BE(0x80000000, 4);
    head.writeUInt16BE(remote.start, 8);
    head.writeUInt16BE(remote.offset, 10);
  }
  return Buffer.concat([head, inner]);
}

/** RFC 1071. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function withTransportChecksum(source: string, destination: string, protocol: number, payload: Buffer): Buffer {
  if (protocol !== 17) return payload;
  const pseudo = Buffer.concat([addressBytes(source), addressBytes(destination), Buffer.from([0, protocol]), Buffer.from([payload.length >> 8, payload.length & 255])]);
  const whole = Buffer.from(payload);
  whole.writeUInt16BE(internetChecksum(Buffer.concat([pseudo, whole])), 6);
  return whole;
}

function addressBytes(text: string): Buffer {
  if (!isIPv6(text)) return Buffer.from(text.split('.').map(Number));
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':'), right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.concat(groups.map((g) => { const b = Buffer.alloc(2); b.writeUInt16BE(parseInt(g, 16)); return b; }));
}
