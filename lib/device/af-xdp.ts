/**
 * The `xdp` device: AF_XDP sockets, one for each receive queue, over memory that all interfaces of the thread share (xdp-umem.ts). An XDP program
 * (guard-program.ts) hands over what is ours and nothing else; what it passes on meets the packet device that stands beside this one on the same
 * interface, and then the host: ARP, frames longer than a chunk, tagged ones, queues without a socket yet. So nothing is lost that the packet
 * device would not lose either.
 *
 *   a round:  receive ring -> frames held -> (rewritten in place) -> transmit ring of any port -> flush -> completion ring -> free
 *                                        \-> not sent ------------- recycle ------------------------------------------------> free -> fill ring
 *
 * Frames from other memory (answers we make, fragments, frames of other devices) are copied into a free chunk. What no chunk can carry, super-frames and
 * jumbo frames, is sent by the packet device. Checksums left to the device: pending-checksum.ts on the way in, and on the way out
 * by the kernel (struct xsk_tx_metadata), so that senders and receivers keep all their offloads.
 */
import { closeFd, EAGAIN, EINTR, epoll, epollAdd, kick, SystemCallError } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import { sumBytes } from '../wire/checksum.ts';
import { FrameBurst, MAX_BURST, OFFLOAD_GSO_MASK, OFFLOAD_PARTIAL, type FrameMemory } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { setSocket } from './ebpf.ts';
import { pendingChecksum } from './pending-checksum.ts';
import { transportOffset } from './virtio-header.ts';
import { CHUNK_BYTES, CHUNK_SHIFT, FRAME_OFF, LONGEST_XDP_FRAME, METADATA_BYTES } from './xdp-chunk.ts';
import { XdpSocket } from './xdp-socket.ts';
import type { XdpUmem } from './xdp-umem.ts';

/** Bit of a descriptor's options, and of the metadata's flags. */
const XDP_TX_METADATA = 2;
const XDP_TXMD_FLAGS_CHECKSUM = 2;
const CHUNK_MASK = CHUNK_BYTES - 1;
/** Receiving nothing so often in a row is worth a system call to find out why. */
const CLEAR_ERROR_EVERY = 16;
const DEFAULT_RING = 2048;
/** Chunks that fill rings leave for frames to be copied into. */
const KEPT_CHUNKS = 512;
/** Fewer free entries of a fill ring are not worth a publication. */
const LEAST_REFILL = 32;
const UDP_CHECKSUM = 6;
/** A copy of fewer bytes is faster by hand. */
const SHORT_COPY = 256;

export interface XdpDeviceOptions {
  readonly umem: XdpUmem;
  readonly ifindex: number;
  /** Receive queues of the interface that are ours; the first one also transmits. */
  readonly queues: readonly number[];
  /** Descriptor of the XDP program's map of sockets by queue. */
  readonly socketsFd: number;
  /** The packet device on the same interface, which sends what this one cannot. Its owner flushes and closes it. */
  readonly packet: Device;
  /** Entries of each ring, a power of two. */
  readonly ringSize?: number;
}

export class XdpDevice implements Device {
  readonly kind = 'xdp';
  readonly name: string;
  readonly pollFds: readonly number[];
  readonly burst: FrameBurst;
  /** Frames in this memory were taken away from the host: to pass them on, they have to be given back. */
  readonly stolen: FrameMemory;
  readonly #umem: XdpUmem;
  readonly #packet: Device;
  readonly #socketsFd: number;
  readonly #ringSize: number;
  readonly #epoll: number;
  readonly #counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  /** Addresses of the frames of the last receive(). */
  readonly #held = new Int32Array(MAX_BURST);
  readonly #done = new Int32Array(MAX_BURST);
  #ifindex: number;
  #sockets: XdpSocket[] = [];
  #sender: XdpSocket | null = null;
  #heldCount = 0;
  #turn = 0;
  #emptyRounds = 0;
  /** Drops of sockets that were closed. */
  #pastDrops = 0;
  #open = true;

  /** Throws LvsError when the interface or the kernel does not allow it. */
  constructor(name: string, options: XdpDeviceOptions) {
    this.name = name;
    this.#umem = options.umem;
    this.#packet = options.packet;
    this.#socketsFd = options.socketsFd;
    this.#ringSize = options.ringSize ?? DEFAULT_RING;
    this.#ifindex = options.ifindex;
    this.stolen = options.umem.memory;
    this.burst = new FrameBurst(this.stolen);
    this.#epoll = epoll();
    this.pollFds = [this.#epoll];
    try {
      for (const queue of options.queues) this.#openSocket(queue, false);
    } catch (error) {
      this.close();
      throw explained(error, name);
    }
  }

  get ifindex(): number {
    return this.#ifindex;
  }

  get queues(): readonly number[] {
    return this.#sockets.map(({ queue }) => queue);
  }

  /** Reading them asks the kernel for its drop counts. */
  get counters(): DeviceCounters {
    if (this.#open) this.#counters.receiveDrops = this.#sockets.reduce((sum, socket) => sum + socket.receiveDrops, this.#pastDrops);
    return this.#counters;
  }

  receive(burst: FrameBurst): number {
    const { memory } = this.#umem;
    const sockets = this.#sockets;
    let count = 0;
    for (let i = 0; i < sockets.length && count < MAX_BURST; i++) {
      // Every queue comes first in its turn.
      const socket = sockets[(this.#turn + i) % sockets.length] as XdpSocket;
      count = this.#take(socket, burst, count, memory);
    }
    if (sockets.length > 1) this.#turn = (this.#turn + 1) % sockets.length;
    if (count > 0) this.#emptyRounds = 0;
    else if (++this.#emptyRounds % CLEAR_ERROR_EVERY === 0) for (const socket of sockets) socket.clearError();
    this.#heldCount = count;
    this.#counters.received += count;
    burst.memory = memory;
    burst.count = count;
    return count;
  }

  transmit(memory: FrameMemory, off: number, len: number, offload: number): void {
    const sender = this.#sender;
    if (sender === null || len > LONGEST_XDP_FRAME || (offload & OFFLOAD_GSO_MASK) !== 0) {
      this.#packet.transmit(memory, off, len, offload);
      return;
    }
    if (sender.transmit.free(1) === 0) {
      this.flush();
      if (sender.transmit.free(1) === 0) {
        this.#counters.transmitDrops++;
        return;
      }
    }
    const umem = this.#umem;
    let address = off;
    let chunk = off >> CHUNK_SHIFT;
    // Slow path: the frame is not in a chunk of ours, or that one is on its way already.
    if (memory !== umem.memory || !umem.isHeld(chunk) || (off & CHUNK_MASK) < METADATA_BYTES) {
      chunk = umem.take();
      if (chunk < 0) {
        this.#counters.transmitDrops++;
        return;
      }
      address = (chunk << CHUNK_SHIFT) + FRAME_OFF;
      copy(memory.u8, off, umem.memory.u8, address, len);
    }
    umem.send(chunk, sender.number);
    sender.transmit.putFrame(address, len, (offload & OFFLOAD_PARTIAL) === 0 ? 0 : this.#finishChecksum(address, len));
  }

  flush(): void {
    const sender = this.#sender;
    if (sender === null) return;
    this.#counters.transmitted += sender.transmit.publish();
    for (let left = sender.transmit.pending(); left > 0; ) {
      const result = kick(sender.fd);
      const before = left;
      left = sender.transmit.pending();
      // Full queues further down keep frames here until the next round.
      if (left === before && result !== -EINTR) break;
      if (result < 0 && result !== -EAGAIN && result !== -EINTR) break;
    }
    this.#complete(sender);
  }

  recycle(): void {
    this.#umem.recycle(this.#held, this.#heldCount);
    this.#heldCount = 0;
    const sockets = this.#sockets;
    for (let i = 0; i < sockets.length; i++) this.#refill(sockets[i] as XdpSocket);
  }

  /**
   * The interface has come up, came back under its name with another kernel index, or has other queues: open what is missing, close what is no more.
   * Returns what is worth a line in the log.
   */
  follow(ifindex: number, queues: readonly number[]): string[] {
    if (!this.#open) return [];
    if (ifindex !== this.#ifindex) {
      for (const socket of this.#sockets) this.#closeSocket(socket);
      this.#ifindex = ifindex;
    }
    for (const socket of this.#sockets.filter(({ queue }) => !queues.includes(queue))) this.#closeSocket(socket);
    const missing = queues.filter((queue) => !this.queues.includes(queue));
    try {
      for (const queue of missing) this.#openSocket(queue, true);
    } catch (error) {
      // Not up yet, or gone again: the next change of the interface says so. Until then the packet device receives and sends.
      if (!(error instanceof SystemCallError)) throw error;
      return error.code === 'ENETDOWN' || error.code === 'ENODEV' ? [] : [`${this.name}: ${error.message} on queue ${missing[0]}: packet sockets carry its frames`];
    }
    return missing.length === 0 ? [] : [`${this.name}: xdp on ${queues.length === 1 ? 'queue' : 'queues'} ${queues.join(', ')}`];
  }

  /** The shared memory stays: its owner closes it after all devices. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
    this.#sender = null;
    closeFd(this.#epoll);
  }

  #take(socket: XdpSocket, burst: FrameBurst, from: number, memory: FrameMemory): number {
    const { off, len, offload } = burst;
    const held = this.#held;
    const { u16 } = memory;
    const count = socket.receive.takeFrames(off, len, from, MAX_BURST - from);
    const end = from + count;
    // NB: a store asks for the cache line and waits for nobody: when the frame is looked at below, it has come from the processor that received it, and
    // for writing too.
    for (let i = from; i < end; i++) u16[((off[i] as number) - 2) >> 1] = 0;
    this.#umem.hold(off, from, count);
    for (let i = from; i < end; i++) {
      const address = off[i] as number;
      held[i] = address;
      offload[i] = pendingChecksum(memory, address, len[i] as number);
    }
    return end;
  }

  /** Have the kernel do it, or do it; returns the descriptor's options. The field holds the pseudo-header sum. */
  #finishChecksum(off: number, len: number): number {
    const { memory } = this.#umem;
    const place = transportOffset(memory.u8, off, len);
    if (place < 0 || (place & 0xff) === 0) return 0;
    const start = place >>> 8;
    const { u16 } = memory;
    if (!this.#umem.finishesChecksums) {
      const sum = ~sumBytes(memory, off + start, endOf(memory.u8, off, len) - (off + start), 0) & 0xffff;
      u16[(off + start + (place & 0xff)) >> 1] = sum === 0 && (place & 0xff) === UDP_CHECKSUM ? 0xffff : sum;
      return 0;
    }
    // struct xsk_tx_metadata: flags 8 | checksum start 2 | checksum offset 2 | launch time 8.
    const at = (off - METADATA_BYTES) >> 1;
    u16[at] = XDP_TXMD_FLAGS_CHECKSUM;
    u16[at + 1] = u16[at + 2] = u16[at + 3] = 0;
    u16[at + 4] = start;
    u16[at + 5] = place & 0xff;
    return XDP_TX_METADATA;
  }

  /** Chunks of sent frames come back. */
  #complete({ completion }: XdpSocket): void {
    const done = this.#done;
    for (let count = MAX_BURST; count === MAX_BURST; ) {
      count = completion.takeAddresses(done, MAX_BURST);
      this.#umem.sent(done, count);
    }
  }

  #refill({ fill, number }: XdpSocket): void {
    const room = fill.free(LEAST_REFILL);
    if (room < LEAST_REFILL) return;
    this.#umem.fill(fill, number, room, KEPT_CHUNKS);
    fill.publish();
  }

  #openSocket(queue: number, running: boolean): void {
    const socket = new XdpSocket(this.#umem, { ifindex: this.#ifindex, queue, ringSize: this.#ringSize, running });
    this.#sockets = [...this.#sockets, socket];
    this.#sender ??= socket;
    this.#refill(socket);
    setSocket(this.#socketsFd, queue, socket.fd);
    epollAdd(this.#epoll, socket.fd);
  }

  #closeSocket(socket: XdpSocket): void {
    this.#pastDrops += socket.receiveDrops;
    socket.close();
    this.#sockets = this.#sockets.filter((other) => other !== socket);
    if (this.#sender === socket) this.#sender = this.#sockets[0] ?? null;
  }
}

/** Where the IP packet of an untagged frame ends: there may be padding behind. */
function endOf(u8: Uint8Array, off: number, len: number): number {
  const ip = off + 14;
  const length = u8[ip]! >> 4 === 4 ? (u8[ip + 2]! << 8) | u8[ip + 3]! : 40 + ((u8[ip + 4]! << 8) | u8[ip + 5]!);
  return Math.min(off + len, ip + length);
}

function copy(from: Uint8Array, fromOff: number, to: Uint8Array, toOff: number, length: number): void {
  if (length < SHORT_COPY) for (let i = 0; i < length; i++) to[toOff + i] = from[fromOff + i] as number;
  else to.set(from.subarray(fromOff, fromOff + length), toOff);
}

function explained(error: unknown, name: string): unknown {
  if (!(error instanceof SystemCallError)) return error;
  switch (error.code) {
    case 'EAFNOSUPPORT': return new LvsError('Unsupported', `${name}: this kernel has no AF_XDP sockets`);
    case 'EPERM': return new LvsError('Permission', `${name}: no permission for AF_XDP sockets: run as root or with CAP_NET_RAW`);
    case 'ENOBUFS': return new LvsError('NoMemory', `${name}: memory for AF_XDP may not be locked: raise the limit (ulimit -l unlimited)`);
    case 'EBUSY': return new LvsError('Unsupported', `${name}: another AF_XDP program has its queue`);
    case 'ENETDOWN': return new LvsError('Unsupported', `${name}: is down: ip link set ${name} up`);
    default: return new LvsError('Unsupported', `${name}: cannot open AF_XDP: ${error.message}`);
  }
}
