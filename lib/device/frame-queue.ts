/**
 * A first-in first-out queue of frames in memory of its own: a ring of equal slots, each with room in front for tunnel headers and the
 * Ethernet header at 2 modulo 4, as every device must hand them out.
 *
 *     | HEADROOM | 2 | frame ... | HEADROOM | 2 | frame ... |
 *       lent: with the reader until recycle()   published: may be received   the rest: pushed, waiting for publish()
 */
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST } from '../wire/frame.ts';

const FRAME_OFF = HEADROOM + 2;

export class FrameQueue {
  readonly memory: FrameMemory;
  /** The longest frame that fits. */
  readonly longest: number;
  readonly #slots: number;
  readonly #slotBytes: number;
  readonly #lengths: Int32Array;
  readonly #offloads: Int32Array;
  #first = 0;
  #count = 0;
  #published = 0;
  #lent = 0;

  constructor(slots: number, longest: number) {
    this.longest = longest;
    this.#slots = slots;
    this.#slotBytes = (FRAME_OFF + longest + 3) & ~3;
    this.memory = new FrameMemory(new ArrayBuffer(slots * this.#slotBytes));
    this.#lengths = new Int32Array(slots);
    this.#offloads = new Int32Array(slots);
  }

  /** Frames pushed and not yet recycled. */
  get count(): number {
    return this.#count;
  }

  /** Copy a frame in; false if it is too long or the queue is full. It can be received after publish(). */
  push(bytes: Uint8Array, off: number, len: number, offload: number): boolean {
    if (len > this.longest || this.#count === this.#slots) return false;
    const slot = (this.#first + this.#count) % this.#slots;
    const at = slot * this.#slotBytes + FRAME_OFF;
    if (len < 256) for (let i = 0; i < len; i++) this.memory.u8[at + i] = bytes[off + i]!;
    else this.memory.u8.set(bytes.subarray(off, off + len), at);
    this.#lengths[slot] = len;
    this.#offloads[slot] = offload;
    this.#count++;
    return true;
  }

  publish(): void {
    this.#published = this.#count;
  }

  receive(burst: FrameBurst): number {
    const count = Math.min(MAX_BURST, this.#published - this.#lent);
    for (let i = 0; i < count; i++) {
      const slot = (this.#first + this.#lent + i) % this.#slots;
      burst.off[i] = slot * this.#slotBytes + FRAME_OFF;
      burst.len[i] = this.#lengths[slot]!;
      burst.offload[i] = this.#offloads[slot]!;
    }
    burst.memory = this.memory;
    burst.count = count;
    this.#lent += count;
    return count;
  }

  recycle(): void {
    this.#first = (this.#first + this.#lent) % this.#slots;
    this.#count -= this.#lent;
    this.#published -= this.#lent;
    this.#lent = 0;
  }
}
