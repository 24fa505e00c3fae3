/**
 * Where packets go: routes, next hops, link-layer addresses, path MTUs, and the last step of every forwarded packet, writing its Ethernet
 * header and handing it to the sink. Routing is for first packets; what they find is a next-hop index that connections cache together
 * with `generation`. When the network changes, or the next-hop table is full, the indices start again, which `generation` tells everyone.
 */
import { OFFLOAD_GSO_SIZE, type FrameMemory, type FrameSink } from '../wire/frame.ts';
import { formatAddress } from '../wire/address.ts';
import { DROP } from '../model/drop-reason.ts';
import type { Neighbour, NetworkInterface, NetworkState } from '../model/network-state.ts';
import { int32Array, type Allocate } from '../structures/memory.ts';
import { FAST_STATE_WORDS, FORWARDING4, FORWARDING6, GENERATION, IDENTIFICATION, nextEpoch, nextIdentification, resetEpoch } from './fast-state.ts';
import { fragmentIpv4, fragmentIpv6 } from './fragment-output.ts';
import { FragmentSizes } from './fragment-sizes.ts';
import { HeldFrames, HELD_MS, parseMac, type HeldFrame } from './neighbours.ts';
import { DOWN, DST_HIGH, DST_LOW, HOP_WORDS, INTERFACE, MOST_HOPS, MTU, NextHops, READY, REFRESH_EVERY_MS, SOURCE4, SRC_HIGH, SRC_LOW, STATE, type NextHop } from './next-hops.ts';
import type { Packet } from './packet.ts';
import { PathMtus } from './path-mtus.ts';
import { NOT_CACHED, RouteCache } from './route-cache.ts';
import { ROUTE_LOCAL, ROUTE_NONE, RouteTable, routeEntries, type RouteEntry } from './routes.ts';
import { ScratchRing } from './scratch-ring.ts';
import { completeChecksum, segmentInto, segmentLength } from './segment.ts';
import { SourceAddresses } from './source-address.ts';

export { ROUTE_BLACKHOLE, ROUTE_BROADCAST, ROUTE_LOCAL, ROUTE_NONE, ROUTE_PROHIBIT, ROUTE_UNREACHABLE } from './routes.ts';

const RESOLVE_EVERY_MS = 1000;

/** Interfaces that forwarders may know. */
const MOST_INTERFACES = 4096;

/** A destination that no own address is nearer to than another. */
const NOWHERE = new Int32Array(4);

const EMPTY: NetworkState = { interfaces: [], routes: [], neighbours: [], forwarding4: true, forwarding6: true };

export class Network {
  /** fast-state.ts. */
  readonly state: Int32Array;
  /** Called with each IP packet whose next hop did not answer address resolution. */
  onUnresolved: ((memory: FrameMemory, l3Off: number, l3End: number) => void) | null = null;
  /** Other threads forward by the same tables. */
  readonly shared: boolean;
  /** MAC of each interface as forwarders compare it: raw, first two bytes in a word, the other four in the next; 0 where unknown. */
  readonly macs: Int32Array;
  /** The clock of the current burst, ms; set by the owner before any send. */
  nowMs = 0;
  /** Sizes the datagram being handled came in; filled by Fragments. */
  readonly sizes = new FragmentSizes();
  /** Memory for frames the director makes. */
  readonly scratch: ScratchRing;
  readonly #drops: Float64Array;
  #known: NetworkState = EMPTY;
  #tables: Record<4 | 6, RouteTable> = { 4: new RouteTable([]), 6: new RouteTable([]) };
  #sources = new SourceAddresses(EMPTY);
  /** What the fast path reads of next hops. */
  readonly hops: NextHops;
  readonly #cache = new RouteCache();
  readonly #held = new HeldFrames();
  readonly #pathMtus = new PathMtus();
  /** Next hops whose neighbour came to be known while frames were waiting. */
  readonly #released: number[] = [];
  readonly #probe = new Int32Array(4);
  readonly #source = new Int32Array(4);
  #outHop = 0;
  #outSink: FrameSink | null = null;
  #outOffload = 0;
  readonly #outFragment = (l3Off: number, l3End: number): void => {
    if (this.#outSink !== null) this.#emit(this.#outHop, this.scratch.memory, l3Off, l3End, this.#outOffload, this.#outSink);
  };

  /** drops: counters by DROP index; scratch: shared with whoever else makes frames; allocate: memory for what the fast path reads; shared: others read it, too. */
  constructor(drops: Float64Array = new Float64Array(64), scratch: ScratchRing = new ScratchRing(), random: () => number = Math.random, allocate: Allocate | null = null, shared = false) {
    this.shared = shared;
    this.macs = int32Array(2 * MOST_INTERFACES, allocate);
    this.state = int32Array(FAST_STATE_WORDS, allocate);
    this.hops = new NextHops(allocate);
    this.state[GENERATION] = 1;
    resetEpoch(this.state);
    this.#drops = drops;
    this.scratch = scratch;
    this.state[IDENTIFICATION] = Math.floor(random() * 0x10000);
    this.#publishForwarding(EMPTY);
  }

  /** Grows whenever cached next-hop indices must be looked up again. */
  get generation(): number {
    return this.state[GENERATION] as number;
  }

  get forwarding4(): boolean {
    return this.#known.forwarding4;
  }

  get forwarding6(): boolean {
    return this.#known.forwarding6;
  }

  interfaceAt(index: number): NetworkInterface | null {
    return this.#known.interfaces[index] ?? null;
  }

  apply(state: NetworkState): void {
    this.#known = state;
    this.#publishForwarding(state);
    this.#publishMacs(state);
    this.#tables = { 4: new RouteTable(routeEntries(state, 4)), 6: new RouteTable(routeEntries(state, 6)) };
    this.#sources = new SourceAddresses(state);
    this.#restartHops(state);
  }

  setNeighbour(neighbour: Neighbour): void {
    this.#released.push(...this.hops.setNeighbour(neighbour, this.nowMs));
  }

  /** Longest-prefix match: a next-hop index >= 0, or one of the ROUTE_ results. Raw words; IPv4 in w0. */
  route(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): number {
    const cached = this.#cache.lookup(this.generation, family, w0, w1, w2, w3);
    if (cached !== NOT_CACHED) return cached;
    const result = this.#routeAnew(family, w0, w1, w2, w3);
    // NB: the generation it belongs to: a full next-hop table has just made a new one.
    this.#cache.keep(this.generation, family, w0, w1, w2, w3, result);
    return result;
  }

  #routeAnew(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): number {
    const entry = this.#tables[family].lookup(w0, w1, w2, w3);
    if (entry === null) return ROUTE_NONE;
    if (entry.result !== 0) return entry.result;
    // By way of a gateway every IPv4 address is the same next hop, unless a path MTU was learnt.
    const shared = family === 4 && entry.gateway !== null && this.#pathMtus.none;
    if (shared && entry.hopGeneration === this.generation) return entry.hop;
    const probe = this.#probe;
    probe[0] = w0;
    probe[1] = w1;
    probe[2] = w2;
    probe[3] = w3;
    const hop = this.#hopFor(entry, family, probe);
    if (shared) {
      entry.hop = hop;
      entry.hopGeneration = this.generation;
    }
    return hop;
  }

  isLocal(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): boolean {
    const cached = this.#cache.lookup(this.generation, family, w0, w1, w2, w3);
    if (cached !== NOT_CACHED) return cached === ROUTE_LOCAL;
    const result = this.#tables[family].lookup(w0, w1, w2, w3)?.result ?? ROUTE_NONE;
    if (result !== 0) this.#cache.keep(this.generation, family, w0, w1, w2, w3, result);
    return result === ROUTE_LOCAL;
  }

  interfaceOf(hop: number): number {
    return this.hops.words[hop * HOP_WORDS + INTERFACE] as number;
  }

  mtuOf(hop: number): number {
    return this.hops.words[hop * HOP_WORDS + MTU] as number;
  }

  /** Source address towards this next hop into `out` (raw words); false if the director has none of this family. */
  sourceOf(hop: number, family: 4 | 6, out: Int32Array): boolean {
    const entry = this.hops.at(hop);
    if (entry === undefined) return false;
    const source = entry.sourceFamily === family ? entry.source : this.#sources.select(family, entry.interfaceIdx, NOWHERE);
    if (source === null) return false;
    out[0] = source[0] as number;
    out[1] = source[1] as number;
    out[2] = source[2] as number;
    out[3] = source[3] as number;
    return true;
  }

  /**
   * A router told us that packets to this address must be no larger (__ip_rt_update_pmtu). Returns the MTU that cached routes to it
   * have at this moment: the kernel's first report still shows the old one, because only a fresh lookup sees a new exception.
   */
  learnPathMtu(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, mtu: number): number {
    const entry = this.#tables[family].lookup(w0, w1, w2, w3);
    if (entry === null || entry.result !== 0) return mtu;
    const base = Math.min(entry.mtu === 0 ? 65535 : entry.mtu, this.#known.interfaces[entry.interfaceIdx]?.mtu ?? 65535);
    const cached = this.#pathMtus.learn(family, w0, w1, w2, w3, mtu, base, this.nowMs);
    this.#forgetRoutes();
    return cached;
  }

  /** A new IPv4 identification, raw. */
  identification(): number {
    return nextIdentification(this.state, this.shared);
  }

  /** Send the datagram of `p` from l3Off on: in the fragments it came in, and with its VLAN tags where it goes back to its own interface. */
  sendPacket(p: Packet, hop: number, sink: FrameSink): void {
    const tagBytes = p.l3Off - p.off - 14;
    if (tagBytes > 0 && tagBytes <= 8 && p.reassembledMax === 0 && this.interfaceOf(hop) === p.interfaceIdx) {
      this.#sendTagged(p, hop, tagBytes, sink);
      return;
    }
    this.send(hop, p.memory, p.l3Off, p.l3End, p.offload, sink, p.reassembledMax);
  }

  /**
   * Write the Ethernet header before l3Off and hand the frame to the sink, or hold a copy while the neighbour is unresolved. What is
   * larger than the MTU is fragmented (whoever must answer "too big" has done so); super-frames pass as they are.
   */
  send(hop: number, memory: FrameMemory, l3Off: number, l3End: number, offload: number, sink: FrameSink, reassembledMax = 0): void {
    const mtu = this.hops.words[hop * HOP_WORDS + MTU] as number;
    // Fast path: fits, whole.
    if ((offload & OFFLOAD_GSO_SIZE) === 0) {
      if (l3End - l3Off <= mtu && reassembledMax === 0) this.#emit(hop, memory, l3Off, l3End, offload, sink);
      else this.#sendFragments(hop, memory, l3Off, l3End, mtu, reassembledMax, offload, sink);
      return;
    }
    // Slow path: a super-frame whose segments are larger than the MTU.
    if (segmentLength(memory, l3Off, l3End, offload) <= mtu) this.#emit(hop, memory, l3Off, l3End, offload, sink);
    else this.#sendSegments(hop, memory, l3Off, l3End, offload, sink);
  }

  /** send() for what is known to fit the MTU and to be whole. */
  sendWhole(hop: number, memory: FrameMemory, l3Off: number, l3End: number, offload: number, sink: FrameSink): void {
    this.#emit(hop, memory, l3Off, l3End, offload, sink);
  }

  /** NB: apart from send(), whose variables a closure there would move to the heap for every packet. */
  #sendSegments(hop: number, memory: FrameMemory, l3Off: number, l3End: number, offload: number, sink: FrameSink): void {
    segmentInto(memory, l3Off, l3End, offload, this.scratch, (off, end) => this.send(hop, this.scratch.memory, off, end, 0, sink));
  }

  /** Send what waited for neighbours that are known now; drop what waited too long. */
  releaseHeld(sink: FrameSink, nowMs: number): void {
    this.nowMs = nowMs;
    for (let hop = this.#released.pop(); hop !== undefined; hop = this.#released.pop()) {
      for (const frame of this.#held.take(hop)) this.#sendHeld(hop, frame, sink);
    }
    // NB: runs between bursts; while nothing waits it allocates nothing.
    if (!this.#held.empty) for (const frame of this.#held.expire(nowMs)) this.#giveUp(frame);
    if (this.#pathMtus.expire(nowMs)) this.#forgetRoutes();
    if (!this.#held.empty) for (const hop of this.#held.hops()) this.#resolve(hop, sink);
  }

  /** When releaseHeld wants to be called again, ms from now. */
  nextWakeMs(): number {
    return this.#released.length > 0 ? 0 : this.#held.empty ? Infinity : HELD_MS / 4;
  }

  #forgetRoutes(): void {
    this.state[GENERATION]!++;
    nextEpoch(this.state);
  }

  #publishForwarding({ forwarding4, forwarding6 }: NetworkState): void {
    this.state[FORWARDING4] = forwarding4 ? 1 : 0;
    this.state[FORWARDING6] = forwarding6 ? 1 : 0;
  }

  #publishMacs({ interfaces }: NetworkState): void {
    for (const { index, mac } of interfaces) {
      const bytes = parseMac(mac);
      if (index >= MOST_INTERFACES) continue;
      this.macs[2 * index] = bytes === null ? 0 : bytes[0]! | (bytes[1]! << 8);
      this.macs[2 * index + 1] = bytes === null ? 0 : bytes[2]! | (bytes[3]! << 8) | (bytes[4]! << 16) | (bytes[5]! << 24);
    }
  }

  #giveUp({ bytes }: HeldFrame): void {
    this.#drops[DROP.noNeighbour]!++;
    const l3Off = this.scratch.take(bytes.length);
    this.scratch.memory.u8.set(bytes, l3Off);
    this.onUnresolved?.(this.scratch.memory, l3Off, l3Off + bytes.length);
  }

  #sendHeld(hop: number, frame: HeldFrame, sink: FrameSink): void {
    const l3Off = this.scratch.take(frame.bytes.length);
    this.scratch.memory.u8.set(frame.bytes, l3Off);
    this.#emit(hop, this.scratch.memory, l3Off, l3Off + frame.bytes.length, frame.offload, sink);
  }

  #sendFragments(hop: number, memory: FrameMemory, l3Off: number, l3End: number, mtu: number, reassembledMax: number, offload: number, sink: FrameSink): void {
    this.#outHop = hop;
    this.#outSink = sink;
    this.#outOffload = 0;
    const sizes = reassembledMax > 0 ? this.sizes : null;
    const version = (memory.u8[l3Off] as number) >> 4;
    if (version === 6 && l3End - l3Off <= Math.min(mtu, reassembledMax === 0 ? mtu : reassembledMax)) {
      this.#emit(hop, memory, l3Off, l3End, offload, sink);
      return;
    }
    completeChecksum(memory, l3Off, l3End, offload);
    const done = version === 4
      ? fragmentIpv4(memory, l3Off, l3End, mtu, reassembledMax, sizes, this.scratch, this.#outFragment)
      : fragmentIpv6(memory, l3Off, l3End, mtu, reassembledMax, sizes, this.#identification6(), this.scratch, this.#outFragment);
    this.#outSink = null;
    if (!done) this.#drops[DROP.tooBig]!++;
  }

  #identification6(): number {
    return Math.imul(this.identification(), 0x9e3779b1) ^ 0x5bd1e995;
  }

  #emit(hop: number, memory: FrameMemory, l3Off: number, l3End: number, offload: number, sink: FrameSink): void {
    const words = this.hops.words;
    const at = hop * HOP_WORDS;
    // Fast path: the neighbour is known.
    if (words[at + STATE] === READY) {
      memory.u16[(l3Off - 14) >> 1] = words[at + DST_HIGH] as number;
      const i32 = memory.i32;
      const o = l3Off >> 2;
      i32[o - 3] = words[at + DST_LOW] as number;
      i32[o - 2] = words[at + SRC_HIGH] as number;
      i32[o - 1] = (words[at + SRC_LOW] as number) | ((memory.u8[l3Off] as number) >> 4 === 6 ? 0xdd860000 : 0x00080000);
      if (this.nowMs - (this.hops.resolvedMs[hop] as number) > REFRESH_EVERY_MS) this.#resolve(hop, sink);
      sink.transmit(words[at + INTERFACE] as number, memory, l3Off - 14, l3End - l3Off + 14, offload);
      return;
    }
    // Slow path.
    if (words[at + STATE] === DOWN) {
      this.#drops[DROP.interfaceDown]!++;
      return;
    }
    this.#drops[DROP.noNeighbour]! += this.#held.hold(hop, memory, l3Off, l3End - l3Off, offload, this.nowMs);
    this.#resolve(hop, sink);
  }

  #resolve(hop: number, sink: FrameSink): void {
    const { resolvedMs } = this.hops;
    const entry = this.hops.at(hop);
    if (entry === undefined || this.nowMs - (resolvedMs[hop] as number) < RESOLVE_EVERY_MS) return;
    resolvedMs[hop] = this.nowMs;
    const { interfaceIdx, family, words } = entry;
    sink.resolve(interfaceIdx, formatAddress(family, words[0] as number, words[1] as number, words[2] as number, words[3] as number));
  }

  #sendTagged(p: Packet, hop: number, tagBytes: number, sink: FrameSink): void {
    const l3 = p.l3Off;
    const length = p.l3End - l3;
    const words = this.hops.words;
    const at = hop * HOP_WORDS;
    if (words[at + STATE] !== READY || (length > (words[at + MTU] as number) && (p.offload & OFFLOAD_GSO_SIZE) === 0)) {
      this.send(hop, p.memory, l3, p.l3End, p.offload, sink);
      return;
    }
    const { u16 } = p.memory;
    const off = l3 - 14 - tagBytes;
    u16[off >> 1] = words[at + DST_HIGH] as number;
    u16[(off + 2) >> 1] = words[at + DST_LOW]! & 0xffff;
    u16[(off + 4) >> 1] = (words[at + DST_LOW] as number) >>> 16;
    u16[(off + 6) >> 1] = words[at + SRC_HIGH]! & 0xffff;
    u16[(off + 8) >> 1] = (words[at + SRC_HIGH] as number) >>> 16;
    u16[(off + 10) >> 1] = words[at + SRC_LOW] as number;
    sink.transmit(words[at + INTERFACE] as number, p.memory, off, length + 14 + tagBytes, p.offload);
  }

  #hopFor(entry: RouteEntry, family: 4 | 6, destination: Int32Array): number {
    const { gateway, interfaceIdx } = entry;
    if (this.hops.count >= MOST_HOPS) this.#restartHops(null);
    const hop = this.hops.indexOf({
      interfaceIdx, family: gateway === null ? family : entry.gatewayFamily, words: Int32Array.from(gateway ?? destination),
      source: entry.source ?? this.#sources.select(family, interfaceIdx, gateway !== null && family === 4 ? gateway : destination), sourceFamily: family,
      mtu: Math.min(this.#pathMtus.lookup(family, destination), entry.mtu === 0 ? 65535 : entry.mtu),
    }, this.nowMs);
    if (this.sourceOf(hop, 4, this.#source)) this.hops.words[hop * HOP_WORDS + SOURCE4] = this.#source[0] as number;
    return hop;
  }

  /** Forget all next hops; frames that wait go on waiting for the same neighbour. */
  #restartHops(state: NetworkState | null): void {
    const waiting = this.#held.hops().map((hop) => ({ hop: this.hops.at(hop) as NextHop, frames: this.#held.take(hop) }));
    this.hops.restart(state?.interfaces ?? null, state?.neighbours ?? null);
    this.#released.length = 0;
    this.#forgetRoutes();
    for (const { hop, frames } of waiting) {
      const index = this.hops.indexOf(hop, this.nowMs);
      this.#held.put(index, frames);
      if (this.hops.words[index * HOP_WORDS + STATE] === READY) this.#released.push(index);
    }
  }
}
