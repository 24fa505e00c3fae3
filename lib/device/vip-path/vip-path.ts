/**
 * Probes that take the way of a client's packets under DR and TUN: to the virtual address, through one chosen real server. The host's own TCP
 * cannot do that (it may have the address itself, and routes by destination only), so packets are sent here, as the director forwards
 * them: DR to the real server's link-layer address, TUN with an outer header; the answer comes straight from the virtual address.
 *
 *     tcp-stream ──packet──► DR: AF_PACKET, the neighbour's MAC   TUN: raw or UDP socket to the real server
 *         ▲
 *         └──segment── by port ◄── AF_PACKET with a filter for our ports, in front of the host's IP (which drops such packets as martians)
 *
 * Each probe has a port of its own. The host would answer what comes back there with a reset: a socket that takes nothing is bound to
 * the port as a shield.
 */
import { randomInt } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { bind, closeFd, ifindexOf, receive, send, sockaddrLl, socket, watchReadable } from '../../../native-shims/index.ts';
import { parseAddress } from '../../wire/address.ts';
import { NetlinkSocket } from '../netlink.ts';
import { dumpNeighbours, NETLINK_ROUTE, useNeighbour } from '../netlink-route.ts';
import { bytesOf, textOf } from './address-bytes.ts';
import { attachNothing, attachPorts, MAX_PORTS } from './packet-filter.ts';
import { echoPacket, readPacket, tcpPacket, udpPacket, type Ends, type Received } from './packets.ts';
import type { PathTarget } from './path-target.ts';
import { openShield, type Shield } from './shield.ts';
import { interfaceOf, sourceFor } from './source-address.ts';
import { TcpStream } from './tcp-stream.ts';
import { ETH_P, tunnelWay, type Way } from './way.ts';

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const FLAGS = 0o4000 | 0o2000000;
const NEIGHBOUR_ASKS_MS = 50;
const NEIGHBOUR_KEPT_MS = 10_000;
const MAX_PACKET = 65_536;
/** One every 4 microseconds (RFC 6528). */
const SEQUENCES_A_MS = 250;

/** A connected datagram socket, as far as checkers use one. */
export class PathDatagrams extends EventEmitter {
  readonly #send: (payload: Uint8Array) => void;
  readonly #release: () => void;

  constructor(sendPayload: (payload: Uint8Array) => void, release: () => void) {
    super();
    this.#send = sendPayload;
    this.#release = release;
  }

  send(payload: Uint8Array, done: (error: Error | null) => void): void {
    this.#send(payload);
    done(null);
  }

  close(): void {
    this.#release();
  }
}

interface Lease { readonly port: number; readonly onPacket: (packet: Received) => void }
interface Tap { readonly fd: number; readonly stop: () => void; readonly leases: Map<number, Lease> }

export class VipPath {
  /** Free ones, by protocol and family. */
  readonly #shields = new Map<string, Shield[]>();
  readonly #taps: Record<4 | 6, Tap | null> = { 4: null, 6: null };
  readonly #sequenceStart = randomInt(0x1_0000_0000);
  readonly #neighbours = new Map<string, { readonly mac: Uint8Array; readonly untilMs: number }>();

  /** Emits 'connect' or 'error' like a net.Socket that is connecting. */
  tcp(target: PathTarget): TcpStream {
    let close = (): void => {};
    let way: Way = () => {};
    let ends: Ends | null = null;
    const stream = new TcpStream({
      initialSequence: this.#sequenceStart + Math.floor(performance.now() * SEQUENCES_A_MS), released: () => close(),
      send: (segment) => { if (ends !== null) way(tcpPacket(ends, segment)); },
    });
    this.#begin(target, 'tcp', (packet) => {
      if (packet.kind === 'tcp') stream.receive(packet.segment);
      else if (packet.kind === 'unreachable') stream.destroy(Object.assign(new Error('port unreachable'), { code: 'ECONNREFUSED' }));
    }, () => stream.destroyed).then((begun) => {
      ({ ends, way, close } = begun);
      if (stream.destroyed) close();
      else stream.open();
    }, (error: Error) => stream.destroy(error));
    return stream;
  }

  udp(target: PathTarget): PathDatagrams {
    let begun: { readonly ends: Ends; readonly way: Way; readonly close: () => void } | null = null;
    let closed = false;
    const datagrams = new PathDatagrams((payload) => { if (begun !== null) begun.way(udpPacket(begun.ends, payload)); }, () => {
      closed = true;
      begun?.close();
    });
    this.#begin(target, 'udp', (packet) => {
      if (packet.kind === 'udp') datagrams.emit('message', packet.payload);
      else if (packet.kind === 'unreachable') datagrams.emit('error', Object.assign(new Error('port unreachable'), { code: 'ECONNREFUSED' }));
    }, () => closed).then((made) => {
      begun = made;
      if (closed) made.close();
      else datagrams.emit('connect');
    }, (error: Error) => { if (!closed) datagrams.emit('error', error); });
    return datagrams;
  }

  /** Resolves with the echo reply. */
  async ping(target: PathTarget, aborted: (listener: () => void) => void): Promise<void> {
    let answered = (): void => {};
    let refused: (error: Error) => void = () => {};
    let ended = false;
    aborted(() => {
      ended = true;
      refused(new Error('no echo reply in time'));
    });
    const { ends, way, close } = await this.#begin(target, 'udp', (packet) => {
      if (packet.kind === 'echo') answered();
      else if (packet.kind === 'unreachable') refused(new Error('host unreachable'));
    }, () => ended);
    try {
      await new Promise<void>((resolve, reject) => {
        answered = resolve;
        refused = reject;
        if (ended) reject(new Error('no echo reply in time'));
        else way(echoPacket(ends, ends.sourcePort));
      });
    } finally {
      close();
    }
  }

  close(): void {
    for (const tap of [this.#taps[4], this.#taps[6]]) {
      tap?.stop();
      if (tap) closeFd(tap.fd);
    }
    this.#taps[4] = this.#taps[6] = null;
    for (const shields of this.#shields.values()) for (const shield of shields.splice(0)) shield.close();
  }

  /** A port, its shield, the tap, and a way to the real server. */
  async #begin(target: PathTarget, kind: 'tcp' | 'udp', onPacket: (packet: Received) => void, over: () => boolean): Promise<{ ends: Ends; way: Way; close: () => void }> {
    const destination = parseAddress(target.address);
    const server = parseAddress(target.via.address);
    if (destination === null || server === null) throw new Error(`${destination === null ? target.address : target.via.address} is no address`);
    const { family } = destination;
    if (target.via.method === 'route' && server.family !== family) throw new Error('only tunnels cross address families');
    const source = target.bindAddress === undefined ? sourceFor(target, family) : bytesOf(target.bindAddress);
    const shield = await this.#shield(kind, family);
    const ends: Ends = { source, destination: bytesOf(target.address), sourcePort: shield.port, destinationPort: target.port };
    const wanted = [target.port, shield.port].join();
    let way: Way;
    try {
      this.#listen(family, {
        port: shield.port,
        // Of a connection of ours, or an echo: nobody else answers from there.
        onPacket: (packet) => { if (packet.kind === 'echo' || packet.ports.join() === wanted) onPacket(packet); },
      });
      way = target.via.method === 'route' ? await this.#directWay(target, source, family, over) : tunnelWay(target, family);
    } catch (error) {
      this.#unlisten(family, shield.port);
      this.#unshield(kind, family, shield);
      throw error;
    }
    let closed = false;
    return {
      ends, way,
      close: () => {
        if (closed) return;
        closed = true;
        this.#unlisten(family, shield.port);
        this.#unshield(kind, family, shield);
        way.end?.();
      },
    };
  }

  /** DR: the frame goes to the real server's own link-layer address. */
  async #directWay(target: PathTarget, source: Uint8Array, family: 4 | 6, over: () => boolean): Promise<Way> {
    const own = textOf(source);
    const ifindex = target.bindInterface === undefined ? interfaceOf(own) : ifindexOf(target.bindInterface);
    const mac = await this.#neighbour(ifindex, target.via.address, over);
    const { fd } = this.#taps[family]!;
    const address = sockaddrLl(ETH_P[family], ifindex, mac);
    // What the link does not take is lost, as packets are: it is sent again.
    return (packet) => void send(fd, packet, address);
  }

  async #neighbour(ifindex: number, address: string, over: () => boolean): Promise<Uint8Array> {
    const key = `${ifindex} ${address}`;
    const known = this.#neighbours.get(key);
    if (known !== undefined && known.untilMs > performance.now()) return known.mac;
    const netlink = new NetlinkSocket(NETLINK_ROUTE);
    try {
      for (let asked = 0; !over(); asked++) {
        const found = dumpNeighbours(netlink).find((one) => one.ifindex === ifindex && one.address === address);
        if (typeof found?.mac === 'string') {
          const mac = Uint8Array.from(found.mac.split(':'), (part) => Number.parseInt(part, 16));
          if (found.stale) useNeighbour(netlink, ifindex, address);
          this.#neighbours.set(key, { mac, untilMs: performance.now() + NEIGHBOUR_KEPT_MS });
          return mac;
        }
        if (asked % 20 === 0) useNeighbour(netlink, ifindex, address);
        await new Promise((resolve) => setTimeout(resolve, NEIGHBOUR_ASKS_MS));
      }
    } finally {
      closeFd(netlink.fd);
    }
    throw new Error(`${address} does not say its link-layer address`);
  }

  #listen(family: 4 | 6, lease: Lease): void {
    const tap = (this.#taps[family] ??= this.#openTap(family));
    if (tap.leases.size >= MAX_PORTS) throw new Error(`more than ${MAX_PORTS} probes through real servers at once`);
    tap.leases.set(lease.port, lease);
    attachPorts(tap.fd, family, [...tap.leases.keys()]);
  }

  #unlisten(family: 4 | 6, port: number): void {
    const tap = this.#taps[family];
    if (tap?.leases.delete(port)) attachPorts(tap.fd, family, [...tap.leases.keys()]);
  }

  #openTap(family: 4 | 6): Tap {
    const fd = socket(AF_PACKET, SOCK_DGRAM | FLAGS, 0);
    const leases = new Map<number, Lease>();
    const buffer = Buffer.alloc(MAX_PACKET);
    attachNothing(fd);
    bind(fd, sockaddrLl(ETH_P[family], 0));
    const stop = watchReadable(fd, () => {
      for (let length = receive(fd, buffer); length > 0; length = receive(fd, buffer)) {
        const packet = readPacket(buffer.subarray(0, length));
        if (packet === null) continue;
        leases.get(packet.kind === 'echo' ? packet.key : packet.ports[1])?.onPacket(packet);
      }
    });
    return { fd, stop, leases };
  }

  async #shield(kind: 'tcp' | 'udp', family: 4 | 6): Promise<Shield> {
    const free = this.#shields.get(`${kind} ${family}`) ?? [];
    this.#shields.set(`${kind} ${family}`, free);
    // The one that rested longest: its last connection's packets are gone.
    return free.shift() ?? openShield(kind, family);
  }

  #unshield(kind: 'tcp' | 'udp', family: 4 | 6, shield: Shield): void {
    this.#shields.get(`${kind} ${family}`)?.push(shield);
  }
}
