/**
 * The `packet` device: AF_PACKET, receiving from a ring (packet-ring.ts), sending out of the memory that frames lie in (packet(7)). The director rewrites
 * a frame in place and sendmmsg reads it from there: no copy of ours.
 *
 * NB: ETH_P_ALL, because a tap for ETH_P_IP sits behind the ingress hooks where the guard drops. No QDISC_BYPASS, because it fails super-frames on
 * devices that cannot segment.
 *
 * Several workers on one interface are a fan-out group: the kernel gives each frame to one of them, by a hash of its flow. A socket of a group cannot be
 * bound anew, so what came back under the name of its interface is opened anew.
 */
import {
  addressOf, allocate, bind, closeFd, FrameQueue, getsockopt, ifindexOf, nativeProblem, sendFrames, setsockopt, sockaddrLl, socket, SystemCallError, type Mapping,
} from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import { FrameBurst, FrameMemory } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { DIRECTOR_MARK } from './guard-program.ts';
import { ARPHRD_ETHER, interfaceHardware } from './interface-hardware.ts';
import { PacketRing } from './packet-ring.ts';
import { VIRTIO_HEADER_LENGTH, writeVirtioHeader } from './virtio-header.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SO_MARK = 36;
const SO_ATTACH_FILTER = 26, SO_DETACH_FILTER = 27;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const FANOUT_HASH = 0, FANOUT_UNIQUE_ID = 0x2000, FANOUT_IGNORE_OUTGOING = 0x4000;

const RING_FRAMES = 1024;
const SEND_QUEUE = 512;
const SEND_BUFFER_BYTES = 16 * 1024 * 1024;
/** Frames from memory without an address (ICMP answers, fragments, released frames) are copied here until flush(). */
const STAGING_BYTES = 1024 * 1024;

export const NO_GROUP = -1;

/** BPF_RET | BPF_K, 0. NB: long enough not to be moved by the collector. */
const RETURN_0 = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(120)).subarray(0, 8);

export interface PacketDeviceOptions {
  /** Receive ring length in frames of up to 2 KiB; rounded up to a multiple of 64. Default 1024. Longer frames have their own room. */
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
  #ring!: PacketRing;
  #fanoutGroup = 0;
  readonly #staging: Mapping;
  readonly #stagingMemory: FrameMemory;
  readonly #queue = new FrameQueue(SEND_QUEUE);
  readonly #counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  #ifindex: number;
  #staged = 0;
  #open = true;

  constructor(name: string, options: PacketDeviceOptions = {}) {
    const problem = nativeProblem();
    if (problem !== null) throw new LvsError('Unsupported', problem);
    this.name = name;
    this.#ifindex = ifindexOf(name);
    if (this.#ifindex === 0) throw new LvsError('NoSuchDevice', `no interface named ${name}: "ip link" lists them`);
    this.#wantedFrames = options.ringFrames ?? RING_FRAMES;
    this.#fansOut = options.fanout !== undefined;
    try {
      requireEthernet(name);
      this.#openReceiver(options.fanout ?? 0);
      this.#tx = openSender(this.#ifindex);
    } catch (error) {
      this.#ring?.close();
      throw explained(error, name);
    }
    this.#staging = allocate(STAGING_BYTES);
    this.#stagingMemory = new FrameMemory(this.#staging.buffer, this.#staging.address);
    this.burst = new FrameBurst(this.#ring.memory);
  }

  get pollFds(): readonly number[] {
    return [this.#ring.fd];
  }

  /** Frames in the ring after rounding, or after the kernel had less memory than asked for. */
  get ringFrames(): number {
    return this.#ring.slots;
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
    if (this.#open) this.#count();
    return this.#counters;
  }

  receive(burst: FrameBurst): number {
    return this.#ring.receive(burst);
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
    this.#ring.recycle();
  }

  /** The interface came back under its name, with another kernel index: receive from and send to that one. False if it is gone again. */
  rebind(ifindex: number, fanout = 0): boolean {
    const before = this.#ifindex;
    try {
      if (this.#fansOut) {
        this.#ifindex = ifindex;
        this.#count();
        this.#closeReceiver();
        this.#openReceiver(fanout);
      } else {
        bind(this.#ring.fd, sockaddrLl(ETH_P_ALL, ifindex));
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
    this.#ring = new PacketRing(this.#wantedFrames);
    if (!this.#fansOut || group === 0) bind(this.#ring.fd, sockaddrLl(ETH_P_ALL, this.#ifindex));
    if (this.#fansOut && group !== NO_GROUP) this.#join(group);
  }

  #closeReceiver(): void {
    this.#fanoutGroup = 0;
    this.#ring.close();
  }

  /** To the counters what the ring has counted. */
  #count(): void {
    const counters = this.#counters;
    const { received, lost } = this.#ring.takeCounts();
    counters.received += received;
    counters.receiveDrops += lost;
  }

  /** NB: nothing is received between bind() and becoming a member: the others get those frames, too. */
  #join(group: number): void {
    if (group !== 0) {
      setsockopt(this.#ring.fd, SOL_SOCKET, SO_ATTACH_FILTER, nothing());
      bind(this.#ring.fd, sockaddrLl(ETH_P_ALL, this.#ifindex));
    }
    this.#fanoutGroup = joinGroup(this.#ring.fd, group);
    if (group === 0) return;
    if (this.#fanoutGroup === 0) bind(this.#ring.fd, sockaddrLl(0, this.#ifindex));
    setsockopt(this.#ring.fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
  }
}

function requireEthernet(name: string): void {
  const { type } = interfaceHardware(name);
  if (type !== ARPHRD_ETHER) throw new LvsError('Unsupported', `${name} is not an Ethernet interface (hardware type ${type})`);
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
