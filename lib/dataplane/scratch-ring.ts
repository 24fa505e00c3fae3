/**
 * Memory for frames the director makes itself: ICMP answers, fragments, segments, reassembled datagrams, released frames. Devices may
 * read a frame as late as flush(), so a frame's bytes must outlive the call that made it; a ring that is walked from end to
 * end gives that without bookkeeping: 4 MiB are more than a device queues between two flushes.
 */
import { FrameMemory, HEADROOM } from '../wire/frame.ts';

const RING_BYTES = 4 << 20;

export class ScratchRing {
  readonly memory: FrameMemory;
  readonly #bytes: number;
  #next = 0;

  constructor(bytes = RING_BYTES) {
    this.#bytes = bytes;
    this.memory = new FrameMemory(new ArrayBuffer(bytes));
  }

  /** Offset (a multiple of 4) of `length` bytes for a layer-3 packet with HEADROOM before it. At most 64 KiB. */
  take(length: number): number {
    const need = (HEADROOM + length + 7) & ~7;
    if (this.#next + need > this.#bytes) this.#next = 0;
    const l3Off = this.#next + HEADROOM;
    this.#next += need;
    return l3Off;
  }
}

/** Copy `length` bytes between frame memories (ranges do not overlap). */
export function copyBytes(from: FrameMemory, fromOff: number, to: FrameMemory, toOff: number, length: number): void {
  if (length <= 0) return;
  if (((fromOff | toOff) & 3) !== 0 || length > 256) {
    to.u8.set(from.u8.subarray(fromOff, fromOff + length), toOff);
    return;
  }
  const source = fromOff >> 2;
  const target = toOff >> 2;
  const words = length >> 2;
  for (let i = 0; i < words; i++) to.i32[target + i] = from.i32[source + i] as number;
  for (let i = words << 2; i < length; i++) to.u8[toOff + i] = from.u8[fromOff + i] as number;
}
