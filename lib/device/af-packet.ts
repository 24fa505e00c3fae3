/**
 * The `packet` device: AF_PACKET with a TPACKET_V2 receive ring, sending out of that ring (packet(7)). The kernel copies each frame into
 * the ring once, the director rewrites it in place, and sendmmsg reads it from there: no copy of ours.
 *
 *   ring frame (69632 bytes, so that a 64 KiB super-frame fits):
 *   0        32            52          152           162                       162+len
 *   | tpacket2_hdr | sockaddr_ll |  ...  | virtio_net_hdr | Ethernet | IP ...  |
 *                    ^------------ HEADROOM (128) -------->
 *
 * PACKET_RESERVE moves the frame so that the Ethernet header is at 2 modulo 4 and HEADROOM bytes before it are free. PACKET_VNET_HDR keeps
 * super-frames and partial checksums as they are, both ways, so 64 KiB cost one rewrite.
 *
 * NB: ETH_P_ALL, because a tap for ETH_P_IP sits behind the ingress hooks where the guard drops. V2 not V3, because V3 hands blocks over
 * after a millisecond. No QDISC_BYPASS, because it fails super-frames on devices that cannot segment.
 *
 * Several workers on one interface are a fan-out group: the kernel gives each frame to one of them, by a hash of its flow. A socket of a group cannot be
 * bound anew, so what came back under the name of its interface is opened anew.
 */
import {
  addressOf, allocate, bind, closeFd, FrameQueue, getsockopt, ifindexOf, mapDescriptor, nativeProblem, sendFrames, setsockopt, sockaddrLl, socket,
  SystemCallError, type Mapping,
} from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import { FrameBurst, FrameMemory, MAX_BURST } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { DIRECTOR_MARK } from './guard-program.ts';
import { ARPHRD_ETHER, interfaceHardware } from './interface-hardware.ts';
import { completeSctpChecksum } from './sctp-checksum.ts';
import { offloadOf, OFFLOAD_UNKNOWN, sctpPending, VIRTIO_HEADER_LENGTH, writeVirtioHeader } from './virtio-header.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SO_MARK = 36;
const SO_ATTACH_FILTER = 26, SO_DETACH_FILTER = 27;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const PACKET_IGNORE_OUTGOING = 23;
const FANOUT_HASH = 0, FANOUT_UNIQUE_ID = 0x2000, FANOUT_IGNORE_OUTGOING = 0x4000;
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
const TP_STATUS_VLAN_VALID = 0x10;
const PACKET_OTHERHOST = 3, PACKET_OUTGOING = 4;

const FRAME_SIZE = 69632;
/** 15 frames are 255 pages: one block just below a power of two, so that the kernel's allocator wastes nothing. */
const FRAMES_PER_BLOCK = 15;
/** 76 is where the kernel puts the Ethernet header by itself (V2 with virtio header); the sum is 2 modulo 4. */
const RESERVE = 86;
const MAC_OFF = 76 + RESERVE;
/** Receiving nothing so often in a row is worth a system call to find out why. */
const CLEAR_ERROR_EVERY = 16;
const SEND_QUEUE = 512;
const SEND_BUFFER_BYTES = 16 * 1024 * 1024;
/** Frames from memory without an address (ICMP answers, fragments, released frames) are copied here until flush(). */
const STAGING_BYTES = 1024 * 1024;

/**
 * A frame's status is handed over between kernel and us like a lock. Where the processor keeps the order of loads, and of stores, a plain access does
 * (x86); Atomics cost a call.
 */
const ORDERED = process.arch === 'x64';

export const NO_GROUP = -1;

/** BPF_RET | BPF_K, 0. NB: long enough not to be moved by the collector. */
const RETURN_0 = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(120)).subarray(0, 8);

export interface PacketDeviceOptions {
  /** Receive ring length in frames of 68 KiB; rounded up to a multiple of 15. Default 510. */
  readonly ringFrames?: number;
  /** Share the interface's frames with the other members of this fan-out group; 0 makes a new group, NO_GROUP receives nothing before rebind(). Without: all frames. */
  readonly fanout?: number;
}

export class PacketDevice implements Device {
  readonly kind = 'packet';
  readonly name: string;
  readonly burst: FrameBurst;
  readonly #wantedFrames: number;
  readonly #fansOut: boolean;
  readonly #tx: number;
  #ringFrames = 0;
  #rx = -1;
  #ring!: Mapping;
  #memory!: FrameMemory;
  #words!: Int32Array;
  #fanoutGroup = 0;
  readonly #staging: Mapping;
  readonly #stagingMemory: FrameMemory;
  readonly #queue = new FrameQueue(SEND_QUEUE);
  readonly #statistics = new Uint32Array(2);
  readonly #statisticsBytes = new Uint8Array(this.#statistics.buffer);
  readonly #error = new Uint8Array(4);
  readonly #counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  #ifindex: number;
  #head = 0;
  #taken = 0;
  #staged = 0;
  #emptyRounds = 0;
  #open = true;

  constructor(name: string, options: PacketDeviceOptions = {}) {
    const problem = nativeProblem();
    if (problem !== null) throw new LvsError('Unsupported', problem);
    this.name = name;
    this.#ifindex = ifindexOf(name);
    if (this.#ifindex === 0) throw new LvsError('NoSuchDevice', `no interface named ${name}: "ip link" lists them`);
    this.#wantedFrames = options.ringFrames ?? 510;
    this.#fansOut = options.fanout !== undefined;
    try {
      requireEthernet(name);
      this.#openReceiver(options.fanout ?? 0);
      this.#tx = openSender(this.#ifindex);
    } catch (error) {
      if (this.#rx >= 0) this.#closeReceiver();
      throw explained(error, name);
    }
    this.#staging = allocate(STAGING_BYTES);
    this.#stagingMemory = new FrameMemory(this.#staging.buffer, this.#staging.address);
    this.burst = new FrameBurst(this.#memory);
  }

  get pollFds(): readonly number[] {
    return [this.#rx];
  }

  /** Frames in the ring after rounding, or after the kernel had less memory than asked for. */
  get ringFrames(): number {
    return this.#ringFrames;
  }

  /** The fan-out group that it is a member of, 0 without. */
  get fanoutGroup(): number {
    return this.#fanoutGroup;
  }

  /** Kernel index of the interface it is bound to. */
  get ifindex(): number {
    return this.#ifindex;
  }

  /** Reading them asks the kernel for its drop count. */
  get counters(): DeviceCounters {
    if (this.#open) {
      getsockopt(this.#rx, SOL_PACKET, PACKET_STATISTICS, this.#statisticsBytes);
      this.#counters.receiveDrops += this.#statistics[1]!;
    }
    return this.#counters;
  }

  receive(burst: FrameBurst): number {
    const words = this.#words;
    let count = 0;
    let taken = this.#taken;
    let at = this.#head;
    while (count < MAX_BURST && taken < this.#ringFrames) {
      const frame = at * FRAME_SIZE;
      const status = ORDERED ? words[(frame >> 2) + STATUS]! : Atomics.load(words, (frame >> 2) + STATUS);
      if ((status & TP_STATUS_USER) === 0) break;
      const off = frame + (words[(frame >> 2) + MAC_NET]! & 0xffff);
      if (this.#isOurs(frame, status)) {
        const offload = offloadOf(this.#memory, off - VIRTIO_HEADER_LENGTH);
        if (offload === OFFLOAD_UNKNOWN) {
          this.#counters.receiveDrops++;
        } else {
          burst.off[count] = off;
          burst.len[count] = words[(frame >> 2) + SNAPLEN]!;
          burst.offload[count] = sctpPending(this.#memory, off - VIRTIO_HEADER_LENGTH)
            ? completeSctpChecksum(this.#memory, off, off + this.#memory.u16[(off - 4) >> 1]!, burst.len[count]!, offload)
            : offload;
          count++;
        }
      }
      taken++;
      at = at + 1 === this.#ringFrames ? 0 : at + 1;
    }
    if (taken !== this.#taken) this.#emptyRounds = 0;
    else if (++this.#emptyRounds % CLEAR_ERROR_EVERY === 0) this.#clearError();
    this.#head = at;
    this.#taken = taken;
    this.#counters.received += count;
    burst.memory = this.#memory;
    burst.count = count;
    return count;
  }

  transmit(memory: FrameMemory, off: number, len: number, offload: number): void {
    if (this.#queue.isFull) this.flush();
    if (memory.address !== 0) {
      writeVirtioHeader(memory, off - VIRTIO_HEADER_LENGTH, off, len, offload, off);
      this.#queue.push(memory.address + off - VIRTIO_HEADER_LENGTH, len + VIRTIO_HEADER_LENGTH);
      return;
    }
    // Slow path: the frame may be gone before flush().
    const need = (VIRTIO_HEADER_LENGTH + 2 + len + 63) & ~63;
    if (need > STAGING_BYTES) {
      this.#counters.transmitDrops++;
      return;
    }
    if (this.#staged + need > STAGING_BYTES) this.flush();
    const copy = this.#staged + VIRTIO_HEADER_LENGTH;
    this.#staged += need;
    // NB: 64 + 10 is 2 modulo 4, as frames must be.
    this.#stagingMemory.u8.set(memory.u8.subarray(off, off + len), copy);
    writeVirtioHeader(this.#stagingMemory, copy - VIRTIO_HEADER_LENGTH, copy, len, offload, copy);
    this.#queue.push(this.#staging.address + copy - VIRTIO_HEADER_LENGTH, len + VIRTIO_HEADER_LENGTH);
  }

  flush(): void {
    if (this.#queue.count > 0) {
      this.#counters.transmitted += sendFrames(this.#tx, this.#queue);
      this.#counters.transmitDrops += this.#queue.outcome[0]!;
    }
    this.#staged = 0;
  }

  recycle(): void {
    const words = this.#words;
    let at = this.#head - this.#taken;
    if (at < 0) at += this.#ringFrames;
    for (let i = 0; i < this.#taken; i++) {
      if (ORDERED) words[((at * FRAME_SIZE) >> 2) + STATUS] = 0;
      else Atomics.store(words, ((at * FRAME_SIZE) >> 2) + STATUS, 0);
      at = at + 1 === this.#ringFrames ? 0 : at + 1;
    }
    this.#taken = 0;
  }

  /** The interface came back under its name, with another kernel index: receive from and send to that one. False if it is gone again. */
  rebind(ifindex: number, fanout = 0): boolean {
    const before = this.#ifindex;
    try {
      if (this.#fansOut) {
        this.#ifindex = ifindex;
        this.#closeReceiver();
        this.#openReceiver(fanout);
      } else {
        bind(this.#rx, sockaddrLl(ETH_P_ALL, ifindex));
      }
      bind(this.#tx, sockaddrLl(0, ifindex));
    } catch (error) {
      if (!(error instanceof SystemCallError) || error.code !== 'ENODEV') throw error;
      this.#ifindex = before;
      return false;
    }
    this.#ifindex = ifindex;
    return true;
  }

  /** Become a member of the group (0: make one), after an attempt that failed because the interface was down. Whether it is one now. */
  joinFanout(group: number): boolean {
    if (this.#fansOut && this.#fanoutGroup === 0) this.#join(group);
    return this.#fanoutGroup !== 0;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closeReceiver();
    this.#staging.release();
    closeFd(this.#tx);
  }

  #openReceiver(group: number): void {
    this.#rx = openSocket();
    this.#ringFrames = openRing(this.#rx, this.#wantedFrames);
    this.#ring = mapDescriptor(this.#rx, this.#ringFrames * FRAME_SIZE);
    this.#memory = new FrameMemory(this.#ring.buffer, this.#ring.address);
    this.#words = this.#memory.i32;
    this.#head = this.#taken = 0;
    if (!this.#fansOut || group === 0) bind(this.#rx, sockaddrLl(ETH_P_ALL, this.#ifindex));
    if (this.#fansOut && group !== NO_GROUP) this.#join(group);
  }

  #closeReceiver(): void {
    this.#fanoutGroup = 0;
    this.#ring?.release();
    closeFd(this.#rx);
    this.#rx = -1;
  }

  /** NB: nothing is received between bind() and becoming a member: the others get those frames, too. */
  #join(group: number): void {
    if (group !== 0) {
      setsockopt(this.#rx, SOL_SOCKET, SO_ATTACH_FILTER, nothing());
      bind(this.#rx, sockaddrLl(ETH_P_ALL, this.#ifindex));
    }
    this.#fanoutGroup = joinGroup(this.#rx, group);
    if (group === 0) return;
    if (this.#fanoutGroup === 0) bind(this.#rx, sockaddrLl(0, this.#ifindex));
    setsockopt(this.#rx, SOL_SOCKET, SO_DETACH_FILTER, 0);
  }

  /** Frames for other hosts (the interface is promiscuous), for VLAN interfaces above this one, and cut ones are not. */
  #isOurs(frame: number, status: number): boolean {
    const words = this.#words;
    const at = frame >> 2;
    const type = this.#memory.u8[frame + PKTTYPE];
    if (type === PACKET_OTHERHOST || type === PACKET_OUTGOING) return false;
    // A tag with VLAN 0 carries only a priority.
    if (status & TP_STATUS_VLAN_VALID && (words[at + TCI_TPID]! & 0xfff) !== 0) return false;
    if (words[at + SNAPLEN]! !== words[at + LEN]! || words[at + SNAPLEN]! < 14) {
      this.#counters.receiveDrops++;
      return false;
    }
    return (words[at + MAC_NET]! & 0xffff) === MAC_OFF;
  }

  /** An interface that went down leaves an error on the socket, which wakes poll again and again without frames. */
  #clearError(): void {
    getsockopt(this.#rx, SOL_SOCKET, SO_ERROR, this.#error);
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

function requireEthernet(name: string): void {
  const { type } = interfaceHardware(name);
  if (type !== ARPHRD_ETHER) throw new LvsError('Unsupported', `${name} is not an Ethernet interface (hardware type ${type})`);
}

/** Ring length in frames. Less than asked for where the kernel has no memory for more. */
function openRing(fd: number, wanted: number): number {
  setsockopt(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
  setsockopt(fd, SOL_PACKET, PACKET_RESERVE, RESERVE);
  setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  for (let blocks = Math.max(1, Math.ceil(wanted / FRAMES_PER_BLOCK)); ; blocks >>= 1) {
    const request = Uint32Array.of(FRAMES_PER_BLOCK * FRAME_SIZE, blocks, FRAME_SIZE, blocks * FRAMES_PER_BLOCK);
    try {
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer));
      return blocks * FRAMES_PER_BLOCK;
    } catch (error) {
      if (blocks === 1 || !(error instanceof SystemCallError) || error.code !== 'ENOMEM') throw error;
    }
  }
}

/** A new group (0), or this one: its number, or 0 where that is not possible while the interface is down (Linux before 6.14). */
function joinGroup(fd: number, group: number): number {
  const type = FANOUT_HASH | (group === 0 ? FANOUT_UNIQUE_ID : 0);
  // NB: not every kernel knows how a group leaves out what the host sends; receive() leaves it out in any case.
  for (const flags of [FANOUT_IGNORE_OUTGOING, 0]) {
    try {
      setsockopt(fd, SOL_PACKET, PACKET_FANOUT, ((type | flags) << 16) | group);
      const out = new Uint8Array(4);
      getsockopt(fd, SOL_PACKET, PACKET_FANOUT, out);
      return new DataView(out.buffer).getUint16(0, true);
    } catch (error) {
      if (!(error instanceof SystemCallError) || error.code !== 'EINVAL') throw error;
    }
  }
  return 0;
}

/** struct sock_fprog of one instruction: keep no byte. */
function nothing(): Uint8Array {
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, 1, true);
  view.setBigUint64(8, BigInt(addressOf(RETURN_0)), true);
  return program;
}

function openSender(ifindex: number): number {
  const fd = socket(AF_PACKET, SOCK_RAW, 0);
  try {
    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    setsockopt(fd, SOL_SOCKET, SO_MARK, DIRECTOR_MARK);
    try {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
    } catch {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
    }
    bind(fd, sockaddrLl(0, ifindex));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function explained(error: unknown, name: string): unknown {
  if (!(error instanceof SystemCallError)) return error;
  if (error.code === 'EPERM' || error.code === 'EACCES') return new LvsError('Permission', `${name}: ${error.message}: run as root or with CAP_NET_RAW and CAP_NET_ADMIN`);
  if (error.code === 'ENOMEM') return new LvsError('NoMemory', `${name}: no memory for a receive ring: choose a shorter one`);
  return new LvsError('Unsupported', `${name}: cannot open a packet ring: ${error.message}`);
}
