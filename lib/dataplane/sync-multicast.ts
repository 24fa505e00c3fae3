/**
 * Synchronisation messages on the wire: one UDP datagram to a group address, sent out of one interface with the director's own address there. The data plane
 * makes and reads these frames itself, so that synchronisation works wherever frames do.
 */
import { formatAddress, parseAddress, swap16, type ParsedAddress } from '../wire/address.ts';
import { checksumOf, pseudoSum } from '../wire/checksum.ts';
import type { FrameSink } from '../wire/frame.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { SyncDaemon } from '../model/control-command.ts';
import type { Network } from './network.ts';
import type { Packet } from './packet.ts';

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
/** Ephemeral port that messages are sent from. */
const SOURCE_PORT = 48_848;

/** Multicast one message; false when the interface is not there, is down, or has no address of the group's family. */
export function multicast(daemon: SyncDaemon, message: Uint8Array, network: Network, sink: FrameSink): boolean {
  const index = interfaceIndex(daemon, network);
  const group = parseAddress(daemon.group);
  const device = index < 0 ? null : network.interfaceAt(index);
  if (device === null || group === null || !device.up || !device.attached) return false;
  const own = sourceFor(daemon.group, group.family, device.addresses);
  if (own === null) return false;
  const { memory } = network.scratch;
  const headerBytes = group.family === 4 ? 20 : 40;
  const length = headerBytes + UDP_BYTES + message.length;
  const l3Off = network.scratch.take(length);
  const bytes = memory.u8;
  const view = new DataView(bytes.buffer, bytes.byteOffset + l3Off, length);
  bytes.fill(0, l3Off, l3Off + headerBytes + UDP_BYTES);
  if (group.family === 4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, length);
    view.setUint16(4, network.identification());
    view.setUint8(8, daemon.ttl);
    view.setUint8(9, IPPROTO.udp);
  } else {
    view.setUint8(0, 0x60);
    view.setUint16(4, UDP_BYTES + message.length);
    view.setUint8(6, IPPROTO.udp);
    view.setUint8(7, daemon.ttl);
  }
  const sourceAt = l3Off + (group.family === 4 ? 12 : 8);
  const size = group.family === 4 ? 4 : 16;
  bytes.set(new Uint8Array(own.words.buffer, 0, size), sourceAt);
  bytes.set(new Uint8Array(group.words.buffer, 0, size), sourceAt + size);
  if (group.family === 4) memory.u16[(l3Off + 10) >> 1] = checksumOf(memory, l3Off, headerBytes, 0);
  const l4Off = l3Off + headerBytes;
  view.setUint16(headerBytes, SOURCE_PORT);
  view.setUint16(headerBytes + 2, daemon.port);
  view.setUint16(headerBytes + 4, UDP_BYTES + message.length);
  bytes.set(message, l4Off + UDP_BYTES);
  const sum = checksumOf(memory, l4Off, UDP_BYTES + message.length, pseudoSum(memory, group.family, sourceAt, IPPROTO.udp, UDP_BYTES + message.length));
  memory.u16[(l4Off + 6) >> 1] = sum === 0 ? 0xffff : sum;
  writeEthernet(bytes, l3Off - ETHERNET_BYTES, new Uint8Array(group.words.buffer, 0, size), device.mac, group.family);
  sink.transmit(index, memory, l3Off - ETHERNET_BYTES, ETHERNET_BYTES + length, 0);
  return true;
}

/** The message of a datagram for this backup daemon, or null when the packet is something else. */
export function messageFor(daemon: SyncDaemon, p: Packet, network: Network): Uint8Array | null {
  if (p.protocol !== IPPROTO.udp || p.isFragment || p.truncated || swap16(p.ports >>> 16) !== daemon.port || p.interfaceIdx !== interfaceIndex(daemon, network)) return null;
  if (formatAddress(p.family, p.d0, p.d1, p.d2, p.d3) !== daemon.group) return null;
  const l4Length = swap16(p.memory.u16[(p.l4Off + 4) >> 1] as number);
  if (l4Length < UDP_BYTES || p.l4Off + l4Length > p.l3End) return null;
  const sent = p.memory.u16[(p.l4Off + 6) >> 1] as number;
  const sourceAt = p.l3Off + (p.family === 4 ? 12 : 8);
  if (sent !== 0 && checksumOf(p.memory, p.l4Off, l4Length, pseudoSum(p.memory, p.family, sourceAt, IPPROTO.udp, l4Length)) !== 0) return null;
  return p.memory.u8.slice(p.l4Off + UDP_BYTES, p.l4Off + l4Length);
}

/** RFC 6724 rule 2 as far as it matters here: a link-local group is spoken to from a link-local address. */
function sourceFor(group: string, family: 4 | 6, addresses: readonly string[]): ParsedAddress | null {
  const own = addresses.map((text) => text.split('/')[0]!).filter((text) => text.includes(':') === (family === 6));
  const isLinkLocal = (text: string): boolean => text.startsWith('fe80:');
  const text = own.find((each) => isLinkLocal(each) === /^ff.[12]:/.test(group)) ?? own[0];
  return text === undefined ? null : parseAddress(text);
}

function interfaceIndex(daemon: SyncDaemon, network: Network): number {
  for (let index = 0; ; index++) {
    const device = network.interfaceAt(index);
    if (device === null) return -1;
    if (device.name === daemon.interface) return index;
  }
}

/** RFC 1112 section 6.4, RFC 2464 section 7. */
function writeEthernet(bytes: Uint8Array, off: number, group: Uint8Array, mac: string, family: 4 | 6): void {
  const head = family === 4 ? [0x01, 0x00, 0x5e, group[1]! & 0x7f, group[2]!, group[3]!] : [0x33, 0x33, ...group.subarray(12)];
  bytes.set(head, off);
  bytes.set(mac.split(':').map((part) => parseInt(part, 16)), off + 6);
  bytes.set(family === 4 ? [0x08, 0x00] : [0x86, 0xdd], off + 12);
}
