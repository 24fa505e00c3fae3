/**
 * A small model of the director's own IP stack: what Linux does with a packet that IPVS leaves alone or gives to the local node. Live, the host's kernel
 * does all this; in golden cases its answers are part of the recording, and they prove that IPVS let the packet by. Only what the recordings show is
 * modelled: forwarding, RST, SYN/ACK of listeners, echo replies, ICMP errors, a TCP client that sends SYN and ACK, connection tracking as far as INVALID.
 *
 *   frame -> receive() -> [FORWARD] -> emit          passed by the director
 *   frame -> deliver() -> sockets                    rewritten for the local node
 *   sockets -> viaDirector() -> (passed) output() -> emit        LOCAL_OUT
 */
import type { MarkRule } from '../../lib/model/mark-rule.ts';
import { ethernetFrame, icmpMessage, ipPacket, macBytes, TCP_FLAG, tcpSegment, udpDatagram } from './frame-builder.ts';
import { addressBytes, internetChecksum, transportChecksum, viewFrame, type FrameView } from './frame-view.ts';
import { type HostNetwork, prefixHolds } from './host-network.ts';

export interface HostStackPorts {
  /** A frame leaves the director. */
  emit(device: string, frame: Buffer): void;
  /** A packet of the host's own goes through the director first (LOCAL_OUT). The frame has an empty Ethernet header. */
  viaDirector(frame: Buffer): void;
}

interface Listener { readonly protocol: string; readonly address: string; readonly port: number }
/** A TCP socket waiting for an answer; sends `segment` again until it comes. */
interface Waiting { readonly key: string; readonly kind: 'connect' | 'accept'; readonly frame: () => Buffer; dueMs: number; delayMs: number }

const MAX_ICMP4_PACKET = 576;
const MAX_ICMP6_PACKET = 1280;
const FIRST_RETRANSMIT_MS = 1000;
const EMPTY_MACS = '00:00:00:00:00:00';

export class HostStack {
  readonly #network: HostNetwork;
  readonly #ports: HostStackPorts;
  readonly #listeners: Listener[] = [];
  readonly #waiting = new Map<string, Waiting>();
  /** TCP sockets of the host that are open, by "own address port peer port". */
  readonly #open = new Map<string, { next: number }>();
  readonly #tracked = new Set<string>();
  #ident = 0x4000;
  #sequence = 0x1000_0000;

  constructor(network: HostNetwork, ports: HostStackPorts) {
    this.#network = network;
    this.#ports = ports;
  }

  listen(protocol: string, address: string, port: number): void {
    this.#listeners.push({ protocol, address, port });
  }

  /** A client of the director itself: TCP connects, UDP sends one datagram "q". */
  connect(protocol: string, address: string, port: number, source: readonly [string, number] | null, nowMs: number): void {
    const own = source?.[0] || this.#network.lookup(address, 0).source || address;
    const ownPort = source?.[1] || 32768 + (this.#ident & 0xfff);
    if (protocol === 'udp') {
      this.#send(this.#packet(own, address, 17, udpDatagram(own, address, ownPort, port, Buffer.from('q')), { dontFragment: true }));
      return;
    }
    const isn = this.#sequence += 0x1234567;
    const key = socketKey(own, ownPort, address, port);
    const frame = (): Buffer => this.#packet(own, address, 6, tcpSegment(own, address, ownPort, port, TCP_FLAG.syn, { seq: isn, window: 65495, options: SYN_OPTIONS }), { dontFragment: true });
    this.#waiting.set(key, { key, kind: 'connect', frame, dueMs: nowMs + FIRST_RETRANSMIT_MS, delayMs: FIRST_RETRANSMIT_MS });
    this.#open.set(key, { next: isn + 1 });
    this.#send(frame());
  }

  /** Retransmissions due until now; returns when the next one is. */
  advance(nowMs: number): number {
    let next = Infinity;
    for (const waiting of this.#waiting.values()) {
      if (waiting.dueMs <= nowMs) {
        waiting.delayMs *= 2;
        waiting.dueMs += waiting.delayMs;
        this.#send(waiting.frame());
      }
      next = Math.min(next, waiting.dueMs);
    }
    return next;
  }

  /** A frame that came in on `device` and that the director left alone. */
  receive(device: string, frame: Buffer, nowMs: number): void {
    const view = viewFrame(frame);
    const forUs = frame.subarray(0, 6).equals(macBytes(this.#network.device(device).mac));
    if (!forUs && !(frame[0]! & 1)) return;
    if (!headerIsGood(frame, view)) return;
    const mark = this.#mark(device, view);
    if (this.#isMartian(view)) return;
    const route = this.#network.lookup(view.dst!, mark);
    if (route.type === 'local') {
      if (this.#filtered('INPUT', device, view)) return;
      this.#local(frame, view, forUs, nowMs);
    } else if (route.type !== 'broadcast' && forUs) {
      this.#forward(device, frame, view, mark);
    }
  }

  /** A frame that the director gives to the local node. */
  deliver(frame: Buffer, nowMs: number): void {
    const view = viewFrame(frame);
    if (view.version !== undefined) this.#local(frame, view, true, nowMs);
  }

  /** A packet of the host's own that the director left alone. */
  output(frame: Buffer, nowMs: number): void {
    const view = viewFrame(frame);
    if (view.version === undefined) return;
    const route = this.#network.lookup(view.dst!, 0);
    if (route.type === 'local') this.#local(frame, view, true, nowMs);
    else if (route.type === 'unicast') this.#transmit(route.device!.name, route.nextHop, frame.subarray(14));
  }

  #forward(device: string, frame: Buffer, view: FrameView, mark: number): void {
    if (!(view.version === 4 ? this.#network.forwarding4 : this.#network.forwarding6)) return;
    if (this.#filtered('FORWARD', device, view)) return;
    const packet = Buffer.from(frame.subarray(14));
    if (view.ttl! <= 1) { this.#icmpError(device, packet, view, view.version === 4 ? 11 : 3, 0, 0); return; }
    const route = this.#network.lookup(view.dst!, mark);
    if (route.type !== 'unicast') { this.#icmpError(device, packet, view, view.version === 4 ? 3 : 1, 0, 0); return; }
    if (packetLength(packet) > route.mtu && (view.version === 6 || view.fragment! & 0x4000)) {
      this.#icmpError(device, packet, view, view.version === 4 ? 3 : 2, view.version === 4 ? 4 : 0, route.mtu);
      return;
    }
    if (view.version === 4) {
      packet[8]!--;
      packet.writeUInt16BE(0, 10);
      packet.writeUInt16BE(internetChecksum(packet.subarray(0, (packet[0]! & 15) * 4)), 10);
    } else {
      packet[7]!--;
    }
    this.#transmit(route.device!.name, route.nextHop, packet.subarray(0, packetLength(packet)));
  }

  #local(frame: Buffer, view: FrameView, unicast: boolean, nowMs: number): void {
    const packet = frame.subarray(14, 14 + packetLength(frame.subarray(14)));
    if (view.version === 4 && view.fragment! & 0x3fff) return;
    const [protocol, l4] = view.version === 4 ? [view.protocol!, view.l4!] as const : upperLayer(packet);
    if (protocol === 6) { if (unicast) this.#tcp(view, l4, nowMs); }
    else if (protocol === 17) this.#udp(packet, view, l4, unicast);
    else if (protocol === 1 || protocol === 58) this.#icmp(view, protocol, l4);
    else if (unicast && view.version === 4) this.#icmpError('', packet, view, 3, 2, 0);
    else if (unicast) this.#icmpError('', packet, view, 4, 1, 6);
  }

  #tcp(view: FrameView, segment: Buffer, nowMs: number): void {
    if (segment.length < 20 || segment.length < (segment[12]! >> 4) * 4) return;
    if (transportChecksum(addressBytes(view.src!), addressBytes(view.dst!), 6, segment) !== 0) return;
    const [sport, dport, seq, ack, flags] = [segment.readUInt16BE(0), segment.readUInt16BE(2), segment.readUInt32BE(4), segment.readUInt32BE(8), segment[13]!];
    const data = segment.length - (segment[12]! >> 4) * 4;
    const key = socketKey(view.dst!, dport, view.src!, sport);
    const socket = this.#open.get(key);
    const reply = (replyFlags: number, fields: { seq: number; ack: number; options?: Uint8Array; window?: number }): Buffer =>
      this.#packet(view.dst!, view.src!, 6, tcpSegment(view.dst!, view.src!, dport, sport, replyFlags, fields), { dontFragment: true });
    if (socket) {
      const waiting = this.#waiting.get(key);
      if (flags & TCP_FLAG.rst) { this.#open.delete(key); this.#waiting.delete(key); return; }
      if (waiting?.kind === 'accept' && flags & TCP_FLAG.syn) { this.#send(waiting.frame()); return; }
      if (flags & TCP_FLAG.ack) this.#waiting.delete(key);
      const expectsAnswer = data > 0 || flags & (TCP_FLAG.syn | TCP_FLAG.fin);
      if (expectsAnswer) this.#send(reply(TCP_FLAG.ack, { seq: socket.next, ack: seq + data + (flags & TCP_FLAG.syn ? 1 : 0) + (flags & TCP_FLAG.fin ? 1 : 0), window: 65495 }));
      return;
    }
    if (flags & TCP_FLAG.syn && !(flags & (TCP_FLAG.ack | TCP_FLAG.rst)) && this.#listens('tcp', view.dst!, dport)) {
      const isn = this.#sequence += 0x7654321;
      const options = synAckOptions(segment.subarray(20, (segment[12]! >> 4) * 4));
      const frame = (): Buffer => reply(TCP_FLAG.syn | TCP_FLAG.ack, { seq: isn, ack: seq + 1, options });
      this.#open.set(key, { next: isn + 1 });
      this.#waiting.set(key, { key, kind: 'accept', frame, dueMs: nowMs + FIRST_RETRANSMIT_MS, delayMs: FIRST_RETRANSMIT_MS });
      this.#send(frame());
      return;
    }
    if (flags & TCP_FLAG.rst) return;
    // RFC 9293 section 3.10.7.1: a segment for no connection.
    const length = data + (flags & TCP_FLAG.syn ? 1 : 0) + (flags & TCP_FLAG.fin ? 1 : 0);
    const fields = flags & TCP_FLAG.ack ? { seq: ack, ack: 0, window: 0 } : { seq: 0, ack: seq + length, window: 0 };
    const rst = tcpSegment(view.dst!, view.src!, dport, sport, TCP_FLAG.rst | (flags & TCP_FLAG.ack ? 0 : TCP_FLAG.ack), fields);
    // The class of the segment without its ECN bits (tcp_v4_send_reset, tcp_v6_send_reset).
    this.#send(this.#packet(view.dst!, view.src!, 6, rst, { dontFragment: true, ident: 0, tos: (view.tos ?? 0) & 0xfc }));
  }

  #udp(packet: Buffer, view: FrameView, datagram: Buffer, unicast: boolean): void {
    if (datagram.length < 8 || datagram.readUInt16BE(4) > datagram.length) return;
    const hasChecksum = datagram.readUInt16BE(6) !== 0;
    if (!hasChecksum && view.version === 6) return;
    if (hasChecksum && transportChecksum(addressBytes(view.src!), addressBytes(view.dst!), 17, datagram) !== 0) return;
    if (!unicast || this.#listens('udp', view.dst!, datagram.readUInt16BE(2))) return;
    this.#icmpError('', packet, view, view.version === 4 ? 3 : 1, view.version === 4 ? 3 : 4, 0);
  }

  #icmp(view: FrameView, protocol: number, message: Buffer): void {
    const good = protocol === 1 ? internetChecksum(message) === 0 : transportChecksum(addressBytes(view.src!), addressBytes(view.dst!), 58, message) === 0;
    if (message.length < 8 || !good) return;
    const isEcho = protocol === 1 ? message[0] === 8 : message[0] === 128;
    if (!isEcho) return;
    const answer = icmpMessage(view.dst!, view.src!, protocol === 1 ? 0 : 129, 0, message.readUInt32BE(4), message.subarray(8));
    this.#send(this.#packet(view.dst!, view.src!, protocol, answer, { dontFragment: false, tos: view.tos ?? 0 }));
  }

  /** RFC 1812 4.3.2, RFC 4443 2.4: never about ICMP errors, other than first fragments, broadcasts or packets without a sender. */
  #icmpError(device: string, packet: Buffer, view: FrameView, type: number, code: number, rest: number): void {
    if (view.src === '0.0.0.0' || view.src === '::') return;
    if (view.version === 4 && view.fragment! & 0x1fff) return;
    if (view.protocol === 1 && ![0, 8].includes(view.type ?? -1)) return;
    if (view.protocol === 58 && (view.type ?? 0) < 128) return;
    const back = this.#network.lookup(view.src!, 0);
    const source = this.#network.isOwn(view.dst!) ? view.dst! : this.#network.lookup(view.src!, 0).source ?? (device ? view.dst! : '');
    if (back.type === 'none' || source === '') return;
    const max = view.version === 4 ? MAX_ICMP4_PACKET - 28 : MAX_ICMP6_PACKET - 48;
    const message = icmpMessage(source, view.src!, type, code, rest, packet.subarray(0, Math.min(packetLength(packet), max)));
    this.#send(this.#packet(source, view.src!, view.version === 4 ? 1 : 58, message, { dontFragment: false, tos: view.version === 4 ? (view.tos! & 0x1e) | 0xc0 : 0 }));
  }

  #packet(src: string, dst: string, protocol: number, payload: Buffer, fields: { dontFragment: boolean; ident?: number; tos?: number }): Buffer {
    this.#ident = (this.#ident + 7) & 0xffff;
    return ethernetFrame(EMPTY_MACS, EMPTY_MACS, ipPacket(src, dst, protocol, payload, { ident: this.#ident, ...fields }));
  }

  #send(frame: Buffer): void {
    this.#track(viewFrame(frame));
    this.#ports.viaDirector(frame);
  }

  #transmit(device: string, nextHop: string, packet: Buffer): void {
    const mac = this.#network.macOf(device, nextHop);
    const from = this.#network.device(device);
    if (mac !== null && from.attached) this.#ports.emit(device, ethernetFrame(mac, from.mac, packet));
  }

  #listens(protocol: string, address: string, port: number): boolean {
    return this.#listeners.some((l) => l.protocol === protocol && l.port === port && (l.address === address || l.address === (address.includes(':') ? '::' : '0.0.0.0')));
  }

  /** Source addresses that no packet from outside may have (ip_route_input_slow, fib_validate_source). */
  #isMartian(view: FrameView): boolean {
    const src = view.src!;
    if (view.version === 4) {
      const first = Number(src.split('.')[0]);
      return first === 127 || first >= 224 || (first === 0 && view.dst !== '255.255.255.255') || view.dst!.startsWith('127.') || view.dst!.startsWith('0.') || this.#network.isOwn(src);
    }
    return src === '::1' || src.startsWith('ff') || view.dst === '::1';
  }

  #mark(device: string, view: FrameView): number {
    return this.#network.markRules().find((rule) => ruleHolds(rule, device, view))?.mark ?? 0;
  }

  #filtered(chain: string, device: string, view: FrameView): boolean {
    const invalid = this.#isInvalid(view);
    return this.#network.filters.some((rule) => rule.chain === chain && ruleHolds(rule.match, device, view) && (rule.ctState === null || (rule.ctState.split(',').includes('INVALID') && invalid)));
  }

  /** nf_conntrack's view of a TCP packet without a flow: only SYN and (loosely) a plain ACK may begin one. */
  #isInvalid(view: FrameView): boolean {
    const flags = view.flags ?? 0;
    const known = this.#tracked.has(flowKey(view)) || view.protocol !== 6;
    const begins = flags & TCP_FLAG.syn ? !(flags & TCP_FLAG.ack) : !(flags & (TCP_FLAG.rst | TCP_FLAG.fin)) && Boolean(flags & TCP_FLAG.ack);
    if (!known && !begins) return true;
    this.#track(view);
    return false;
  }

  #track(view: FrameView): void {
    this.#tracked.add(flowKey(view));
  }
}

/** MSS 65495 (loopback), SACK permitted, time stamps, window scale 7: what a Linux client sends. */
const SYN_OPTIONS = Buffer.from('0204ffd70402080a000000000000000001030307', 'hex');

/** The options of a SYN/ACK: MSS, and of the others only those the SYN had. */
function synAckOptions(offered: Buffer): Buffer {
  const kinds = new Set<number>();
  for (let i = 0; i < offered.length;) {
    const kind = offered[i]!;
    kinds.add(kind);
    if (kind === 0) break;
    i += kind === 1 ? 1 : Math.max(2, offered[i + 1] ?? 2);
  }
  const parts = ['020405b4'];
  if (kinds.has(8)) parts.push(kinds.has(4) ? '0402' : '0101', '080a0000000000000000');
  else if (kinds.has(4)) parts.push('01010402');
  if (kinds.has(3)) parts.push('01030307');
  return Buffer.from(parts.join(''), 'hex');
}

function headerIsGood(frame: Buffer, view: FrameView): boolean {
  const p = frame.subarray(14);
  if (view.version === 4) {
    const headerLength = (p[0]! & 15) * 4;
    return p[0]! >> 4 === 4 && headerLength >= 20 && p.length >= headerLength && p.readUInt16BE(2) >= headerLength && p.readUInt16BE(2) <= p.length
      && internetChecksum(p.subarray(0, headerLength)) === 0;
  }
  return view.version === 6 && p[0]! >> 4 === 6 && p.readUInt16BE(4) + 40 <= p.length;
}

function packetLength(packet: Buffer): number {
  return packet[0]! >> 4 === 4 ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4);
}

/** Upper-layer protocol and payload behind hop-by-hop, routing and destination options headers. */
function upperLayer(packet: Buffer): readonly [number, Buffer] {
  let next = packet[6]!;
  let off = 40;
  while ([0, 43, 60].includes(next) && off + 8 <= packet.length) {
    const length = (packet[off + 1]! + 1) * 8;
    next = packet[off]!;
    off += length;
  }
  return [next, packet.subarray(off)];
}

function ruleHolds(rule: MarkRule, device: string, view: FrameView): boolean {
  const inRange = (range: readonly [number, number] | undefined, port: number | undefined): boolean => range === undefined || (port !== undefined && port >= range[0] && port <= range[1]);
  return (rule.family === undefined || rule.family === view.version) && (rule.interface === undefined || rule.interface === device)
    && (rule.protocol === undefined || rule.protocol === view.protocol) && (rule.source === undefined || prefixHolds(rule.source, view.src!))
    && (rule.destination === undefined || prefixHolds(rule.destination, view.dst!)) && inRange(rule.sourcePorts, view.sport) && inRange(rule.destinationPorts, view.dport);
}

function socketKey(own: string, ownPort: number, peer: string, peerPort: number): string {
  return `${own} ${ownPort} ${peer} ${peerPort}`;
}

function flowKey(view: FrameView): string {
  return [`${view.src} ${view.sport ?? 0}`, `${view.dst} ${view.dport ?? 0}`].sort().join(' ') + ` ${view.protocol}`;
}
