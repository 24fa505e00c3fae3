/**
 * The way of a frame from a forwarder to the owner of the connections: a ring in shared memory with one writer and one reader, one per forwarder and
 * interface. To the owner it is one more device; frames lie in it as in any device's memory, so they are rewritten and sent where they are.
 *
 *     HEAD, TAIL, in units of 64 bytes, each in a cache line of its own | data
 *     a frame:  length, offload word, -, - | HEADROOM | 2 | Ethernet ...           from a multiple of 64 bytes on, in one piece
 *     SKIP instead of a length: the rest of the ring is empty, go on at its beginning
 *
 * What the writer has published is the reader's until recycle(). A full ring loses the frame, as a full receive ring does.
 */
import type { Device, DeviceCounters } from '../device/device.ts';
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST } from '../wire/frame.ts';

const HEAD = 0, TAIL = 16;
const DATA_BYTES_AT = 256;
const UNIT_SHIFT = 6, UNIT_WORDS_SHIFT = UNIT_SHIFT - 2;
const UNIT_BYTES = 1 << UNIT_SHIFT;
const LENGTH = 0, OFFLOAD = 1;
const SKIP = -1;
/** From the beginning of a frame's units to its Ethernet header, which is at 2 modulo 4. */
const FRAME_AT = 16 + HEADROOM + 2;
/** Longer frames are copied by the engine's own copy, whose set-up costs as much as copying so many words. */
const COPY_WORDS = 128;

/** Bytes of memory for a ring of `units` times 64 bytes, a power of two. */
export function handoverBytes(units: number): number {
  return DATA_BYTES_AT + units * UNIT_BYTES;
}

export class HandoverWriter {
  readonly #memory: FrameMemory;
  readonly #units: number;
  #head: number;
  #tail: number;
  #published: number;

  /** `from`: units that went through before. */
  constructor(memory: FrameMemory, from = 0) {
    this.#memory = memory;
    this.#head = this.#tail = this.#published = from;
    this.#units = (memory.u8.length - DATA_BYTES_AT) >> UNIT_SHIFT;
  }

  /** Where the next frame will lie, in units since the start (int32, wraps). */
  get head(): number {
    return this.#head;
  }

  /** How far the reader is: frames before that have left. */
  get tail(): number {
    return (this.#tail = Atomics.load(this.#memory.i32, TAIL));
  }

  /** Copy a frame in; false if there is no room. The reader sees it after publish(). */
  push(from: FrameMemory, off: number, len: number, offload: number): boolean {
    const { i32 } = this.#memory;
    const units = (FRAME_AT + len + UNIT_BYTES - 1) >> UNIT_SHIFT;
    let at = this.#head & (this.#units - 1);
    const skipped = units > this.#units - at ? this.#units - at : 0;
    if (!this.#hasRoom(units + skipped)) return false;
    if (skipped > 0) {
      i32[(at << UNIT_WORDS_SHIFT) + (DATA_BYTES_AT >> 2)] = SKIP;
      at = 0;
    }
    const word = (at << UNIT_WORDS_SHIFT) + (DATA_BYTES_AT >> 2);
    i32[word + LENGTH] = len;
    i32[word + OFFLOAD] = offload;
    // Both begin with the second half of a word; the half before is headroom.
    const target = word + (FRAME_AT >> 2);
    const source = off >> 2;
    const words = (len + 2 + 3) >> 2;
    const other = from.i32;
    if (words <= COPY_WORDS) for (let i = 0; i < words; i++) i32[target + i] = other[source + i] as number;
    else this.#memory.u8.set(from.u8.subarray(off, off + len), 4 * target + 2);
    this.#head = (this.#head + skipped + units) | 0;
    return true;
  }

  /** Let the reader see what was pushed; true if there was anything. */
  publish(): boolean {
    if (this.#head === this.#published) return false;
    Atomics.store(this.#memory.i32, HEAD, this.#head);
    this.#published = this.#head;
    return true;
  }

  #hasRoom(units: number): boolean {
    return this.#units - ((this.#head - this.#tail) | 0) >= units || this.#units - ((this.#head - this.tail) | 0) >= units;
  }
}

export class HandoverDevice implements Device {
  readonly kind = 'handover';
  readonly relays = true;
  readonly name: string;
  readonly pollFds: readonly number[] = [];
  readonly counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  readonly burst: FrameBurst;
  readonly #memory: FrameMemory;
  readonly #mask: number;
  #at: number;

  constructor(name: string, memory: FrameMemory, from = 0) {
    this.#at = from;
    this.name = name;
    this.#memory = memory;
    this.#mask = ((memory.u8.length - DATA_BYTES_AT) >> UNIT_SHIFT) - 1;
    this.burst = new FrameBurst(memory);
  }

  /** Whether receive() would find something. */
  get waiting(): boolean {
    return Atomics.load(this.#memory.i32, HEAD) !== this.#at;
  }

  receive(burst: FrameBurst): number {
    const { i32 } = this.#memory;
    const head = Atomics.load(i32, HEAD);
    let at = this.#at;
    let count = 0;
    while (at !== head && count < MAX_BURST) {
      const unit = at & this.#mask;
      const word = (unit << UNIT_WORDS_SHIFT) + (DATA_BYTES_AT >> 2);
      const len = i32[word + LENGTH] as number;
      if (len === SKIP) {
        at = (at + this.#mask + 1 - unit) | 0;
        continue;
      }
      burst.off[count] = 4 * word + FRAME_AT;
      burst.len[count] = len;
      burst.offload[count] = i32[word + OFFLOAD] as number;
      count++;
      at = (at + ((FRAME_AT + len + UNIT_BYTES - 1) >> UNIT_SHIFT)) | 0;
    }
    this.#at = at;
    this.counters.received += count;
    burst.memory = this.#memory;
    burst.count = count;
    return count;
  }

  /** Nothing is sent this way. */
  transmit(): void {}
  flush(): void {}

  recycle(): void {
    const { i32 } = this.#memory;
    if (i32[TAIL] !== this.#at) Atomics.store(i32, TAIL, this.#at);
  }

  close(): void {}
}
