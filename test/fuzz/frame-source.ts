/**
 * Endless frames for the fuzz tests: well-formed ones of every kind the director looks at, frames of the golden recordings, and both of them damaged on
 * purpose, above all where a length is written down. Everything comes from one seeded generator.
 */
import path from 'node:path';
import { ethernetFrame, icmpMessage, ipPacket, ipv4Packet, ipv6Packet, sctpChunk, sctpPacket, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { addressBytes, internetChecksum, transportChecksum } from '../support/frame-view.ts';
import { findGoldenFolders, readGoldenCase } from '../support/golden-case.ts';
import { goldenRoot } from '../support/golden-root.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { OFFLOAD_ECN, OFFLOAD_GSO_TCP4, OFFLOAD_GSO_TCP6, OFFLOAD_GSO_UDP, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { CLIENT_MAC, DEVICE_MACS, VIP4, VIP6 } from './director-with-everything.ts';

export interface FuzzFrame {
  readonly bytes: Buffer;
  readonly interfaceIdx: number;
  readonly offload: number;
  /** Built whole, with every length and checksum right. */
  readonly intact: boolean;
}

const SERVICE_PORTS = [80, 80, 80, 21, 21, 81, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 95, 100, 101, 102, 103, 104, 5060, 21, 7777];
const FTP_LINES = ['PASV\r\n', 'EPSV\r\n', 'EPSV 2\r\n', 'PORT 203,0,113,1,200,17\r\n', 'EPRT |1|203.0.113.1|6275|\r\n', 'EPRT |2|2001:db8:ff::1|6275|\r\n', '227 Entering Passive Mode (10,1,0,1,200,17).\r\n',
  '229 Entering Extended Passive Mode (|||6446|)\r\n', '227 (1,2,3', '227 Entering (999,1,1,1,1,1)', 'PORT 1,2,3,4,5', '229 (|||99999|)'];
const TCP_FLAGS = [0x02, 0x02, 0x02, 0x10, 0x10, 0x18, 0x11, 0x12, 0x04, 0x14, 0x00, 0x3f, 0xc2];

export class FrameSource {
  readonly #random: SeededRandom;
  readonly #golden: readonly { bytes: Buffer; interfaceIdx: number }[];
  /** Frames that went to real servers lately; their answers are made from them. */
  readonly #sent: Buffer[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#golden = goldenFrames();
  }

  next(): FuzzFrame {
    const r = this.#random;
    const roll = r.next();
    if (roll < 0.02) return { bytes: r.bytes(r.below(200)), interfaceIdx: r.below(2), offload: 0, intact: false };
    const base = roll < 0.15 ? this.#fromGolden() : roll < 0.4 && this.#sent.length > 0 ? this.#answer() : this.#built();
    return r.chance(0.45) ? this.#damaged(base) : base;
  }

  /** The director sent this frame to a real server. */
  learn(frame: Buffer): void {
    if (this.#sent.length < 256) this.#sent.push(frame);
    else this.#sent[this.#random.below(256)] = frame;
  }

  /** What a real server that exchanges addresses and ports would answer. Sums stay right. */
  #answer(): FuzzFrame {
    const r = this.#random;
    const request = r.pick(this.#sent);
    const bytes = Buffer.from(request);
    request.copy(bytes, 0, 6, 12);
    request.copy(bytes, 6, 0, 6);
    const six = bytes[14]! >> 4 === 6;
    const [a, b, size, l4] = six ? [22, 38, 16, 54] : [26, 30, 4, 14 + (bytes[14]! & 15) * 4];
    if (bytes.length < l4 + 20) return this.#built();
    request.copy(bytes, a, b, b + size);
    request.copy(bytes, b, a, a + size);
    request.copy(bytes, l4, l4 + 2, l4 + 4);
    request.copy(bytes, l4 + 2, l4, l4 + 2);
    return { bytes, interfaceIdx: 1, offload: 0, intact: false };
  }

  #fromGolden(): FuzzFrame {
    const frame = this.#random.pick(this.#golden);
    return { bytes: Buffer.from(frame.bytes), interfaceIdx: frame.interfaceIdx, offload: 0, intact: false };
  }

  /** A frame with everything right, from the client's side, from a real server, or an ICMP error of either. */
  #built(): FuzzFrame {
    const r = this.#random;
    const six = r.chance(0.45);
    const fromServer = r.chance(0.2);
    const mark = r.chance(0.08);
    const client = six ? `2001:db8:ff::${(r.below(6) + 1).toString(16)}` : `203.0.113.${r.below(6) + 1}`;
    const vip = mark ? (six ? '2001:db8:aa::5' : '192.0.2.200') : r.chance(0.05) ? (six ? '2001:db8::11' : '192.0.2.11') : six ? VIP6 : VIP4;
    const server = six ? `2001:db8:1::${r.below(7) + 1}` : `10.1.0.${r.below(7) + 1}`;
    const clientPort = 40_000 + r.below(8);
    const port = r.pick(SERVICE_PORTS);
    const serverPort = port === 81 ? 8080 + r.below(2) : port;
    const [src, dst, sport, dport] = fromServer ? [server, client, serverPort, clientPort] : [client, vip, clientPort, port];
    const protocol = r.pick([6, 6, 6, 17, 17, 132]);
    let offload = 0;
    let payload: Buffer;
    if (r.chance(0.12)) {
      const quoted = fromServer ? ipPacket(client, server, protocol, this.#transport(protocol, client, server, clientPort, serverPort))
        : ipPacket(vip, client, protocol, this.#transport(protocol, vip, client, port, clientPort));
      const [type, code] = r.pick(six ? [[1, 4], [1, 0], [2, 0], [3, 0], [4, 1], [128, 0]] : [[3, 3], [3, 1], [3, 4], [11, 0], [12, 0], [4, 0], [5, 1], [8, 0]]) as [number, number];
      payload = icmpMessage(src, dst, type, code, r.chance(0.5) ? 1300 : 0, quoted.subarray(0, r.chance(0.3) ? r.below(quoted.length) : quoted.length));
      return this.#framed(this.#packet(six, src, dst, six ? 58 : 1, payload), fromServer, 0);
    }
    payload = this.#transport(protocol, src, dst, sport, dport);
    if (r.chance(0.04)) return this.#framed(ipPacket(src, dst, six ? 41 : 4, ipPacket(dst, src, protocol, payload)), fromServer, 0);
    if (r.chance(0.02)) return this.#framed(ipPacket(src, dst, r.pick([47, 50, 51, 89, 103, 0]), r.bytes(r.below(60))), fromServer, 0);
    if (payload.length > 1400 && protocol !== 132) {
      if (r.chance(0.3) && protocol === 17) return this.#fragment(six, src, dst, payload, fromServer);
      if (protocol === 6) offload = 1360 | (six ? OFFLOAD_GSO_TCP6 : OFFLOAD_GSO_TCP4) | OFFLOAD_PARTIAL | (r.chance(0.1) ? OFFLOAD_ECN : 0);
      else if (r.chance(0.5)) offload = 1360 | OFFLOAD_GSO_UDP | OFFLOAD_PARTIAL;
    } else if (protocol !== 132 && r.chance(0.08)) {
      offload = OFFLOAD_PARTIAL;
    }
    if (offload & OFFLOAD_PARTIAL) makePartial(payload, src, dst, protocol);
    return this.#framed(this.#packet(six, src, dst, protocol, payload), fromServer, offload);
  }

  #transport(protocol: number, src: string, dst: string, sport: number, dport: number): Buffer {
    const r = this.#random;
    const size = r.pick([0, 0, 1, 7, 40, 333, 1399, 1400, 1440, 1460, 3000]);
    if (protocol === 6 && (sport === 21 || dport === 21)) {
      return tcpSegment(src, dst, sport, dport, r.pick([0x02, 0x10, 0x18, 0x18, 0x12]), { seq: r.below(2 ** 32), data: r.chance(0.7) ? Buffer.from(r.pick(FTP_LINES)) : Buffer.alloc(0) });
    }
    if (protocol === 6) {
      const options = r.chance(0.2) ? Buffer.from('0204058c0402080a00000001000000000103030700', 'hex').subarray(0, r.pick([4, 12, 20])) : Buffer.alloc(0);
      return tcpSegment(src, dst, sport, dport, r.pick(TCP_FLAGS), { seq: r.below(2 ** 32), ack: r.below(2 ** 32), options, data: r.bytes(size > 1000 && r.chance(0.7) ? 9 : size) });
    }
    if (protocol === 17) {
      const sip = (dport === 5060 || sport === 5060) && r.chance(0.8);
      const data = sip ? Buffer.from(`INVITE sip:b@x SIP/2.0\r\nCall-ID: ${r.below(9)}@h\r\nCSeq: 1 INVITE\r\n\r\n`) : r.bytes(size);
      return udpDatagram(src, dst, sport, dport, data, src.includes(':') || r.chance(0.8) ? 'good' : 'none');
    }
    const chunks = Array.from({ length: 1 + r.below(3) }, () => sctpChunk(r.chance(0.4) ? 1 : r.below(15), r.below(4), r.bytes(r.pick([0, 4, 16, 30]))));
    return sctpPacket(sport, dport, r.below(2 ** 32), Buffer.concat(chunks));
  }

  #packet(six: boolean, src: string, dst: string, protocol: number, payload: Buffer): Buffer {
    const r = this.#random;
    const ttl = r.pick([1, 2, 64, 64, 64, 255]);
    const tos = r.chance(0.2) ? r.below(256) : 0;
    if (!six) {
      const options = r.chance(0.06) ? r.pick([Buffer.from('94040000', 'hex'), Buffer.from('070704000000000000', 'hex'), Buffer.from('01010100', 'hex')]) : Buffer.alloc(0);
      return ipv4Packet(src, dst, protocol, payload, { ttl, tos, ident: r.below(65536), dontFragment: r.chance(0.7), options });
    }
    let next = protocol;
    let body = payload;
    for (let n = r.chance(0.12) ? 1 + r.below(3) : 0; n > 0; n--) {
      const length = r.below(3);
      const header = Buffer.alloc(8 + length * 8);
      header[0] = next;
      header[1] = length;
      header[2] = 1;
      header[3] = header.length - 4;
      body = Buffer.concat([header, body]);
      next = n === 1 && r.chance(0.3) ? 0 : 60;
      if (next === 0) break;
    }
    return ipv6Packet(src, dst, next, body, { ttl, tos, flow: r.chance(0.2) ? r.below(1 << 20) : 0 });
  }

  /** One fragment of a datagram, so that over many frames some complete, some overlap and some never do. */
  #fragment(six: boolean, src: string, dst: string, payload: Buffer, fromServer: boolean): FuzzFrame {
    const r = this.#random;
    const ident = r.below(12);
    const off = r.pick([0, 0, 1400, 1400, 2800, 8, 65_528 - 1400]);
    const part = payload.subarray(Math.min(off, payload.length - 16) & ~7, (Math.min(off, payload.length - 16) & ~7) + 1400);
    const more = off + part.length < payload.length;
    const body = more ? part.subarray(0, part.length & ~7) : part;
    if (!six) return this.#framed(ipv4Packet(src, dst, 17, body, { ident, dontFragment: false, moreFragments: more, fragmentOff: off }), fromServer, 0, false);
    const header = Buffer.alloc(8);
    header[0] = 17;
    header.writeUInt16BE(off | (more ? 1 : 0), 2);
    header.writeUInt32BE(ident, 4);
    return this.#framed(ipv6Packet(src, dst, 44, Buffer.concat([header, body])), fromServer, 0, false);
  }

  #framed(packet: Buffer, fromServer: boolean, offload: number, intact = true): FuzzFrame {
    const r = this.#random;
    const interfaceIdx = fromServer ? 1 : 0;
    let frame = ethernetFrame(DEVICE_MACS[interfaceIdx]!, fromServer ? '02:00:00:00:01:01' : CLIENT_MAC, packet);
    for (let tags = r.chance(0.03) ? 1 + r.below(3) : 0; tags > 0; tags--) {
      frame = Buffer.concat([frame.subarray(0, 12), Buffer.from([tags === 2 ? 0x88 : 0x81, tags === 2 ? 0xa8 : 0x00, 0, r.below(256)]), frame.subarray(12)]);
    }
    if (frame.length < 60 && r.chance(0.5)) frame = Buffer.concat([frame, Buffer.alloc(60 - frame.length)]);
    return { bytes: frame, interfaceIdx, offload, intact };
  }

  #damaged(frame: FuzzFrame): FuzzFrame {
    const r = this.#random;
    let bytes = frame.bytes;
    let offload = frame.offload;
    for (let n = 1 + r.below(3); n > 0 && bytes.length > 0; n--) {
      switch (r.below(9)) {
        case 0: bytes = bytes.subarray(0, r.below(bytes.length)); break;
        case 1: bytes = Buffer.concat([bytes, r.bytes(r.below(64))]); break;
        case 2: bytes[r.below(bytes.length)] = r.below(256); break;
        case 3: bytes[r.below(Math.min(bytes.length, 70))] = r.pick([0, 1, 0x7f, 0x80, 0xff]); break;
        case 4: lieAboutLength(bytes, r); break;
        case 5: lieAboutLength(bytes, r); repairIpv4Checksum(bytes); break;
        case 6: if (bytes.length > 60) bytes[14 + r.below(46)] = r.below(256); repairIpv4Checksum(bytes); break;
        case 7: offload = r.below(1 << 21); break;
        default: { const at = r.below(bytes.length); bytes = Buffer.concat([bytes.subarray(0, at), r.bytes(r.below(8)), bytes.subarray(at)]); }
      }
    }
    return { bytes, interfaceIdx: r.chance(0.03) ? -1 : frame.interfaceIdx, offload, intact: false };
  }
}

/** Write nonsense where the headers say how long something is. */
function lieAboutLength(bytes: Buffer, r: SeededRandom): void {
  if (bytes.length < 34) return;
  const six = bytes[14]! >> 4 === 6;
  const l4 = six ? 54 : 14 + (bytes[14]! & 15) * 4;
  const value = r.pick([0, 1, 7, 8, 19, 20, 39, 40, bytes.length - 14, bytes.length - 13, bytes.length - 34, 1500, 65_535, r.below(65_536)]);
  const spots: (() => void)[] = [
    () => { bytes[14] = (six ? 0x60 : 0x40) | r.below(16); },
    () => { if (six) bytes.writeUInt16BE(value, 18); else bytes.writeUInt16BE(value, 16); },
    () => { if (bytes.length > l4 + 13) bytes[l4 + 12] = r.below(16) << 4; },
    () => { if (bytes.length > l4 + 6) bytes.writeUInt16BE(value, l4 + 4); },
    () => { if (bytes.length > l4 + 2) bytes[l4 + 1] = r.below(256); },
    () => { if (bytes.length > l4 + 16) bytes.writeUInt16BE(value, l4 + 14); },
    () => { if (bytes.length > l4 + 12) bytes[l4 + 8] = r.below(256); },
    () => { if (six) bytes[20] = r.pick([0, 43, 44, 60, 51, 135, 59, 58, 6]); else bytes.writeUInt16BE(r.below(65_536), 20); },
  ];
  r.pick(spots)();
}

function repairIpv4Checksum(bytes: Buffer): void {
  if (bytes.length < 34 || bytes[14]! >> 4 !== 4) return;
  const end = 14 + (bytes[14]! & 15) * 4;
  if (end < 34 || end > bytes.length) return;
  bytes.writeUInt16BE(0, 24);
  bytes.writeUInt16BE(internetChecksum(bytes.subarray(14, end)), 24);
}

/** Leave in the checksum field only the pseudo-header's sum, as a sending host with checksum offload does. */
function makePartial(payload: Buffer, src: string, dst: string, protocol: number): void {
  const at = protocol === 6 ? 16 : 6;
  payload.writeUInt16BE(0, at);
  const whole = transportChecksum(addressBytes(src), addressBytes(dst), protocol, payload);
  const data = internetChecksum(payload);
  // sum(pseudo) = sum(pseudo + payload) - sum(payload), in ones' complement
  let pseudo = (~whole & 0xffff) + data;
  pseudo = (pseudo & 0xffff) + (pseudo >> 16);
  payload.writeUInt16BE(pseudo, at);
}

function goldenFrames(): { bytes: Buffer; interfaceIdx: number }[] {
  const frames: { bytes: Buffer; interfaceIdx: number }[] = [];
  const add = (dev: string, hex: string): void => { frames.push({ bytes: Buffer.from(hex, 'hex'), interfaceIdx: dev === 'cl0' ? 0 : 1 }); };
  for (const corpus of ['packet', 'conn', 'sync']) {
    for (const folder of findGoldenFolders(path.join(goldenRoot(), 'open', corpus))) {
      for (const file of folder.files) {
        for (const step of readGoldenCase(file).steps) {
          if (step.in !== undefined) add(step.dev!, step.in);
          for (const out of step.out ?? []) add(out.dev, out.hex);
        }
      }
    }
  }
  return frames;
}
