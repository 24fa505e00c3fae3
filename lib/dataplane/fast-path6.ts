/**
 * The fast path of IPv6: as fast-path.ts, for packets without extension headers of connections that go by NAT or direct routing. The index knows
 * only hashes of IPv6 addresses, so the addresses themselves are compared behind it. Of a batch only the frames are looked ahead over (touched): three hashes for a
 * packet's flow leave time for the rest. What both paths do alike is written in both: a function of another module, or one that two closures
 * share, would cost more than what it does.
 */
import * as checksums from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as frame from '../wire/frame.ts';
import type { FrameBurst, FrameSink } from '../wire/frame.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as seededHash from '../structures/seeded-hash.ts';
import * as layout from './connection-layout.ts';
import type { FastContext } from './fast-context.ts';
import * as fastState from './fast-state.ts';
import * as nextHops from './next-hops.ts';
import * as serviceSlots from './services.ts';

// NB: constants of the module itself, for the reason that fast-path.ts gives.
const { ETHERTYPE_IPV6 } = ethernet;
const { INTERFACE_LOCAL, OFFLOAD_ECN, OFFLOAD_GSO_SIZE, OFFLOAD_GSO_TCP6, OFFLOAD_PARTIAL } = frame;
const BURST_MASK = frame.MAX_BURST - 1;
const { UDP_CHECKSUM_ZERO } = udp;
const { updated, updatedPartial } = checksums;
const { hashWords } = seededHash;
const {
  ADDRESS_WORDS, BYTES, COLD_WORDS, CONN_WORDS, DELTAS, DESTINATION, DESTINATION_ADDRESS, ENTRY_SHIFT, ENTRY_WORDS, HOP: ENTRY_HOP, KEY_IPV6, KEY_USED, LAST_SEEN,
  NEW_PORTS, PACKETS, STAMP,
} = layout;
const { ACTIVE6, EPOCH, STAMP_DIRECT, STAMP_KINDS, STAMP_NAT, WALK_ALL } = fastState;
const { DST_HIGH, DST_LOW, HOP_MASK, HOP_SHIFT, INTERFACE, MTU, READY, REFRESH_EVERY_MS, SRC_HIGH, SRC_LOW, STATE: HOP_STATE } = nextHops;
const { SLOT_IN, SLOT_SHIFT } = serviceSlots;
const IPPROTO_TCP = IPPROTO.tcp, IPPROTO_UDP = IPPROTO.udp;
const TCP_FLAGS = tcp.SYN | tcp.FIN | tcp.RST | tcp.ACK, TCP_ACK = tcp.ACK;

const SUPER_BITS = OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP6, SUPER_VARIES = OFFLOAD_GSO_SIZE | OFFLOAD_ECN;
const IPV6_LENGTH = 40;
/** Ethernet header, IPv6 header, and the least behind it. */
const LEAST_BYTES = 14 + IPV6_LENGTH + 8;
const LEAST_TCP = IPV6_LENGTH + 20, LEAST_UDP = IPV6_LENGTH + 8;
/** Destination address in a frame. */
const DESTINATION_OFF = 14 + 24;
const VERSION_6 = 0x60;
const RAW_IPV6 = ETHERTYPE_IPV6 << 16;
/** One off the hop limit, in its word. */
const ONE_HOP = 1 << 24;
const CONN_BASE = ~(CONN_WORDS - 1);
const ANSWER = ENTRY_WORDS;
const ANSWER_TO_OUT = 3;
const WORD_MASK = 0x3fffffff;

const SEEN = 0, MAC_HIGH = 1, MAC_LOW = 2;
/** Sum of touched words, which keeps those loads from being optimised away. */
const TOUCHED = 3;

export interface FastPath6 {
  /** As FastPath.begin. */
  begin(interfaceIdx: number, macHigh: number, macLow: number): boolean;
  /** Look ahead over `count` frames from `from` on. */
  stage(frames: FrameBurst, from: number, count: number): void;
  /** Forward frames from `begin` on, up to `end` or the first one that is not of IPv6 or has to walk; returns its number. */
  forward(frames: FrameBurst, begin: number, end: number, sink: FrameSink): number;
}

/** NB: functions in a closure, as in fast-path.ts. The tally is the one that fast-path.ts settles. */
export function fastPath6(context: FastContext): FastPath6 {
  const { words, index, seed, startMs, hops, resolvedMs, state: global, clock, tally, shared, addresses, cold } = context;
  const { listed } = tally;
  const fixed = new Int32Array(16);
  const stale = new Float64Array(1);

  function begin(interfaceIdx: number, macHigh: number, macLow: number): boolean {
    fixed[SEEN] = ((clock[0] as number) - startMs) | 0;
    stale[0] = (clock[0] as number) - REFRESH_EVERY_MS;
    fixed[MAC_HIGH] = macHigh;
    fixed[MAC_LOW] = macLow;
    return interfaceIdx !== INTERFACE_LOCAL && (macHigh | macLow) !== 0 && global[WALK_ALL] === 0 && global[ACTIVE6] !== 0;
  }

  function stage(frames: FrameBurst, from: number, count: number): void {
    const { off } = frames;
    const { i32 } = frames.memory;
    let sum = 0;
    for (let k = 0; k < count; k++) sum ^= i32[((off[(from + k) & BURST_MASK] as number) + DESTINATION_OFF) >> 2] as number;
    fixed[TOUCHED] = sum;
  }

  // NB: a frame's words count from the one in whose upper half it begins: Ethernet is 0 to 3, IPv6 4 to 13 (addresses from 6 and 10 on), TCP or UDP from 14 on.
  function forward(frames: FrameBurst, begin: number, end: number, sink: FrameSink): number {
    const { memory, off, len, offload } = frames;
    const { i32 } = memory;
    const tallies = tally.words;
    const staleMs = stale[0] as number;
    const epoch = global[EPOCH] as number;
    let listedCount = tally.listedCount | 0;
    let k = begin | 0;
    for (; k < end; k++) {
      const i = k & BURST_MASK;
      const length = len[i] as number;
      const e = ((off[i] as number) >> 2) & WORD_MASK;
      // Ethernet: for this interface, IPv6, no tags.
      if (length < LEAST_BYTES || (i32[e] as number) >>> 16 !== fixed[MAC_HIGH] || i32[e + 1] !== fixed[MAC_LOW] || (i32[e + 3] as number) >>> 16 !== ETHERTYPE_IPV6) break;
      // IPv6: whole, hop limit to spare.
      const word1 = i32[e + 5] as number;
      const total = IPV6_LENGTH + (((word1 & 0xff) << 8) | ((word1 >>> 8) & 0xff));
      if (((i32[e + 4] as number) & 0xf0) !== VERSION_6 || total > length - 14 || word1 >>> 24 <= 1) break;
      // Transport: TCP that carries on, or UDP with a checksum.
      const protocol = (word1 >>> 16) & 0xff;
      const offloaded = offload[i] as number;
      if (protocol === IPPROTO_UDP) {
        if (total < LEAST_UDP || (offloaded & ~OFFLOAD_PARTIAL) !== 0 || (i32[e + 15] as number) >>> 16 === 0) break;
      } else if (protocol !== IPPROTO_TCP || total < LEAST_TCP || (((i32[e + 17] as number) >>> 8) & TCP_FLAGS) !== TCP_ACK) {
        break;
      } else if ((offloaded & ~OFFLOAD_PARTIAL) !== 0 && (offloaded & ~SUPER_VARIES) !== SUPER_BITS) {
        break;
      }
      const s0 = i32[e + 6] as number, s1 = i32[e + 7] as number, s2 = i32[e + 8] as number, s3 = i32[e + 9] as number;
      const d0 = i32[e + 10] as number, d1 = i32[e + 11] as number, d2 = i32[e + 12] as number, d3 = i32[e + 13] as number;
      const ports = i32[e + 14] as number;
      const key = protocol | KEY_USED | KEY_IPV6;
      const source = hashWords(seed, s0, s1, s2, s3);
      const target = hashWords(seed, d0, d1, d2, d3);
      const entry = index.lookup(hashWords(seed, source, target, ports, key), source, target, ports, key);
      if (entry < 0) break;
      const own = entry << ENTRY_SHIFT;
      const answer = own & ANSWER;
      // Hashes may be those of other addresses, too.
      const client = (entry >> 1) * ADDRESS_WORDS;
      const real = (entry >> 1) * COLD_WORDS + DESTINATION_ADDRESS;
      if (answer === 0 ? !(same(addresses, client, s0, s1, s2, s3) && same(addresses, client + 4, d0, d1, d2, d3))
        : !(same(cold, real, s0, s1, s2, s3) && same(addresses, client, d0, d1, d2, d3))) break;
      // A stamp that holds, and a next hop that is known and need not be asked for again.
      const stamp = (words[own | STAMP] as number) ^ epoch;
      const hop = (words[own | ENTRY_HOP] as number) & HOP_MASK;
      const h = hop << HOP_SHIFT;
      if ((stamp & ~STAMP_KINDS) !== 0 || hops[h | HOP_STATE] !== READY || (resolvedMs[hop] as number) < staleMs) break;
      const mtu = hops[h | MTU] as number;
      if (total > mtu) {
        const size = offloaded & OFFLOAD_GSO_SIZE;
        if (size === 0 || segmentLength(i32[e + 17] as number, size) > mtu) break;
      }
      if (stamp === STAMP_NAT) {
        const deltas = words[own | DELTAS] as number;
        const partial = (offloaded & OFFLOAD_PARTIAL) !== 0;
        if (answer === 0) copy(i32, e + 10, cold, real);
        else copy(i32, e + 6, addresses, client + 4);
        i32[e + 14] = words[own | NEW_PORTS] as number;
        if (protocol === IPPROTO_UDP) {
          const word = i32[e + 15] as number;
          const checksum = partial ? updatedPartial(word >>> 16, deltas & 0xffff) : updated(word >>> 16, deltas >>> 16);
          i32[e + 15] = (word & 0xffff) | ((checksum === 0 && !partial ? UDP_CHECKSUM_ZERO : checksum) << 16);
        } else {
          const word = i32[e + 18] as number;
          i32[e + 18] = (word & ~0xffff) | (partial ? updatedPartial(word & 0xffff, deltas & 0xffff) : updated(word & 0xffff, deltas >>> 16));
        }
      } else if (stamp !== STAMP_DIRECT) {
        break;
      }
      i32[e + 5] = word1 - ONE_HOP | 0;
      i32[e] = ((i32[e] as number) & 0xffff) | (hops[h | DST_HIGH] as number) << 16;
      i32[e + 1] = hops[h | DST_LOW] as number;
      i32[e + 2] = hops[h | SRC_HIGH] as number;
      i32[e + 3] = (hops[h | SRC_LOW] as number) | RAW_IPV6;

      const seen = fixed[SEEN] as number;
      const base = own & CONN_BASE;
      if (shared) {
        if (words[base | LAST_SEEN] !== seen) words[base | LAST_SEEN] = seen;
        Atomics.add(words, own | PACKETS, 1);
        Atomics.add(words, own | BYTES, total);
      } else {
        words[base | LAST_SEEN] = seen;
        words[own | PACKETS] = (words[own | PACKETS] as number) + 1 | 0;
        words[own | BYTES] = (words[own | BYTES] as number) + total | 0;
      }
      const slot = words[own | DESTINATION] as number;
      const counter = slot << SLOT_SHIFT | SLOT_IN | answer >> ANSWER_TO_OUT;
      const packets = (tallies[counter] as number) + 1 | 0;
      tallies[counter] = packets;
      tallies[counter | 1] = (tallies[counter | 1] as number) + total | 0;
      if (packets === 1) listed[listedCount++] = slot;
      sink.transmit(hops[h | INTERFACE] as number, memory, e << 2 | 2, total + 14, offloaded);
    }
    tally.listedCount = listedCount;
    return k;
  }

  return { begin, stage, forward };
}

function same(words: Int32Array, begin: number, w0: number, w1: number, w2: number, w3: number): boolean {
  return words[begin] === w0 && words[begin + 1] === w1 && words[begin + 2] === w2 && words[begin + 3] === w3;
}

function copy(to: Int32Array, begin: number, from: Int32Array, fromBegin: number): void {
  to[begin] = from[fromBegin] as number;
  to[begin + 1] = from[fromBegin + 1] as number;
  to[begin + 2] = from[fromBegin + 2] as number;
  to[begin + 3] = from[fromBegin + 3] as number;
}

/** IP length of a full segment of a super-frame, by the word that holds the length of its TCP header. */
function segmentLength(word: number, size: number): number {
  return IPV6_LENGTH + ((word >>> 2) & 0x3c) + size;
}
