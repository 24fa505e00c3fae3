/**
 * The device into the host's own stack, over the interface of local-interface. What is transmitted arrives at the host as if received
 * (packets for the local node, and those the guard kept from it by mistake); what is received here the host sent as a NAT real server
 * and the guard redirected: frames of INTERFACE_LOCAL. The host sees packets without Ethernet header; frames get a made-up one.
 *
 *   out:  | Ethernet 2 |  12: virtio_net_hdr over the rest of Ethernet  | IP ...        one write(2)
 *   in:   | virtio_net_hdr 12 | IP ...   ->   | 2 unused... Ethernet 14 over it | IP ...
 */
import { allocate, closeFd, FrameQueue, readFrames, write, writeFrames, type Mapping } from '../../native-shims/index.ts';
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { LOCAL_HEADER_LENGTH } from './local-interface.ts';
import { completeSctpChecksum } from './sctp-checksum.ts';
import { offloadOf, OFFLOAD_UNKNOWN, sctpPending, writeVirtioHeader } from './virtio-header.ts';

const ETHERNET = 14;
/** Where a slot's virtio header lies: the Ethernet header then is at 2 modulo 4, HEADROOM before it. */
const HEADER_OFF = HEADROOM + 4;
const CAPACITY = LOCAL_HEADER_LENGTH + 65536;
const SLOT_BYTES = 65792;

export class LocalInject implements Device {
  readonly kind = 'local';
  readonly name: string;
  readonly pollFds: readonly number[];
  readonly burst: FrameBurst;
  readonly dearToLook = true;
  readonly counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  readonly #fd: number;
  readonly #mapping: Mapping;
  readonly #memory: FrameMemory;
  readonly #queue = new FrameQueue(MAX_BURST);
  readonly #lengths = new Int32Array(MAX_BURST);
  #open = true;

  /** Takes over the descriptor of openLocalInterface(), which may come from another thread. */
  constructor(fd: number, name: string) {
    this.name = name;
    this.#fd = fd;
    this.#mapping = allocate(SLOT_BYTES * MAX_BURST);
    this.#memory = new FrameMemory(this.#mapping.buffer, this.#mapping.address);
    this.burst = new FrameBurst(this.#memory);
    this.pollFds = [fd];
  }

  receive(burst: FrameBurst): number {
    const waiting = readFrames(this.#fd, this.#mapping.address + HEADER_OFF, SLOT_BYTES, CAPACITY, this.#lengths);
    let count = 0;
    for (let slot = 0; slot < waiting; slot++) {
      const header = slot * SLOT_BYTES + HEADER_OFF;
      const l3 = header + LOCAL_HEADER_LENGTH;
      const off = l3 - ETHERNET;
      const len = this.#lengths[slot]! - LOCAL_HEADER_LENGTH + ETHERNET;
      const offload = offloadOf(this.#memory, header);
      const isSctp = sctpPending(this.#memory, header);
      const l4 = l3 + this.#memory.u16[(header + 6) >> 1]!;
      if (len < ETHERNET + 20 || offload === OFFLOAD_UNKNOWN) {
        this.counters.receiveDrops++;
        continue;
      }
      const { u8 } = this.#memory;
      u8.fill(0, off, off + 12);
      const isV6 = u8[l3]! >> 4 === 6;
      u8[off + 12] = isV6 ? 0x86 : 0x08;
      u8[off + 13] = isV6 ? 0xdd : 0x00;
      burst.off[count] = off;
      burst.len[count] = len;
      burst.offload[count] = isSctp ? completeSctpChecksum(this.#memory, off, l4, len, offload) : offload;
      count++;
    }
    this.counters.received += count;
    burst.memory = this.#memory;
    burst.count = count;
    return count;
  }

  /** NB: the frame's Ethernet header is overwritten. */
  transmit(memory: FrameMemory, off: number, len: number, offload: number): void {
    const { u8 } = memory;
    let l3 = off + ETHERNET;
    while (l3 + 4 <= off + len && u8[l3 - 2] === 0x81 && u8[l3 - 1] === 0) l3 += 4;
    const isIp = (u8[l3 - 2] === 0x08 && u8[l3 - 1] === 0) || (u8[l3 - 2] === 0x86 && u8[l3 - 1] === 0xdd);
    if (!isIp || l3 + 20 > off + len) {
      this.counters.transmitDrops++;
      return;
    }
    const start = l3 - LOCAL_HEADER_LENGTH;
    const length = off + len - start;
    writeVirtioHeader(memory, start, l3 - ETHERNET, off + len - (l3 - ETHERNET), offload, l3);
    memory.u16[(start + 10) >> 1] = 0;
    if (memory.address !== 0) {
      if (this.#queue.isFull) this.flush();
      this.#queue.push(memory.address + start, length);
      return;
    }
    // Slow path: the frame may be gone before flush().
    this.flush();
    if (write(this.#fd, u8.subarray(start, start + length)) >= 0) this.counters.transmitted++;
    else this.counters.transmitDrops++;
  }

  flush(): void {
    if (this.#queue.count === 0) return;
    this.counters.transmitted += writeFrames(this.#fd, this.#queue);
    this.counters.transmitDrops += this.#queue.outcome[0]!;
  }

  recycle(): void {}

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.release();
    closeFd(this.#fd);
  }
}
