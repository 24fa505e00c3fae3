/**
 * The `pcap-file` device: receives what a capture holds, in its order and at its times, and writes what is transmitted to another.
 * It has no clock: whoever drives it sets `time` (replay does, from the captures themselves), and receive() gives the frames up to then.
 */
import { FrameBurst, HEADROOM, FrameMemory, MAX_BURST } from '../wire/frame.ts';
import type { CaptureWriter } from './capture-writer.ts';
import { LONGEST_FRAME, type Capture, type CapturedFrame } from './capture.ts';
import type { Device, DeviceCounters } from './device.ts';

export interface CaptureTime { readonly seconds: number; readonly nanoseconds: number }

export class PcapFileDevice implements Device {
  readonly kind = 'pcap-file';
  readonly name: string;
  readonly pollFds: readonly number[] = [];
  readonly burst: FrameBurst;
  readonly counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  /** Now, by the captures' clock. */
  time: CaptureTime = { seconds: 0, nanoseconds: 0 };
  readonly #bytes: Uint8Array;
  readonly #frames: readonly CapturedFrame[];
  readonly #writer: CaptureWriter | null;
  readonly #memory: FrameMemory;
  readonly #slotBytes: number;
  #next = 0;

  /** `frames` of the capture's, in order: all, or those of one interface. */
  constructor(name: string, capture: Capture, frames: readonly CapturedFrame[], writer: CaptureWriter | null) {
    this.name = name;
    this.#bytes = capture.bytes;
    this.#frames = frames;
    this.#writer = writer;
    const longest = frames.reduce((most, { len }) => Math.max(most, len), 64);
    this.#slotBytes = (HEADROOM + 2 + Math.min(longest, LONGEST_FRAME) + 3) & ~3;
    this.#memory = new FrameMemory(new ArrayBuffer(this.#slotBytes * Math.min(MAX_BURST, Math.max(1, frames.length))));
    this.burst = new FrameBurst(this.#memory);
  }

  /** The frame that comes next, or undefined at the end. */
  get next(): CapturedFrame | undefined {
    return this.#frames[this.#next];
  }

  receive(burst: FrameBurst): number {
    let count = 0;
    for (let frame = this.next; frame !== undefined && count < MAX_BURST && !isLater(frame, this.time); frame = this.next) {
      const off = count * this.#slotBytes + HEADROOM + 2;
      this.#memory.u8.set(this.#bytes.subarray(frame.off, frame.off + frame.len), off);
      burst.off[count] = off;
      burst.len[count] = frame.len;
      burst.offload[count] = 0;
      count++;
      this.#next++;
    }
    burst.memory = this.#memory;
    burst.count = count;
    this.counters.received += count;
    return count;
  }

  transmit(memory: FrameMemory, off: number, len: number): void {
    if (this.#writer === null) return;
    this.#writer.frame(this.time.seconds, this.time.nanoseconds, memory.u8, off, len);
    this.counters.transmitted++;
  }

  flush(): void {}

  recycle(): void {}

  close(): void {
    this.#writer?.flush();
  }
}

export function isLater(a: CaptureTime, b: CaptureTime): boolean {
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanoseconds > b.nanoseconds);
}
