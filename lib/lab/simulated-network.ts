/**
 * A laboratory without root: the same topology, with the director's real data plane in this process, and around it a client, servers and
 * a router that are a few lines each. Frames go through the same code as live ones; only wires and clock are imagined.
 */
import { Dataplane } from '../dataplane/dataplane.ts';
import { FrameBurst, FrameMemory, type FrameSink, HEADROOM } from '../wire/frame.ts';
import type { DataplaneLink } from '../model/dataplane-link.ts';
import type { ConnectionRecord } from '../model/stats.ts';
import type { TraceRecord } from '../model/trace-record.ts';
import type { NetworkState, Neighbour, Route } from '../model/network-state.ts';
import type { ClientOrder, ClientResult } from './client-order.ts';
import { decapsulate, type TunnelKind } from './decap/decapsulate.ts';
import { GUE_PORT } from './decap/names.ts';
import { ACK, decodePacket, encodeFrame, ethernetHeader, FIN, macAt, outerHeader, PSH, RST, type SimulatedPacket, SYN } from './simulated-packet.ts';
import { CLIENT4, CLIENT6, type LabHost, type LabInterface, type LabTopology, type Segment } from './topology.ts';

const TCP = 6, UDP = 17;
const FRAME_BYTES = 2048;
const FRAME_OFF = HEADROOM + 2;
const FIRST_PORT = 20_000;
/** Virtual time between two requests. */
const REQUEST_SPACING_MS = 1;
const TUNNEL_BY_PROTOCOL: Readonly<Record<number, TunnelKind>> = { 4: 'ipip', 41: 'ipip', 47: 'gre' };

interface Flow { readonly order: ClientOrder; readonly port: number; answer: string | null; failure: string | null; finished: boolean }

export class SimulatedNetwork {
  readonly dataplane: Dataplane;
  readonly topology: LabTopology;
  #nowMs = 0;
  #nextPort = FIRST_PORT;
  readonly #burst = new FrameBurst(new FrameMemory(new ArrayBuffer(HEADROOM + FRAME_BYTES)));
  readonly #waiting: { readonly segment: Segment; readonly frame: Buffer }[] = [];
  readonly #flows = new Map<number, Flow>();
  readonly #sink: FrameSink;
  #onTrace: (record: TraceRecord) => void = () => { /* nobody listens yet */ };

  constructor(topology: LabTopology) {
    this.topology = topology;
    this.dataplane = new Dataplane({ startMs: 0, random: () => 0.5, maxConnections: 65536 });
    this.dataplane.edit({ op: 'network', state: directorNetwork(topology) }, 0);
    const { interfaces } = topology.director;
    this.#sink = {
      transmit: (index, memory, off, len) => this.#send(interfaces[index]!.segment, copy(memory, off, len)),
      deliver: (_index, memory, off, len) => this.#localServer(copy(memory, off, len)),
      pass: () => { /* what is not for a service ends in a host's stack that nothing listens in */ },
      resolve: () => { /* every neighbour is known */ },
    };
  }

  /** Requests over fresh connections, as the laboratory's client process makes them. */
  request(order: ClientOrder): ClientResult {
    const answers: Record<string, number> = {}, failures: Record<string, number> = {};
    const count = (tally: Record<string, number>, key: string): void => { tally[key] = (tally[key] ?? 0) + 1; };
    const startedMs = this.#nowMs;
    for (let n = 0; n < order.count; n++) {
      const flow: Flow = { order, port: this.#nextPort++, answer: null, failure: null, finished: false };
      this.#flows.set(flow.port, flow);
      this.#fromClient(order.kind === 'udp' ? this.#clientPacket(flow, { data: `datagram ${n}` }) : this.#clientPacket(flow, { flags: SYN, sequence: 1 }));
      this.#deliverAll();
      if (flow.finished && flow.answer !== null) count(answers, flow.answer);
      else count(failures, flow.failure ?? 'TIMEOUT');
      this.#flows.delete(flow.port);
      this.advance(REQUEST_SPACING_MS);
    }
    return { answers, failures, elapsedMs: this.#nowMs - startedMs };
  }

  /** The control plane's door to the data plane. */
  link(): DataplaneLink {
    const { dataplane } = this;
    return {
      apply: async (edits) => { for (const edit of edits) dataplane.edit(edit, this.#nowMs); },
      stats: async () => dataplane.stats(),
      connections: async () => {
        const records: ConnectionRecord[] = [];
        for (let cursor = 0; cursor >= 0;) cursor = dataplane.connections(cursor, 1024, records, this.#nowMs);
        return records;
      },
      ask: async (question, asked) => dataplane.ask(question, asked, this.#nowMs),
      trace: async (filter) => dataplane.trace(filter, filter === null ? null : (record) => this.#onTrace(record)),
      onTrace: (listener) => { this.#onTrace = listener; },
      close: async () => { /* nothing is open */ },
    };
  }

  /** Let virtual time pass. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.dataplane.advance(this.#sink, this.#nowMs);
    this.#deliverAll();
  }

  #send(segment: Segment, frame: Buffer): void {
    this.#waiting.push({ segment, frame });
  }

  /** Carry frames until none is under way. */
  #deliverAll(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { segment, frame } = next, mac = macAt(frame, 0);
      const onSegment = (i: LabInterface): boolean => i.segment === segment && i.mac === mac;
      const directorIdx = this.topology.director.interfaces.findIndex(onSegment);
      const serverIdx = this.topology.serverHosts.findIndex((h) => h.interfaces.some(onSegment));
      if (directorIdx >= 0) this.#director(directorIdx, frame);
      else if (this.topology.client.interfaces.some(onSegment)) this.#client(frame);
      else if (serverIdx >= 0) this.#server(serverIdx, frame);
      else if (this.topology.network.interfaces.some(onSegment)) this.#router(frame);
    }
  }

  #director(interfaceIdx: number, frame: Buffer): void {
    const burst = this.#burst;
    burst.memory.u8.set(frame, FRAME_OFF);
    burst.off[0] = FRAME_OFF;
    burst.len[0] = frame.length;
    burst.offload[0] = 0;
    burst.count = 1;
    this.dataplane.burst(interfaceIdx, burst, this.#sink, this.#nowMs);
  }

  #clientPacket(flow: Flow, fields: Partial<SimulatedPacket>): SimulatedPacket {
    const { address, port, kind } = flow.order;
    const family = address.includes(':') ? 6 : 4;
    return {
      family, source: family === 4 ? CLIENT4 : CLIENT6, destination: address, protocol: kind === 'udp' ? UDP : TCP, sourcePort: flow.port, destinationPort: port,
      flags: 0, sequence: 0, acknowledgement: 0, data: '', ...fields,
    };
  }

  #fromClient(packet: SimulatedPacket): void {
    this.#send('clients', encodeFrame(packet, this.topology.client.interfaces[0]!.mac, this.topology.director.interfaces[0]!.mac));
  }

  #client(frame: Buffer): void {
    const packet = decodePacket(frame);
    const flow = packet === null ? undefined : this.#flows.get(packet.destinationPort);
    if (packet === null || flow === undefined) return;
    if (packet.source !== flow.order.address || packet.sourcePort !== flow.order.port) {
      flow.failure = 'ANSWER_FROM_ELSEWHERE';
    } else if (packet.protocol === UDP) {
      flow.answer = packet.data.split(' ')[0]!;
      flow.finished = true;
    } else if (packet.flags & RST) {
      flow.failure = 'ECONNREFUSED';
    } else if (packet.flags & SYN) {
      const next = { flags: ACK, sequence: 2, acknowledgement: packet.sequence + 1 };
      this.#fromClient(this.#clientPacket(flow, next));
      this.#fromClient(this.#clientPacket(flow, { ...next, flags: ACK | PSH, data: 'who?' }));
    } else if (packet.data !== '') {
      flow.answer = packet.data;
      this.#fromClient(this.#clientPacket(flow, { flags: ACK | FIN, sequence: 6, acknowledgement: packet.sequence + packet.data.length + 1 }));
    } else if (flow.answer !== null) {
      flow.finished = true;
    }
  }

  #server(index: number, frame: Buffer): void {
    const { topology } = this, server = topology.servers[index]!, port = topology.serverHosts[index]!.interfaces[0]!;
    const direct = topology.mode === 'dr' || topology.mode === 'tun';
    const mine = [server.address4, server.address6, ...(direct ? [topology.vip4, topology.vip6] : [])];
    const packet = decodePacket(frame, innerOffset(frame));
    if (packet === null || !mine.includes(packet.destination)) return;
    const hop = topology.mode === 'dr' ? topology.client : topology.mode === 'tun' ? topology.network : topology.director;
    const gateway = hop.interfaces.find((i) => i.segment === port.segment)!;
    for (const answer of answersOf(packet, server.name)) this.#send(port.segment, encodeFrame(answer, port.mac, gateway.mac));
  }

  /** The director's own server: what it answers goes straight out, as from the host's stack. */
  #localServer(frame: Buffer): void {
    const packet = decodePacket(frame);
    if (packet === null) return;
    const mac = this.topology.director.interfaces[0]!.mac;
    for (const answer of answersOf(packet, 'director')) this.#send('clients', encodeFrame(answer, mac, this.topology.client.interfaces[0]!.mac));
  }

  #router(frame: Buffer): void {
    const header = outerHeader(frame);
    if (header === null) return;
    const hosts: readonly LabHost[] = [this.topology.client, this.topology.director, ...this.topology.serverHosts];
    const target = hosts.flatMap((h) => h.interfaces).find((i) => i.addresses.some((a) => a.split('/')[0] === header.destination));
    const out = this.topology.network.interfaces.find((i) => i.segment === target?.segment);
    if (target === undefined || out === undefined) return;
    this.#send(target.segment, Buffer.concat([ethernetHeader(out.mac, target.mac, header.family), frame.subarray(14)]));
  }
}

/** Where the packet for the server's own stack begins: behind the Ethernet header, or behind a tunnel's. */
function innerOffset(frame: Buffer): number {
  const outer = outerHeader(frame);
  if (outer === null) return 14;
  const isGue = outer.protocol === UDP && frame.readUInt16BE(outer.payload + 2) === GUE_PORT;
  const kind = isGue ? 'gue' : TUNNEL_BY_PROTOCOL[outer.protocol];
  if (kind === undefined) return 14;
  return Math.max(14, decapsulate(kind, frame, outer.payload + (isGue ? 8 : 0), outer.end));
}

/** A server in a few lines: SYN draws SYN/ACK, a question its name and FIN, FIN an ACK, a datagram an echo. */
function answersOf(packet: SimulatedPacket, name: string): SimulatedPacket[] {
  const back: SimulatedPacket = {
    ...packet, source: packet.destination, destination: packet.source, sourcePort: packet.destinationPort, destinationPort: packet.sourcePort,
    sequence: packet.acknowledgement, acknowledgement: packet.sequence + packet.data.length, data: '',
  };
  if (packet.protocol === UDP) return [{ ...back, data: `${name} ${packet.data}` }];
  if (packet.flags & SYN) return [{ ...back, flags: SYN | ACK, sequence: 1000, acknowledgement: packet.sequence + 1 }];
  if (packet.flags & FIN) return [{ ...back, flags: ACK, acknowledgement: packet.sequence + 1 }];
  return packet.data === '' ? [] : [{ ...back, flags: ACK | PSH | FIN, data: name }];
}

/** What netlink would tell the director of its network. */
function directorNetwork(topology: LabTopology): NetworkState {
  const { director } = topology;
  const interfaces = director.interfaces.map((i, index) => ({ index, ifindex: 0, name: i.name, mac: i.mac, mtu: 1500, up: true, addresses: i.addresses, attached: true }));
  const routes: Route[] = director.interfaces.flatMap((i, index) => i.addresses.flatMap((address): Route[] => {
    const [host = '', length = ''] = address.split('/');
    const family = address.includes(':') ? 6 : 4;
    const route = { family, via: null, interface: index, source: null, mtu: 0, metric: 0 } as const;
    const own: Route = { ...route, prefix: `${host}/${family === 4 ? 32 : 128}`, type: 'local' };
    return Number(length) === (family === 4 ? 32 : 128) ? [own] : [own, { ...route, prefix: address, type: 'unicast', source: host }];
  }));
  for (const { to, via } of director.routes) {
    routes.push({ family: via.includes(':') ? 6 : 4, prefix: to, type: 'unicast', via, interface: 0, source: null, mtu: 0, metric: 0 });
  }
  const neighbours = director.interfaces.flatMap((own, index): Neighbour[] =>
    [topology.client, topology.network, ...topology.serverHosts].flatMap((host) => host.interfaces.filter((i) => i.segment === own.segment)
      .flatMap((i) => i.addresses.map((address) => ({ interface: index, address: address.split('/')[0]!, mac: i.mac })))));
  return { interfaces, routes, neighbours, forwarding4: true, forwarding6: true };
}

function copy(memory: FrameMemory, off: number, len: number): Buffer {
  return Buffer.from(memory.u8.subarray(off, off + len));
}
