/**
 * Cases of kind `transitions`: lists of packet sequences against one service with one server, and what the connection table shows after every packet.
 * The frames are made here, as the recording made them: sequences in groups, every packet of a level in one tick, the listing half a tick later.
 */
import { ethernetFrame, ipv4Packet, sctpChunk, sctpPacket, TCP_FLAG, tcpSegment } from './frame-builder.ts';
import type { GoldenCase, TransitionSequence } from './golden-case.ts';

export interface TransitionDirector {
  /** Seconds since the case began. */
  readonly seconds: number;
  advanceTo(seconds: number): void;
  frame(device: string, hex: string): void;
  run(argv: string[]): Promise<string>;
  sysctl(name: string, value: string): Promise<void>;
}

const TICK_SEC = 0.125;
const CLIENT = '203.0.113.7';
const VIP = '192.0.2.10';
const SERVER = '10.1.0.1';
const METHOD_FLAGS: Readonly<Record<string, string>> = { masq: '-m', dr: '-g', tun: '-i' };
const TCP_EVENT_FLAGS: Readonly<Record<string, number>> = { s: TCP_FLAG.syn, f: TCP_FLAG.fin | TCP_FLAG.ack, a: TCP_FLAG.ack, r: TCP_FLAG.rst };
const SCTP_EVENT_CHUNKS: Readonly<Record<string, readonly [type: number, bodyHex: string]>> = {
  init: [1, '11223344000100000005000500001000'], initack: [2, '556677880001000000050005000020000007000801020304'], cookieecho: [10, '01020304'], cookieack: [11, ''],
  data: [0, '00000001000000000000000061626364'], error: [9, '00010004'], shutdown: [7, '00000001'], shutdownack: [8, ''], shutdowncomplete: [14, ''], abort: [6, ''],
};

export async function playTransitions(golden: GoldenCase, director: TransitionDirector): Promise<TransitionSequence[]> {
  const sctp = golden.protocol === 'sctp';
  const vport = sctp ? 2905 : 80;
  const rport = !sctp && golden.method === 'masq' ? 8080 : vport;
  const service = [sctp ? '--sctp-service' : '-t', `${VIP}:${vport}`];
  await director.run(['ipvsadm', '-A', ...service, '-s', 'rr']);
  await director.run(['ipvsadm', '-a', ...service, '-r', `${SERVER}:${rport}`, METHOD_FLAGS[golden.method!]!]);
  if (golden.secure_tcp) await director.sysctl('net.ipv4.vs.secure_tcp', String(golden.secure_tcp));
  if (golden.set) await director.run(['ipvsadm', '--set', ...golden.set.split(' ')]);
  const played = golden.sequences!.map((s): TransitionSequence => ({ client_port: s.client_port, events: s.events, after: [] }));
  const groupSize = sctp ? 48 : 64;
  for (let start = 0; start < played.length; start += groupSize) {
    const group = played.slice(start, start + groupSize);
    const levels = group[0]!.events.length;
    for (let level = 0; level < levels; level++) {
      director.advanceTo(director.seconds + TICK_SEC / 2);
      for (const s of group) {
        const [device, frame] = sctp ? sctpEvent(s.events[level]!, s.client_port, vport, rport) : tcpEvent(s.events[level]!, s.client_port, vport, rport, level);
        director.frame(device, frame.toString('hex'));
      }
      director.advanceTo(director.seconds + TICK_SEC / 2);
      const table = connectionTable(await director.run(['ipvsadm', '-Lnc']));
      for (const s of group) s.after.push(table.get(s.client_port) ?? null);
    }
    director.advanceTo(director.seconds + (sctp ? 5 : 20));
  }
  return played;
}

function tcpEvent(event: string, clientPort: number, vport: number, rport: number, level: number): readonly [string, Buffer] {
  const flags = TCP_EVENT_FLAGS[event[1]!]!;
  if (event[0] === 'i') return fromClient(6, tcpSegment(CLIENT, VIP, clientPort, vport, flags, { seq: 1000 + level, ack: flags & TCP_FLAG.ack ? 5000 : 0 }));
  return fromServer(6, tcpSegment(SERVER, CLIENT, rport, clientPort, flags | (event === 'os' ? TCP_FLAG.ack : 0), { seq: 5000 + level, ack: 1001 }));
}

function sctpEvent(event: string, clientPort: number, vport: number, rport: number): readonly [string, Buffer] {
  const [side, name] = event.split(':');
  const [type, body] = SCTP_EVENT_CHUNKS[name!]!;
  const chunk = sctpChunk(type, type === 0 ? 3 : 0, Buffer.from(body, 'hex'));
  return side === 'i' ? fromClient(132, sctpPacket(clientPort, vport, type === 1 ? 0 : 7, chunk)) : fromServer(132, sctpPacket(rport, clientPort, 9, chunk));
}

function fromClient(protocol: number, payload: Buffer): readonly [string, Buffer] {
  return ['cl0', ethernetFrame('02:00:00:00:0d:01', '02:00:00:00:0c:fe', ipv4Packet(CLIENT, VIP, protocol, payload))];
}

function fromServer(protocol: number, payload: Buffer): readonly [string, Buffer] {
  return ['rs0', ethernetFrame('02:00:00:00:0d:02', '02:00:00:00:01:01', ipv4Packet(SERVER, CLIENT, protocol, payload))];
}

/** client port -> state and time left, of a numeric connection listing; templates left out. */
function connectionTable(listing: string): Map<number, [string, string]> {
  const table = new Map<number, [string, string]>();
  for (const line of listing.split('\n').slice(2)) {
    const columns = line.trim().split(/\s+/);
    const port = Number(columns[3]?.split(':').at(-1));
    if (port) table.set(port, [columns[2]!, columns[1]!]);
  }
  return table;
}
