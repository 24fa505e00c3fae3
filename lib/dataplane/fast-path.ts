/**
 * The walk of nearly every packet (IPv6: fast-path6.ts): plain IPv4 of a connection that exists, going by NAT, direct routing or an IPIP tunnel to a next hop that is known, and
 * changing nothing but counters and the time it was last seen; a TCP super-frame is such a packet, too. Everything else is refused, before anything was written, and takes the
 * walk in burst.ts; whatever is taken here ends exactly as it would there. The bargain: the checks of parse, lookup, state and forward
 * once more, for an eighth of their time.
 *
 * A batch of frames is looked ahead over in short loops that write nothing, and whose loads do not depend on each other, so that waits for memory overlap:
 *
 *     touch     a word of each frame
 *     hash      its flow's hash, whatever kind of frame it is
 *     find      the index slot of each hash, then the entry behind it
 *
 * Then frame by frame: is it plain? Is the entry its flow's, with a stamp that holds (fast-stamp.ts)? Then count, change what the forwarding method changes, write the
 * Ethernet header, transmit. This stops at the first frame that is refused: when the walk has dealt with that one, it goes on behind it, so order is kept and
 * what the walk changed is seen. Destinations, services and the director are counted once a burst (account.ts).
 */
import * as checksums from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as frame from '../wire/frame.ts';
import type { FrameBurst, FrameSink } from '../wire/frame.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as seededHash from '../structures/seeded-hash.ts';
import * as layout from './connection-layout.ts';
import type { FastContext } from './fast-context.ts';
import * as fastStamp from './fast-stamp.ts';
import * as fastState from './fast-state.ts';
import * as nextHops from './next-hops.ts';
import * as serviceSlots from './services.ts';

// NB: V8 reads an imported constant from memory, with checks, at each use; a constant of the module itself becomes part of the machine code.
const { ETHERTYPE_IPV4 } = ethernet;
const { INTERFACE_LOCAL, OFFLOAD_ECN, OFFLOAD_GSO_SIZE, OFFLOAD_GSO_TCP4, OFFLOAD_PARTIAL } = frame;
const BURST_MASK = frame.MAX_BURST - 1;
const { RAW_DF, RAW_FRAGMENT, TTL_DELTA } = ipv4;
const { UDP_CHECKSUM_ZERO } = udp;
const { fold, halves, updated, updatedPartial } = checksums;
const { hashWords } = seededHash;
const {
  BYTES, CONN_WORDS, DELTAS, DESTINATION, ENTRY_SHIFT, ENTRY_WORDS, HOP: ENTRY_HOP, KEY: ENTRY_KEY, KEY_USED, LAST_SEEN, NEW_ADDRESS, NEW_PORTS, PACKETS, PORTS,
  SOURCE, STAMP, TARGET,
} = layout;
const { ACTIVE4, EPOCH, nextIdentification, PMTU_DISC, STAMP_DIRECT, STAMP_KINDS, STAMP_NAT, WALK_ALL } = fastState;
const { OUTER_BYTES, OUTER_PROTOCOL } = fastStamp;
const { DST_HIGH, DST_LOW, HOP_MASK, HOP_SHIFT, INTERFACE, MTU, READY, REFRESH_EVERY_MS, SOURCE4, SRC_HIGH, SRC_LOW, STATE: HOP_STATE } = nextHops;
const { SLOT_IN, SLOT_SHIFT } = serviceSlots;
const IPPROTO_TCP = IPPROTO.tcp, IPPROTO_UDP = IPPROTO.udp;
const TCP_FLAGS = tcp.SYN | tcp.FIN | tcp.RST | tcp.ACK, TCP_ACK = tcp.ACK;

/** A TCP super-frame: its checksum is left to whoever cuts it. */
const SUPER_BITS = OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP4, SUPER_VARIES = OFFLOAD_GSO_SIZE | OFFLOAD_ECN;
/** Ethernet header, option-less IPv4 header, and the least behind it. */
const LEAST_BYTES = 14 + 20 + 8;
/** Source address in a frame. */
const SOURCE_OFF = 14 + 12;
const LEAST_TCP = 40, LEAST_UDP = 28;
const VERSION_4_LENGTH_20 = 0x45;
const FRAGMENT_BITS = RAW_FRAGMENT << 16, DF_BIT = RAW_DF << 16;
const RAW_IPV4 = 0x00080000;
const LOOPBACK = 127;
/** What a tunnel adds. */
const OUTER_WORDS = OUTER_BYTES >> 2;
/** Of an entry's first word: the first word of its connection, and whether it is the answers' entry. */
const CONN_BASE = ~(CONN_WORDS - 1);
const ANSWER = ENTRY_WORDS;
/** From ANSWER (16) to SLOT_IN ^ SLOT_OUT (2). */
const ANSWER_TO_OUT = 3;
/** Frame memories are smaller than 4 GiB. Tells V8 that a few words more cannot overflow. */
const WORD_MASK = 0x3fffffff;
/** Frames looked ahead over: enough loads to overlap, few enough that the first frame's bytes are still near when it is rewritten. */
export const BATCH = 64;

/** Slots of an index that stays, with the entries it leads to, in the second-level cache: there looking ahead costs more than it wins. */
const SMALL_INDEX = 1 << 13;

/** Words of what does not change within a burst. */
const SEEN = 0, MAC_HIGH = 1, MAC_LOW = 2;
/** Of what does not within a batch. */
const FROM = 3, INDEX_VERSION = 4;
const TOUCHED = 5;

export interface FastPath {
  /** Top of a burst from an interface with this MAC (raw, first two bytes and the other four). False: this burst has to take the walk. */
  begin(interfaceIdx: number, macHigh: number, macLow: number): boolean;
  /** Look ahead over `count` (at most BATCH) frames from `from` on. */
  stage(frames: FrameBurst, from: number, count: number): void;
  /** Forward staged frames from `begin` on, up to `count` or the first one that has to walk; returns its number. */
  forward(frames: FrameBurst, begin: number, count: number, sink: FrameSink): number;
  /** End of the burst. */
  finish(): void;
}

/**
 * NB: functions in a closure, not methods: for a closure that exists once, V8 takes what it closes over for constants, so that an array access costs
 * a comparison and a load, not six loads and two comparisons.
 */
export function fastPath(context: FastContext): FastPath {
  const { words, index, seed, startMs, hops, resolvedMs, state: global, clock, tally, shared } = context;
  /** Of each frame its flow's hash, then the entry that the index leads to, or -1. */
  const found = new Int32Array(BATCH);
  const { listed } = tally;
  /** What does not change within a burst, and sums of touched words, which keep those loads from being optimised away. */
  const fixed = new Int32Array(32);
  /** Before this, ms, a next hop was resolved too long ago. */
  const stale = new Float64Array(1);

  function begin(interfaceIdx: number, macHigh: number, macLow: number): boolean {
    fixed[SEEN] = ((clock[0] as number) - startMs) | 0;
    stale[0] = (clock[0] as number) - REFRESH_EVERY_MS;
    fixed[MAC_HIGH] = macHigh;
    fixed[MAC_LOW] = macLow;
    return interfaceIdx !== INTERFACE_LOCAL && (macHigh | macLow) !== 0 && global[WALK_ALL] === 0 && global[ACTIVE4] !== 0;
  }

  function stage(frames: FrameBurst, from: number, count: number): void {
    const large = index.capacity > SMALL_INDEX;
    fixed[FROM] = from;
    touchFrames(frames, from | 0, count | 0);
    hashFlows(frames, from | 0, count | 0);
    if (large) index.touch(found, count);
    index.find(found, count);
    fixed[INDEX_VERSION] = index.version;
    if (large) touchEntries(count | 0);
  }

  /** Read every frame's addresses: a loop so short that the processor fetches many frames at once. */
  function touchFrames(frames: FrameBurst, from: number, count: number): void {
    const { off } = frames;
    const { i32 } = frames.memory;
    let sum = 0;
    for (let k = 0; k < count; k++) sum ^= i32[((off[(from + k) & BURST_MASK] as number) + SOURCE_OFF) >> 2] as number;
    fixed[TOUCHED] = sum;
  }

  /** NB: what is no plain frame gets a hash, too, of whatever stands there: forward() will not look at it. */
  function hashFlows(frames: FrameBurst, from: number, count: number): void {
    const { off, len } = frames;
    const { i32 } = frames.memory;
    for (let k = 0; k < count; k++) {
      const i = (from + k) & BURST_MASK;
      if ((len[i] as number) < LEAST_BYTES) continue;
      const e = (off[i] as number) >> 2;
      found[k] = hashWords(seed, i32[e + 7] as number, i32[e + 8] as number, i32[e + 9] as number, (((i32[e + 6] as number) >>> 8) & 0xff) | KEY_USED);
    }
  }

  /** Read the entries that were found. */
  function touchEntries(count: number): void {
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const own = (found[k] as number) << ENTRY_SHIFT;
      if (own >= 0) sum ^= words[own] as number;
    }
    fixed[TOUCHED] = sum;
  }

  // NB: entries, next hops and slots begin at multiples of their size, so a word of theirs is found by `|`: that cannot overflow, which V8 checks at
  // every `+`. A frame's words count from the one in whose upper half it begins: Ethernet is 0 to 3, IPv4 4 to 8, TCP or UDP from 9 on.
  function forward(frames: FrameBurst, begin: number, count: number, sink: FrameSink): number {
    const { memory, off, len, offload } = frames;
    const { i32 } = memory;
    const tallies = tally.words;
    const staleMs = stale[0] as number;
    const epoch = global[EPOCH] as number;
    const from = fixed[FROM] as number;
    const current = index.version === fixed[INDEX_VERSION];
    let listedCount = tally.listedCount | 0;
    let k = begin | 0;
    for (; k < count; k++) {
      const i = (from + k) & BURST_MASK;
      const length = len[i] as number;
      const e = ((off[i] as number) >> 2) & WORD_MASK;
      // Ethernet: for this interface, IPv4, no tags.
      if (length < LEAST_BYTES || (i32[e] as number) >>> 16 !== fixed[MAC_HIGH] || i32[e + 1] !== fixed[MAC_LOW] || (i32[e + 3] as number) >>> 16 !== ETHERTYPE_IPV4) break;
      // IPv4: no options, whole, not a fragment, TTL to spare, checksum right.
      const word0 = i32[e + 4] as number;
      const word1 = i32[e + 5] as number;
      const word2 = i32[e + 6] as number;
      const source = i32[e + 7] as number;
      const target = i32[e + 8] as number;
      const total = ((word0 >>> 8) & 0xff00) | (word0 >>> 24);
      if ((word0 & 0xff) !== VERSION_4_LENGTH_20 || total > length - 14 || (word1 & FRAGMENT_BITS) !== 0 || (word2 & 0xff) <= 1) break;
      const sum = (word0 & 0xffff) + (word0 >>> 16) + (word1 & 0xffff) + (word1 >>> 16) + (word2 & 0xffff) + (word2 >>> 16)
        + (source & 0xffff) + (source >>> 16) + (target & 0xffff) + (target >>> 16);
      if ((sum & 0xffff) + (sum >>> 16) !== 0xffff || (source & 0xff) === LOOPBACK) break;
      // Transport: TCP that carries on, or UDP with a checksum.
      const protocol = (word2 >>> 8) & 0xff;
      const offloaded = offload[i] as number;
      if (protocol === IPPROTO_UDP) {
        if (total < LEAST_UDP || (offloaded & ~OFFLOAD_PARTIAL) !== 0 || (i32[e + 10] as number) >>> 16 === 0) break;
      } else if (protocol !== IPPROTO_TCP || total < LEAST_TCP || (((i32[e + 12] as number) >>> 8) & TCP_FLAGS) !== TCP_ACK) {
        break;
      } else if ((offloaded & ~OFFLOAD_PARTIAL) !== 0 && (offloaded & ~SUPER_VARIES) !== SUPER_BITS) {
        break;
      }
      const ports = i32[e + 9] as number;
      const key = protocol | KEY_USED;
      let own = (found[k] as number) << ENTRY_SHIFT;
      // Slow path: the index has changed since, or led to another flow of the same hash.
      if (!current || own < 0 || words[own | SOURCE] !== source || words[own | TARGET] !== target || words[own | PORTS] !== ports || words[own | ENTRY_KEY] !== key) {
        own = index.lookup(hashWords(seed, source, target, ports, key), source, target, ports, key) << ENTRY_SHIFT;
        if (own < 0) break;
      }
      // A stamp that holds, and a next hop that is known and need not be asked for again.
      const stamp = (words[own | STAMP] as number) ^ epoch;
      const hop = (words[own | ENTRY_HOP] as number) & HOP_MASK;
      const h = hop << HOP_SHIFT;
      if ((stamp & ~STAMP_KINDS) !== 0 || hops[h | HOP_STATE] !== READY || (resolvedMs[hop] as number) < staleMs) break;
      const mtu = hops[h | MTU] as number;
      if (total > mtu) {
        const size = offloaded & OFFLOAD_GSO_SIZE;
        if (size === 0 || segmentLength(i32[e + 12] as number, size) > mtu) break;
      }
      const answer = own & ANSWER;
      /** The frame as it goes out: its first word, and how much longer it is. */
      let out = e;
      let longer = 0;
      if (stamp === STAMP_NAT) {
        const deltas = words[own | DELTAS] as number;
        const partial = (offloaded & OFFLOAD_PARTIAL) !== 0;
        i32[e + 6] = ((word2 & 0xffff) - 1) | (updated(word2 >>> 16, TTL_DELTA + (deltas & 0xffff)) << 16);
        i32[e + (answer === 0 ? 8 : 7)] = words[own | NEW_ADDRESS] as number;
        i32[e + 9] = words[own | NEW_PORTS] as number;
        if (protocol === IPPROTO_UDP) {
          const word = i32[e + 10] as number;
          const checksum = partial ? updatedPartial(word >>> 16, deltas & 0xffff) : updated(word >>> 16, deltas >>> 16);
          i32[e + 10] = (word & 0xffff) | ((checksum === 0 && !partial ? UDP_CHECKSUM_ZERO : checksum) << 16);
        } else {
          const word = i32[e + 13] as number;
          i32[e + 13] = (word & ~0xffff) | (partial ? updatedPartial(word & 0xffff, deltas & 0xffff) : updated(word & 0xffff, deltas >>> 16));
        }
        i32[e] = ((i32[e] as number) & 0xffff) | (hops[h | DST_HIGH] as number) << 16;
      } else if (stamp === STAMP_DIRECT) {
        i32[e + 6] = ttlLowered(word2);
        i32[e] = ((i32[e] as number) & 0xffff) | (hops[h | DST_HIGH] as number) << 16;
      } else {
        if (stamp === 0 || total > mtu - OUTER_BYTES || (offloaded & OFFLOAD_PARTIAL) !== 0) break;
        const inner2 = ttlLowered(word2);
        i32[e + 6] = inner2;
        out = (e - OUTER_WORDS) & WORD_MASK;
        longer = OUTER_BYTES;
        writeOuter(i32, out, word0, word1, inner2 & 0xff, total + OUTER_BYTES, hops[h | SOURCE4] as number, words[own | NEW_ADDRESS] as number, words[own | DELTAS] as number);
        // NB: the half word before the new Ethernet header is free, and to read it would be to wait for a cache line that nobody has asked for.
        i32[out] = (hops[h | DST_HIGH] as number) << 16;
      }
      i32[out + 1] = hops[h | DST_LOW] as number;
      i32[out + 2] = hops[h | SRC_HIGH] as number;
      i32[out + 3] = (hops[h | SRC_LOW] as number) | RAW_IPV4;

      const seen = fixed[SEEN] as number;
      const base = own & CONN_BASE;
      if (shared) {
        // NB: both entries of a connection may be at work in two threads: no line is written that need not be, and no count is lost. Of two
        // times of the same packet's moment either will do.
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
      sink.transmit(hops[h | INTERFACE] as number, memory, out << 2 | 2, total + longer + 14, offloaded);
    }
    tally.listedCount = listedCount;
    return k;
  }

  /** The outer header of the frame at `e`, of that of the packet inside; identification 0 where DF is copied. `sum`: DELTAS of the entry. */
  function writeOuter(i32: Int32Array, e: number, inner0: number, inner1: number, ttl: number, total: number, source: number, target: number, sum: number): void {
    const tos = encapsulatedEcn((inner0 >>> 8) & 0xff) << 8;
    const length = ((total & 0xff) << 8) | (total >>> 8);
    const word1 = global[PMTU_DISC] !== 0 && (inner1 & DF_BIT) !== 0 ? DF_BIT : nextIdentification(global, shared);
    i32[e + 4] = VERSION_4_LENGTH_20 | tos | length << 16;
    i32[e + 5] = word1;
    i32[e + 6] = ttl | OUTER_PROTOCOL | ~fold(sum + tos + length + halves(word1) + ttl) << 16;
    i32[e + 7] = source;
    i32[e + 8] = target;
  }

  return { begin, stage, forward, finish: () => tally.settle() };
}

/** IP length of a full segment of a super-frame, by the word that holds the length of its TCP header. */
function segmentLength(word8: number, size: number): number {
  return 20 + ((word8 >>> 2) & 0x3c) + size;
}

/** The TTL in its word, and the checksum with it (RFC 1141): one more, with the carry brought round. */
function ttlLowered(word2: number): number {
  return word2 + (word2 >>> 16 >= 0xfffe ? 0x1ffff : 0xffff) | 0;
}

/** INET_ECN_encapsulate: the inner field copied, but CE becomes ECT(0). */
function encapsulatedEcn(tos: number): number {
  return (tos & 3) === 3 ? tos ^ 1 : tos;
}
