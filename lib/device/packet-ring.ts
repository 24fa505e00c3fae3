/**
 * What a packet socket receives (packet(7)): a TPACKET_V2 ring for ordinary frames, and beside it the socket's queue for those that are longer than a slot
 * of the ring, super-frames of up to 64 KiB above all (PACKET_COPY_THRESH). The kernel announces each of these in the ring too, so their order is kept.
 *
 *   slot (1984 bytes):
 *   0        32            52          152           162                       162+len
 *   | tpacket2_hdr | sockaddr_ll |  ...  | virtio_net_hdr | Ethernet | IP ...  |
 *                    ^------------ HEADROOM (128) -------->
 *
 * PACKET_RESERVE moves the frame so that the Ethernet header is at 2 modulo 4 and HEADROOM bytes before it are free. PACKET_VNET_HDR keeps
 * super-frames and partial checksums as they are, so 64 KiB cost one rewrite.
 *
 * The bargain: a frame in the ring was copied by the processor that received it, at no cost of a system call; a long one is copied by us when its turn comes,
 * into one of a few places that stay in the processor's cache, from where it is sent at once. A ring of slots for 64 KiB would be 34 MiB long, so that every
 * copy into and out of it missed that cache (bench/README.md).
 *
 * NB: the slot's length is no multiple of a page, or all headers would compete for the same few lines of the cache.
 * V2 not V3, because V3 hands blocks over after a millisecond.
 */
import {
  closeFd, getsockopt, mapDescriptor, receiveFrames, setsockopt, socket, SystemCallError, type Mapping,
} from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import { FrameMemory, HEADROOM, MAX_BURST, type FrameBurst } from '../wire/frame.ts';
import { completeSctpChecksum } from './sctp-checksum.ts';
import { offloadOf, OFFLOAD_UNKNOWN, sctpPending, VIRTIO_HEADER_LENGTH } from './virtio-header.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_COPY_THRESH = 7;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const TPACKET_V2 = 1;

/** tpacket2_hdr, as int32 words. */
const STATUS = 0;
const LEN = 1;
const SNAPLEN = 2;
const MAC_NET = 3;
const TCI_TPID = 6;
/** sockaddr_ll.sll_pkttype, in bytes. */
const PKTTYPE = 42;

const TP_STATUS_USER = 1;
const TP_STATUS_COPY = 2;
const TP_STATUS_VLAN_VALID = 0x10;
const PACKET_OTHERHOST = 3, PACKET_OUTGOING = 4;

const SLOT_BYTES = 1984;
/** 31 pages, without a gap. */
const SLOTS_PER_BLOCK = 64;
const BLOCK_BYTES = SLOT_BYTES * SLOTS_PER_BLOCK;
/** 76 is where the kernel puts the Ethernet header by itself (V2 with virtio header); the sum is 2 modulo 4. */
const RESERVE = 86;
const MAC_OFF = 76 + RESERVE;

/** Places for long frames, i.e. how many of them a burst has at most: together half of a usual second-level cache. */
const PLACES = 8;
const PLACE_BYTES = 17 * 4096;
/** The places share one. */
const HUGE_PAGE = 2 << 20;
const FRAME_OFF = HEADROOM + 2;
/** Long frames may wait in the socket's queue to this amount; the kernel doubles it. */
const QUEUE_BYTES = 16 * 1024 * 1024;

/** Receiving nothing so often in a row is worth a system call to find out why. */
const CLEAR_ERROR_EVERY = 16;
const NOT_OURS = -1;

/**
 * A slot's status is handed over between kernel and us like a lock. Where the processor keeps the order of loads, and of stores, a plain access does
 * (x86); Atomics cost a call.
 */
const ORDERED = process.arch === 'x64';

export class PacketRing {
  readonly fd: number;
  /** Slots after rounding up to whole blocks, or after the kernel had less memory than asked for. */
  readonly slots: number;
  readonly memory: FrameMemory;
  readonly #mapping: Mapping;
  readonly #words: Int32Array;
  /** Offset of the first place for long frames. */
  readonly #places: number;
  /** Which frame of the burst goes to each place; and what came there. */
  readonly #longAt = new Int32Array(PLACES);
  readonly #longLengths = new Int32Array(PLACES);
  readonly #announced = new Int32Array(PLACES);
  readonly #statistics = new Uint32Array(2);
  readonly #statisticsBytes = new Uint8Array(this.#statistics.buffer);
  readonly #error = new Uint8Array(4);
  #head = 0;
  #taken = 0;
  #emptyRounds = 0;
  #open = true;
  #received = 0;
  /** Though the kernel had them: cut, or of a kind nobody knows. */
  #lost = 0;

  /** Bound to no interface yet. Throws LvsError or SystemCallError. */
  constructor(wantedSlots: number) {
    this.fd = openSocket();
    try {
      this.slots = openRing(this.fd, wantedSlots);
      const ringBytes = this.slots * SLOT_BYTES;
      this.#mapping = mapDescriptor(this.fd, ringBytes, 0, 2 * HUGE_PAGE);
      this.#places = Math.ceil((this.#mapping.address + ringBytes) / HUGE_PAGE) * HUGE_PAGE - this.#mapping.address;
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
    this.memory = new FrameMemory(this.#mapping.buffer, this.#mapping.address);
    this.#words = this.memory.i32;
  }

  /** Frames handed out, and frames lost, since the last time this was asked; asks the kernel for its drop count. */
  takeCounts(): { readonly received: number; readonly lost: number } {
    getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, this.#statisticsBytes);
    const counts = { received: this.#received, lost: this.#lost + this.#statistics[1]! };
    this.#received = this.#lost = 0;
    return counts;
  }

  receive(burst: FrameBurst): number {
    const { memory, slots } = this;
    const words = this.#words;
    const { len } = burst;
    let count = 0;
    let long = 0;
    let taken = this.#taken;
    let at = this.#head;
    while (count < MAX_BURST && taken < slots) {
      const slot = at * SLOT_BYTES;
      const word = slot >> 2;
      const status = ORDERED ? words[word + STATUS]! : Atomics.load(words, word + STATUS);
      if ((status & TP_STATUS_USER) === 0) break;
      const isOurs = this.#isOurs(slot, status);
      // Fast path: an ordinary frame, all of it here.
      if ((status & TP_STATUS_COPY) === 0) {
        if (isOurs) {
          if (words[word + SNAPLEN] !== words[word + LEN] || !this.#describe(burst, count, slot + MAC_OFF, words[word + SNAPLEN]!)) this.#lost++;
          else count++;
        }
      } else {
        if (long === PLACES) break;
        this.#longAt[long] = isOurs ? count : NOT_OURS;
        this.#announced[long] = words[word + LEN]!;
        if (isOurs) len[count++] = 0;
        long++;
      }
      taken++;
      at = at + 1 === slots ? 0 : at + 1;
    }
    if (taken !== this.#taken) this.#emptyRounds = 0;
    else if (++this.#emptyRounds % CLEAR_ERROR_EVERY === 0) this.#clearError();
    this.#head = at;
    this.#taken = taken;
    if (long > 0) count = this.#receiveLong(burst, count, long);
    this.#received += count;
    burst.memory = memory;
    burst.count = count;
    return count;
  }

  recycle(): void {
    const words = this.#words;
    let at = this.#head - this.#taken;
    if (at < 0) at += this.slots;
    for (let i = 0; i < this.#taken; i++) {
      const word = (at * SLOT_BYTES) >> 2;
      if (ORDERED) words[word + STATUS] = 0;
      else Atomics.store(words, word + STATUS, 0);
      at = at + 1 === this.slots ? 0 : at + 1;
    }
    this.#taken = 0;
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.release();
    closeFd(this.fd);
  }

  /** Fetch the long frames that the ring announced; returns how many frames the burst has then. */
  #receiveLong(burst: FrameBurst, count: number, long: number): number {
    const { off, len, offload } = burst;
    const longAt = this.#longAt;
    const came = this.#fetch(long);
    let isAstray = came < long;
    let unknown = 0;
    for (let i = 0; i < came; i++) {
      const length = (this.#longLengths[i] as number) - VIRTIO_HEADER_LENGTH;
      if (length !== this.#announced[i]) isAstray = true;
      else if (longAt[i] !== NOT_OURS && !this.#describe(burst, longAt[i] as number, this.#places + i * PLACE_BYTES + FRAME_OFF, length)) unknown++;
    }
    // Fast path: all are there.
    if (unknown === 0 && !isAstray) return count;
    if (isAstray) {
      // Ring and queue do not tell of the same frames (an error of the socket came between): without any of them, begin anew with what comes. This ends: none but
      // frames with a slot of the ring are queued, and no slot is given back meanwhile.
      for (let i = 0; i < long; i++) if (longAt[i] !== NOT_OURS) len[longAt[i] as number] = 0;
      while (this.#fetch(PLACES) > 0);
    }
    let kept = 0;
    for (let i = 0; i < count; i++) {
      if (len[i] === 0) {
        this.#lost++;
        continue;
      }
      off[kept] = off[i] as number;
      len[kept] = len[i] as number;
      offload[kept] = offload[i] as number;
      kept++;
    }
    return kept;
  }

  #fetch(count: number): number {
    return receiveFrames(this.fd, this.memory.address + this.#places + FRAME_OFF - VIRTIO_HEADER_LENGTH, PLACE_BYTES, PLACE_BYTES - FRAME_OFF + VIRTIO_HEADER_LENGTH, count, this.#longLengths);
  }

  /** Enter a frame of the ring's memory into the burst; false for one that nobody can handle. */
  #describe(burst: FrameBurst, i: number, off: number, len: number): boolean {
    const { memory } = this;
    const header = off - VIRTIO_HEADER_LENGTH;
    const offload = len < 14 ? OFFLOAD_UNKNOWN : offloadOf(memory, header);
    if (offload === OFFLOAD_UNKNOWN) return false;
    burst.off[i] = off;
    burst.len[i] = len;
    burst.offload[i] = sctpPending(memory, header) ? completeSctpChecksum(memory, off, off + memory.u16[(off - 4) >> 1]!, len, offload) : offload;
    return true;
  }

  /** Frames for other hosts (the interface is promiscuous) and for VLAN interfaces above this one are not. */
  #isOurs(slot: number, status: number): boolean {
    const type = this.memory.u8[slot + PKTTYPE];
    if (type === PACKET_OTHERHOST || type === PACKET_OUTGOING) return false;
    // A tag with VLAN 0 carries only a priority.
    if (status & TP_STATUS_VLAN_VALID && (this.#words[(slot >> 2) + TCI_TPID]! & 0xfff) !== 0) return false;
    return (this.#words[(slot >> 2) + MAC_NET]! & 0xffff) === MAC_OFF;
  }

  /** An interface that went down leaves an error on the socket, which wakes poll again and again without frames. */
  #clearError(): void {
    getsockopt(this.fd, SOL_SOCKET, SO_ERROR, this.#error);
  }
}

function openSocket(): number {
  try {
    return socket(AF_PACKET, SOCK_RAW, 0);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EPERM') {
      throw new LvsError('Permission', 'no permission for packet sockets: run as root or with CAP_NET_RAW and CAP_NET_ADMIN');
    }
    throw error;
  }
}

/** Ring length in slots. Less than asked for where the kernel has no memory for more. */
function openRing(fd: number, wanted: number): number {
  setsockopt(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
  setsockopt(fd, SOL_PACKET, PACKET_RESERVE, RESERVE);
  setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  setsockopt(fd, SOL_PACKET, PACKET_COPY_THRESH, SLOT_BYTES);
  try {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
  } catch {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, QUEUE_BYTES);
  }
  for (let blocks = Math.max(1, Math.ceil(wanted / SLOTS_PER_BLOCK)); ; blocks >>= 1) {
    const request = Uint32Array.of(BLOCK_BYTES, blocks, SLOT_BYTES, blocks * SLOTS_PER_BLOCK);
    try {
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer));
      return blocks * SLOTS_PER_BLOCK;
    } catch (error) {
      if (blocks === 1 || !(error instanceof SystemCallError) || error.code !== 'ENOMEM') throw error;
    }
  }
}
