/**
 * The director of the laboratory: the real data plane, one virtual service, direct routing. Frames go in as clients would send them (SYN and ACK, requests,
 * FIN or RST; or a datagram), and which real server got one is read off the frame that comes out. Answers go from servers to clients past the
 * director, as direct routing has it.
 */
import { Dataplane } from '../dataplane/dataplane.ts';
import type { Destination } from '../model/destination.ts';
import { IPIP_TUNNEL } from '../model/destination.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { DestinationStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { ServiceId, VirtualService } from '../model/virtual-service.ts';
import type { SchedulerFactory } from '../schedulers/scheduler.ts';
import { formatAddress, swap16, swap32 } from '../wire/address.ts';
import { fold, halves } from '../wire/checksum.ts';
import { FrameBurst, FrameMemory, HEADROOM, type FrameSink } from '../wire/frame.ts';
import { IPV4_LENGTH, IPV4_SOURCE } from '../wire/ipv4.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import { ETHERNET_LENGTH } from '../wire/ethernet.ts';

export const VIRTUAL_ADDRESS = '192.0.2.10';
export const VIRTUAL_PORT = 80;
/** Nobody got the packet: no destination, or the data plane dropped it. */
export const NOBODY = -1;

const TCP = 6, UDP = 17;
const L4_LENGTH = { [TCP]: 20, [UDP]: 8 } as const;
const DIRECTOR_MAC = '02:00:00:00:0d:01';
const ROUTER_MAC = '02:00:00:00:0c:fe';
/** Real server n: 10.x.y.z and MAC 02:01:00:xx:yy:zz. */
const SERVER_MAC_MARK = 0x0102;
const FRAME_BYTES = 256;
const FRAME_OFF = HEADROOM + 2;
const L3_OFF = FRAME_OFF + ETHERNET_LENGTH;
const L4_OFF = L3_OFF + IPV4_LENGTH;
const TIME_TO_LIVE = 64;

export interface DirectorOptions {
  readonly scheduler: string;
  readonly schedFlags: number;
  readonly schedulers: Readonly<Record<string, SchedulerFactory>>;
  readonly protocol: 'tcp' | 'udp';
  readonly onePacket: boolean;
  readonly persistenceSec: number;
  readonly persistenceMask: string;
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number };
  /** Numbers of the real servers there will be. */
  readonly servers: Iterable<number>;
  readonly maxConnections: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class LaboratoryDirector {
  readonly dataplane: Dataplane;
  readonly #id: ServiceId;
  readonly #burst: FrameBurst;
  readonly #protocol: 6 | 17;
  /** Checksum of the IP header without source address. */
  readonly #headerSum: number;
  readonly #sink: FrameSink;
  #receiver = NOBODY;

  constructor(options: DirectorOptions) {
    this.#protocol = options.protocol === 'tcp' ? TCP : UDP;
    this.#id = { kind: 'address', protocol: options.protocol, address: VIRTUAL_ADDRESS, port: VIRTUAL_PORT };
    this.dataplane = new Dataplane({ startMs: 0, random: options.random, maxConnections: options.maxConnections, schedulers: options.schedulers });
    const service: VirtualService = {
      id: this.#id, scheduler: options.scheduler, schedFlags: options.schedFlags, persistenceSec: options.persistenceSec, persistenceMask: options.persistenceMask,
      persistenceEngine: null, onePacket: options.onePacket,
    };
    const edits: TableEdit[] = [{ op: 'network', state: network(options.servers) }, { op: 'timeouts', timeouts: options.timeouts }, { op: 'addService', service }];
    for (const edit of edits) this.dataplane.edit(edit, 0);
    const memory = new FrameMemory(new ArrayBuffer(HEADROOM + FRAME_BYTES));
    this.#burst = new FrameBurst(memory);
    this.#burst.count = 1;
    this.#burst.off[0] = FRAME_OFF;
    this.#burst.len[0] = L4_OFF - FRAME_OFF + L4_LENGTH[this.#protocol];
    this.#headerSum = writeTemplate(memory, this.#protocol);
    this.#sink = {
      transmit: (_interfaceIdx, { u16, u8 }, off) => {
        if (u16[off >> 1] === SERVER_MAC_MARK) this.#receiver = ((u8[off + 3] as number) << 16) | ((u8[off + 4] as number) << 8) | (u8[off + 5] as number);
      },
      pass: () => {}, deliver: () => {}, resolve: () => {},
    };
  }

  /** A connection of this client begins: SYN and the ACK that completes the handshake, or a datagram. Which server got it, or NOBODY. */
  open(address: number, port: number, nowMs: number): number {
    const receiver = this.#send(address, port, SYN, nowMs);
    if (this.#protocol === TCP && receiver !== NOBODY) this.#send(address, port, ACK, nowMs);
    return receiver;
  }

  /** A SYN alone, as from a client whose server does not answer. */
  knock(address: number, port: number, nowMs: number): number {
    return this.#send(address, port, SYN, nowMs);
  }

  /** A packet of an established connection. */
  packet(address: number, port: number, nowMs: number): number {
    return this.#send(address, port, ACK, nowMs);
  }

  /** The client closes the connection. */
  close(address: number, port: number, nowMs: number): void {
    if (this.#protocol === TCP) this.#send(address, port, FIN | ACK, nowMs);
  }

  /** The client gives it up. */
  reset(address: number, port: number, nowMs: number): void {
    if (this.#protocol === TCP) this.#send(address, port, RST, nowMs);
  }

  /** Timers and estimators; call about once a second of virtual time. */
  advance(nowMs: number): void {
    this.dataplane.advance(this.#sink, nowMs);
  }

  addServer(server: number, weight: number, nowMs: number): void {
    this.dataplane.edit({ op: 'addDestination', id: this.#id, destination: destination(server, weight) }, nowMs);
  }

  setWeight(server: number, weight: number, nowMs: number): void {
    this.dataplane.edit({ op: 'editDestination', id: this.#id, destination: destination(server, weight) }, nowMs);
  }

  removeServer(server: number, nowMs: number): void {
    this.dataplane.edit({ op: 'deleteDestination', id: this.#id, address: serverAddress(server), port: VIRTUAL_PORT }, nowMs);
  }

  /** The service's destinations, newest first, with what schedulers see of them. */
  destinations(): readonly DestinationStats[] {
    return this.dataplane.stats().services[0]!.destinations;
  }

  #send(address: number, port: number, flags: number, nowMs: number): number {
    const { u8, u16, i32 } = this.#burst.memory;
    // The core rewrites frames where they lie: what it changes is written anew each time.
    u16.set(INCOMING, FRAME_OFF >> 1);
    const source = swap32(address);
    u8[L3_OFF + 8] = TIME_TO_LIVE;
    i32[(L3_OFF + IPV4_SOURCE) >> 2] = source;
    u16[(L3_OFF + 10) >> 1] = ~fold(this.#headerSum + halves(source)) & 0xffff;
    u16[L4_OFF >> 1] = swap16(port);
    u8[L4_OFF + 13] = flags;
    this.#receiver = NOBODY;
    this.dataplane.burst(0, this.#burst, this.#sink, nowMs);
    return this.#receiver;
  }
}

/** MAC addresses of a frame from the router to the director, raw half words. */
const INCOMING = new Uint16Array(Uint8Array.from([...macBytes(DIRECTOR_MAC), ...macBytes(ROUTER_MAC)]).buffer);

export function serverAddress(server: number): string {
  return formatAddress(4, swap32(serverWord(server)), 0, 0, 0);
}

/** Real server n as schedulers see it. */
export function serverWord(server: number): number {
  return (10 << 24) | (server + 1);
}

/** Of serverAddress(): which server. */
export function serverNumber(address: string): number {
  const [, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
  return ((b << 16) | (c << 8) | d) - 1;
}

function destination(server: number, weight: number): Destination {
  return { address: serverAddress(server), port: VIRTUAL_PORT, method: 'route', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 };
}

function network(servers: Iterable<number>): NetworkState {
  const neighbours = Array.from(servers, (server) => ({
    interface: 0, address: serverAddress(server), mac: `02:01:00:${[16, 8, 0].map((shift) => ((server >> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`,
  }));
  const route = { family: 4, interface: 0, source: null, mtu: 0, metric: 0 } as const;
  return {
    interfaces: [{ index: 0, ifindex: 0, name: 'eth0', mac: DIRECTOR_MAC, mtu: 1500, up: true, attached: true, addresses: ['10.255.255.254/8', `${VIRTUAL_ADDRESS}/32`, '198.51.100.1/24'] }],
    routes: [
      { ...route, prefix: `${VIRTUAL_ADDRESS}/32`, type: 'local', via: null }, { ...route, prefix: '10.0.0.0/8', type: 'unicast', via: null },
      { ...route, prefix: '0.0.0.0/0', type: 'unicast', via: '10.255.255.253' },
    ],
    neighbours: [...neighbours, { interface: 0, address: '10.255.255.253', mac: ROUTER_MAC }], forwarding4: true, forwarding6: true,
  };
}

/** Everything of the frame that stays; returns the sum of the IP header without source and checksum. */
function writeTemplate(memory: FrameMemory, protocol: 6 | 17): number {
  const { u8 } = memory;
  const length = IPV4_LENGTH + L4_LENGTH[protocol];
  u8.set([0x08, 0x00], FRAME_OFF + 12);
  u8.set([0x45, 0, 0, length, 0, 0, 0x40, 0, TIME_TO_LIVE, protocol], L3_OFF);
  u8.set(VIRTUAL_ADDRESS.split('.').map(Number), L3_OFF + 16);
  u8.set([0, VIRTUAL_PORT], L4_OFF + 2);
  if (protocol === TCP) u8[L4_OFF + 12] = 0x50;
  else u8[L4_OFF + 5] = L4_LENGTH[UDP];
  let sum = 0;
  for (let word = 0; word < IPV4_LENGTH >> 2; word++) sum += halves(memory.i32[(L3_OFF >> 2) + word] as number);
  return sum;
}

function macBytes(mac: string): number[] {
  return mac.split(':').map((byte) => parseInt(byte, 16));
}
