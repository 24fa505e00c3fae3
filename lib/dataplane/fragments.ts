/**
 * Reassembly (ip_defrag, nf_ct_frag6_gather): fragments wait until their datagram is whole, which then walks as one packet and is cut
 * again on its way out. Memory is bounded (FragmentStore); when it is full, the oldest incomplete datagram goes. Copies of what is here are
 * ignored; overlaps end the datagram (RFC 5722; Linux does the same for IPv4). Datagrams that are not whole in 30 s (IPv6: 60 s) go, and
 * the sender of the first fragment is told.
 */
import { DROP } from '../model/drop-reason.ts';
import { swap16 } from '../wire/address.ts';
import { checksumOf } from '../wire/checksum.ts';
import type { FrameMemory } from '../wire/frame.ts';
import { moreFragments } from '../wire/ipv6.ts';
import { hashWords } from '../structures/seeded-hash.ts';
import { Datagram, ecnOfFragments } from './datagram.ts';
import type { FragmentSizes } from './fragment-sizes.ts';
import { BLOCK_BYTES, FragmentStore } from './fragment-store.ts';
import type { Packet } from './packet.ts';
import type { ScratchRing } from './scratch-ring.ts';

/** The fragment was kept; nothing to do yet. */
export const FRAGMENT_HELD = 0;
/** The fragment, or with it its datagram, was dropped; the reason was counted. */
export const FRAGMENT_DROPPED = 1;
/** `p` now is the whole datagram, in own memory with headroom: parse it. p.reassembledMax says how it came. */
export const FRAGMENT_COMPLETE = 2;

const BUCKETS = 4096;
const TIMEOUT_MS = { 4: 30_000, 6: 60_000 } as const;
const LARGEST = 65535;
const IPPROTO_FRAGMENT = 44;

/** Called for a datagram that ran out of time and whose first fragment is here: an IP packet to quote. */
export type ReassemblyTimeout = (memory: FrameMemory, l3Off: number, l3End: number, interfaceIdx: number) => void;

export interface FragmentsOptions {
  readonly maxBytes: number;
  readonly sizes: FragmentSizes;
  readonly scratch: ScratchRing;
  readonly drops: Float64Array;
  readonly random: () => number;
}

export class Fragments {
  readonly #sizes: FragmentSizes;
  readonly #scratch: ScratchRing;
  readonly #drops: Float64Array;
  readonly #seed: number;
  readonly #store: FragmentStore;
  readonly #buckets: (Datagram | null)[] = new Array<Datagram | null>(BUCKETS).fill(null);
  #pool: Datagram | null = null;
  /** Oldest first, by family: within a family all time out alike. */
  readonly #oldest: Record<4 | 6, Datagram | null> = { 4: null, 6: null };
  readonly #newest: Record<4 | 6, Datagram | null> = { 4: null, 6: null };

  constructor(options: FragmentsOptions) {
    this.#sizes = options.sizes;
    this.#scratch = options.scratch;
    this.#drops = options.drops;
    this.#seed = Math.floor(options.random() * 0x100000000) | 0;
    this.#store = new FragmentStore(options.maxBytes);
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /** Take a fragment (p.isFragment). */
  offer(p: Packet, nowMs: number): number {
    const headerEnd = p.family === 4 ? p.l3Off + (((p.memory.u8[p.l3Off] as number) & 15) << 2) : p.fragmentHeaderOff;
    const dataOff = p.family === 4 ? headerEnd : headerEnd + 8;
    const more = p.family === 4 ? ((p.memory.u8[p.l3Off + 6] as number) & 0x20) !== 0 : moreFragments(p.memory, headerEnd);
    const start = p.fragmentOff;
    let end = start + p.l3End - dataOff;
    if (dataOff > p.l3End || headerEnd - p.l3Off > Datagram.HEADER_MOST) return this.#drop(this.#malformed(p));
    if (more && (end & 7) !== 0) {
      if (p.family === 6) return this.#drop(DROP.malformedIpv6);
      end &= ~7;
    }
    const datagram = this.#lookup(p) ?? this.#create(p, nowMs);
    if (end <= start) return this.#discard(datagram, this.#malformed(p));
    if (end + (headerEnd - p.l3Off) - (p.family === 6 ? 40 : 0) > LARGEST) return this.#discard(datagram, DROP.fragmentOversize);
    if (!more) {
      if (end < datagram.furthest || (datagram.total >= 0 && end !== datagram.total)) return this.#discard(datagram, DROP.fragmentOverlap);
      datagram.total = end;
    } else if (datagram.total >= 0 && end > datagram.total) {
      return this.#discard(datagram, DROP.fragmentOverlap);
    }
    datagram.furthest = Math.max(datagram.furthest, end);
    return this.#insert(p, datagram, headerEnd, dataOff, start, end);
  }

  /** End what is too old. Returns ms until the next is, Infinity when none waits. */
  expire(nowMs: number, onTimeout: ReassemblyTimeout): number {
    const wake4Ms = this.#expire(4, nowMs, onTimeout);
    return Math.min(wake4Ms, this.#expire(6, nowMs, onTimeout));
  }

  #expire(family: 4 | 6, nowMs: number, onTimeout: ReassemblyTimeout): number {
    for (let d = this.#oldest[family]; d !== null; d = this.#oldest[family]) {
      const leftMs = d.createdMs + TIMEOUT_MS[family] - nowMs;
      if (leftMs > 0) return leftMs;
      this.#drops[DROP.fragmentTimeout]! += d.count;
      this.#tell(d, onTimeout);
      this.#release(d);
    }
    return Infinity;
  }

  #insert(p: Packet, d: Datagram, headerEnd: number, dataOff: number, start: number, end: number): number {
    const { offset, following } = this.#store;
    // Where it goes: behind the last fragment that ends at or before its start.
    let before = -1;
    let at = d.first;
    if (d.last >= 0 && this.#store.end(d.last) <= start) {
      before = d.last;
      at = -1;
    }
    while (at >= 0 && this.#store.end(at) <= start) {
      before = at;
      at = following[at] as number;
    }
    if (at >= 0 && (offset[at] as number) < end) {
      // A copy of what is here is ignored.
      return this.#covers(at, start, end) ? FRAGMENT_HELD : this.#discard(d, DROP.fragmentOverlap);
    }
    if (!this.#makeRoom(Math.ceil((end - start) / BLOCK_BYTES), d)) return this.#discard(d, DROP.fragmentMemory);
    const fragment = this.#store.add(p.memory, dataOff, start, end - start);
    following[fragment] = at;
    if (before < 0) d.first = fragment;
    else following[before] = fragment;
    if (at < 0) d.last = fragment;
    d.received += end - start;
    d.count++;
    d.note(p, headerEnd);
    if (start === 0) d.keepHeader(p, headerEnd);
    return d.total >= 0 && d.received === d.total && d.headerLength > 0 ? this.#complete(p, d) : FRAGMENT_HELD;
  }

  /** Whether one unbroken run of fragments from `at` on holds all of [start, end). */
  #covers(at: number, start: number, end: number): boolean {
    const { offset, following } = this.#store;
    if ((offset[at] as number) > start) return false;
    let covered = this.#store.end(at);
    for (let next = following[at] as number; next >= 0 && covered < end && offset[next] === covered; next = following[next] as number) covered = this.#store.end(next);
    return covered >= end;
  }

  /** The whole datagram into scratch memory, and `p` pointed at it. */
  #complete(p: Packet, d: Datagram): number {
    const ecn = ecnOfFragments(d.ecnSeen);
    const length = d.headerLength + d.total;
    if (ecn < 0 || length - (d.family === 6 ? 40 : 0) > LARGEST) {
      this.#drops[ecn < 0 ? this.#malformed(p) : DROP.fragmentOversize]! += d.count;
      this.#release(d);
      return FRAGMENT_DROPPED;
    }
    const to = this.#scratch.memory;
    const l3Off = this.#scratch.take(length);
    to.u8.set(d.header.subarray(0, d.headerLength), l3Off);
    this.#sizes.count = 0;
    const store = this.#store;
    for (let f = d.first; f >= 0; f = store.following[f] as number) {
      store.copyOut(f, to, l3Off + d.headerLength + (store.offset[f] as number));
      this.#sizes.add(store.length[f] as number);
    }
    if (d.family === 4) writeWholeIpv4(to, l3Off, length, ecn, d.largestWithDf === d.largest);
    else writeWholeIpv6(to, l3Off, length, ecn, d.nextHeader);
    to.u8.fill(0, l3Off - 14, l3Off - 2);
    to.u16[(l3Off - 2) >> 1] = d.family === 6 ? 0xdd86 : 0x0008;
    p.memory = to;
    p.off = l3Off - 14;
    p.len = length + 14;
    p.offload = 0;
    p.l3Off = l3Off;
    p.l3End = l3Off + length;
    p.l4Off = l3Off + d.headerLength;
    p.isFragment = false;
    p.fragmentOff = 0;
    p.fragmentHeaderOff = 0;
    p.reassembledMax = d.largest;
    this.#release(d);
    return FRAGMENT_COMPLETE;
  }

  #tell(d: Datagram, onTimeout: ReassemblyTimeout): void {
    if (d.headerLength === 0) return;
    const headerLength = d.headerLength + (d.family === 6 ? 8 : 0);
    const length = headerLength + (this.#store.length[d.first] as number);
    const l3Off = this.#scratch.take(length);
    this.#scratch.memory.u8.set(d.header.subarray(0, headerLength), l3Off);
    this.#store.copyOut(d.first, this.#scratch.memory, l3Off + headerLength);
    onTimeout(this.#scratch.memory, l3Off, l3Off + length, d.interfaceIdx);
  }

  #lookup(p: Packet): Datagram | null {
    const id = identification(p);
    const protocol = p.family === 4 ? p.protocol : IPPROTO_FRAGMENT;
    let d = this.#buckets[this.#bucket(p, id)] ?? null;
    while (d !== null && !d.is(p, id, protocol)) d = d.nextInBucket;
    return d;
  }

  #create(p: Packet, nowMs: number): Datagram {
    const d = this.#pool ?? new Datagram();
    this.#pool = d.nextInBucket;
    const id = identification(p);
    d.begin(p, id, p.family === 4 ? p.protocol : IPPROTO_FRAGMENT, nowMs);
    d.bucket = this.#bucket(p, id);
    d.nextInBucket = this.#buckets[d.bucket] ?? null;
    this.#buckets[d.bucket] = d;
    d.older = this.#newest[d.family];
    d.newer = null;
    if (d.older === null) this.#oldest[d.family] = d;
    else d.older.newer = d;
    this.#newest[d.family] = d;
    return d;
  }

  #release(d: Datagram): void {
    this.#store.free(d.first);
    if (d.older === null) this.#oldest[d.family] = d.newer;
    else d.older.newer = d.newer;
    if (d.newer === null) this.#newest[d.family] = d.older;
    else d.newer.older = d.older;
    let at = this.#buckets[d.bucket] ?? null;
    if (at === d) this.#buckets[d.bucket] = d.nextInBucket;
    while (at !== null && at !== d) {
      if (at.nextInBucket === d) at.nextInBucket = d.nextInBucket;
      at = at.nextInBucket;
    }
    d.older = d.newer = null;
    d.nextInBucket = this.#pool;
    this.#pool = d;
  }

  /** The datagram goes, and the fragment at hand with it. */
  #discard(d: Datagram, reason: number): number {
    this.#drops[reason]! += d.count;
    this.#release(d);
    return this.#drop(reason);
  }

  #drop(reason: number): number {
    this.#drops[reason]!++;
    return FRAGMENT_DROPPED;
  }

  #malformed(p: Packet): number {
    return p.family === 4 ? DROP.malformedIpv4 : DROP.malformedIpv6;
  }

  #bucket(p: Packet, id: number): number {
    return hashWords(this.#seed, p.s0 ^ Math.imul(p.s2, 31), p.s1 ^ Math.imul(p.s3, 31), p.d0 ^ p.d1 ^ p.d2 ^ p.d3, id) & (BUCKETS - 1);
  }

  /** False when even the other datagrams' memory would not do. */
  #makeRoom(blocks: number, keep: Datagram): boolean {
    while (this.#store.freeBlocks < blocks) {
      const victim = this.#victim(keep);
      if (victim === null) return false;
      this.#drops[DROP.fragmentMemory]! += victim.count;
      this.#release(victim);
    }
    return true;
  }

  /** The oldest datagram of either family but `keep`. */
  #victim(keep: Datagram): Datagram | null {
    const four = this.#oldest[4] === keep ? keep.newer : this.#oldest[4];
    const six = this.#oldest[6] === keep ? keep.newer : this.#oldest[6];
    if (four === null || six === null) return four ?? six;
    return four.createdMs <= six.createdMs ? four : six;
  }
}

/** IPv4: 16 bits raw; IPv6: the fragment header's word raw. */
function identification(p: Packet): number {
  if (p.family === 4) return p.memory.u16[(p.l3Off + 4) >> 1] as number;
  const at = (p.fragmentHeaderOff + 4) >> 1;
  return (p.memory.u16[at] as number) | ((p.memory.u16[at + 1] as number) << 16);
}

function writeWholeIpv4(memory: FrameMemory, off: number, length: number, ecn: number, df: boolean): void {
  const { u8, u16 } = memory;
  u8[off + 1] = (u8[off + 1] as number) | ecn;
  u16[(off + 2) >> 1] = swap16(length);
  u16[(off + 6) >> 1] = df ? 0x0040 : 0;
  u16[(off + 10) >> 1] = 0;
  u16[(off + 10) >> 1] = checksumOf(memory, off, ((u8[off] as number) & 15) << 2, 0);
}

function writeWholeIpv6(memory: FrameMemory, off: number, length: number, ecn: number, nextHeader: number): void {
  const { u8, u16 } = memory;
  u8[off + 1] = (u8[off + 1] as number) | (ecn << 4);
  u16[(off + 4) >> 1] = swap16(length - 40);
  let at = off + 6;
  for (let header = off + 40; u8[at] !== IPPROTO_FRAGMENT && header < off + length; ) {
    at = header;
    header += ((u8[header + 1] as number) + 1) << 3;
  }
  u8[at] = nextHeader;
}
