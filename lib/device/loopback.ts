/**
 * The `loopback` device: frames in memory, for tests, simulation and benches. Alone, it is a wire end in the caller's hands: inject()
 * puts frames on it, sent() takes what came out. As a pair, what one transmits the other receives. Every frame is copied once.
 */
import { FrameBurst, type FrameMemory } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { FrameQueue } from './frame-queue.ts';

export interface LoopbackOptions {
  /** Frames that may wait in one direction. */
  readonly slots?: number;
  /** The longest frame taken; 65549 for super-frames. */
  readonly longest?: number;
}

export class LoopbackDevice implements Device {
  readonly kind = 'loopback';
  readonly name: string;
  readonly pollFds: readonly number[] = [];
  readonly burst: FrameBurst;
  readonly counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  readonly #incoming: FrameQueue;
  readonly #outgoing: FrameQueue;
  #taken: FrameBurst | null = null;
  #open = true;

  constructor(name: string, { slots = 1024, longest = 1518 }: LoopbackOptions = {}, ends: readonly [FrameQueue, FrameQueue] = [new FrameQueue(slots, longest), new FrameQueue(slots, longest)]) {
    this.name = name;
    [this.#incoming, this.#outgoing] = ends;
    this.burst = new FrameBurst(this.#incoming.memory);
  }

  /** Two ends of one wire. */
  static pair(left: string, right: string, options: LoopbackOptions = {}): [LoopbackDevice, LoopbackDevice] {
    const { slots = 1024, longest = 1518 } = options;
    const [toLeft, toRight] = [new FrameQueue(slots, longest), new FrameQueue(slots, longest)];
    return [new LoopbackDevice(left, options, [toLeft, toRight]), new LoopbackDevice(right, options, [toRight, toLeft])];
  }

  /** A frame arrives. False, and a counted drop, if there is no room for it. */
  inject(frame: Uint8Array, offload = 0): boolean {
    const taken = this.#open && this.#incoming.push(frame, 0, frame.length, offload);
    if (taken) this.#incoming.publish();
    else this.counters.receiveDrops++;
    return taken;
  }

  /** Copies of all frames transmitted and flushed since the last call; of a pair, they are the other end's. */
  sent(): Uint8Array[] {
    const burst = (this.#taken ??= new FrameBurst(this.#outgoing.memory));
    const frames: Uint8Array[] = [];
    while (this.#outgoing.receive(burst) > 0) {
      for (let i = 0; i < burst.count; i++) frames.push(burst.memory.u8.slice(burst.off[i]!, burst.off[i]! + burst.len[i]!));
      this.#outgoing.recycle();
    }
    return frames;
  }

  receive(burst: FrameBurst): number {
    const count = this.#open ? this.#incoming.receive(burst) : (burst.count = 0);
    this.counters.received += count;
    return count;
  }

  transmit(memory: FrameMemory, off: number, len: number, offload: number): void {
    if (this.#open && this.#outgoing.push(memory.u8, off, len, offload)) this.counters.transmitted++;
    else this.counters.transmitDrops++;
  }

  flush(): void {
    this.#outgoing.publish();
  }

  recycle(): void {
    this.#incoming.recycle();
  }

  close(): void {
    this.#open = false;
  }
}
