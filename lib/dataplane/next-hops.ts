/**
 * The next-hop table. What the hit path reads of a next hop lies in typed arrays, eight words each:
 *
 *     interface | mtu | state | dst MAC bytes 0-1 | dst MAC 2-5 | src MAC 0-3 | src MAC 4-5 | own IPv4 address
 *
 * so that an Ethernet header, which starts at 2 modulo 4, is written as one half word and three words. A next hop is made when it is first
 * routed to. It is one gateway or on-link destination, with one source address and one MTU.
 */
import type { Neighbour, NetworkInterface } from '../model/network-state.ts';
import { float64Array, int32Array, type Allocate } from '../structures/memory.ts';
import { neighbourKey, Neighbours, parseMac } from './neighbours.ts';

export const HOP_WORDS = 8, HOP_SHIFT = 3;
export const INTERFACE = 0, MTU = 1, STATE = 2, DST_HIGH = 3, DST_LOW = 4, SRC_HIGH = 5, SRC_LOW = 6, SOURCE4 = 7;

/** STATE: MACs are there; the neighbour's is not known; the interface cannot send. */
export const READY = 1, UNRESOLVED = 0, DOWN = 2;

/** Next hops kept before the table starts again. */
export const MOST_HOPS = 65536, HOP_MASK = MOST_HOPS - 1;
/** A next hop in use is resolved again this often, so that the kernel's entry does not age away. */
export const REFRESH_EVERY_MS = 30_000;
/** Never resolved. */
const LONG_AGO_MS = -1e9;

export interface NextHop {
  readonly interfaceIdx: number;
  /** Address to resolve: the gateway's, or the destination's on-link. */
  readonly family: 4 | 6;
  readonly words: Int32Array;
  /** The director's address towards it. */
  readonly source: Int32Array | null;
  readonly sourceFamily: 4 | 6;
  readonly mtu: number;
}

export class NextHops {
  /** Reserved for all of them, so that it never moves. */
  readonly words: Int32Array;
  /** When resolution was last asked for. */
  readonly resolvedMs: Float64Array;
  readonly #neighbours = new Neighbours();
  #interfaces: readonly NetworkInterface[] = [];
  #hops: NextHop[] = [];
  /** Number of the first. */
  #base = 0;
  readonly #byKey = new Map<string, number>();
  readonly #byNeighbour = new Map<string, number[]>();

  constructor(allocate: Allocate | null = null) {
    this.words = int32Array(MOST_HOPS * HOP_WORDS, allocate);
    this.resolvedMs = float64Array(MOST_HOPS, allocate);
  }

  /** Forget all next hops, and take over what the network looks like now. NB: their words are not used again soon: a forwarder may be sending by them. */
  restart(interfaces: readonly NetworkInterface[] | null, neighbours: readonly Neighbour[] | null): void {
    const next = this.count;
    this.#base = next + MOST_HOPS / 2 > MOST_HOPS ? 0 : next;
    this.#hops = [];
    this.#byKey.clear();
    this.#byNeighbour.clear();
    if (interfaces !== null) this.#interfaces = interfaces;
    if (neighbours === null) return;
    this.#neighbours.clear();
    for (const neighbour of neighbours) this.#neighbours.set(neighbour);
  }

  /** Every next hop is numbered below this. */
  get count(): number {
    return this.#base + this.#hops.length;
  }

  at(index: number): NextHop | undefined {
    return this.#hops[index - this.#base];
  }

  /** Index of this next hop, made if it is new. */
  indexOf(hop: NextHop, nowMs: number): number {
    const neighbour = neighbourKey(hop.interfaceIdx, hop.family, hop.words);
    const key = `${neighbour} ${hop.sourceFamily} ${hop.mtu} ${hop.source?.join(' ') ?? ''}`;
    return this.#byKey.get(key) ?? this.#add(key, neighbour, hop, nowMs);
  }

  /** Returns the next hops that can be sent to now. */
  setNeighbour(neighbour: Neighbour, nowMs: number): readonly number[] {
    const key = this.#neighbours.set(neighbour);
    const hops = key === null ? [] : (this.#byNeighbour.get(key) ?? []);
    for (const hop of hops) this.#fill(hop, key as string, nowMs);
    return hops.filter((hop) => this.words[hop * HOP_WORDS + STATE] === READY);
  }

  #add(key: string, neighbour: string, hop: NextHop, nowMs: number): number {
    const index = this.count;
    this.#hops.push(hop);
    this.#byKey.set(key, index);
    const sharing = this.#byNeighbour.get(neighbour);
    if (sharing === undefined) this.#byNeighbour.set(neighbour, [index]);
    else sharing.push(index);
    this.words[index * HOP_WORDS + INTERFACE] = hop.interfaceIdx;
    this.words[index * HOP_WORDS + MTU] = Math.min(hop.mtu, this.#interfaces[hop.interfaceIdx]?.mtu ?? hop.mtu);
    this.words[index * HOP_WORDS + SOURCE4] = 0;
    this.resolvedMs[index] = LONG_AGO_MS;
    this.#fill(index, neighbour, nowMs);
    return index;
  }

  /** State and MACs from the interface and the neighbour table. */
  #fill(index: number, neighbour: string, nowMs: number): void {
    const iface = this.#interfaces[(this.at(index) as NextHop).interfaceIdx];
    const own = iface === undefined || !iface.up || !iface.attached ? null : parseMac(iface.mac);
    const mac = this.#neighbours.get(neighbour);
    const at = index * HOP_WORDS;
    if (own === null || mac === null) {
      this.words[at + STATE] = own === null ? DOWN : UNRESOLVED;
      return;
    }
    if (this.resolvedMs[index] === LONG_AGO_MS) this.resolvedMs[index] = nowMs;
    this.words[at + DST_HIGH] = mac[0]! | (mac[1]! << 8);
    this.words[at + DST_LOW] = mac[2]! | (mac[3]! << 8) | (mac[4]! << 16) | (mac[5]! << 24);
    this.words[at + SRC_HIGH] = own[0]! | (own[1]! << 8) | (own[2]! << 16) | (own[3]! << 24);
    this.words[at + SRC_LOW] = own[4]! | (own[5]! << 8);
    Atomics.store(this.words, at + STATE, READY);
  }
}
