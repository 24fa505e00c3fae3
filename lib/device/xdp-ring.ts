/**
 * The rings between us and the kernel (linux/if_xdp.h): power-of-two many entries, and two cursors that only ever grow (modulo 2^32). Who puts in
 * moves the producer, who takes out the consumer; each reads the other's. An entry is written before the cursor that publishes it, hence
 * Atomics on the cursors and plain accesses to the entries.
 *
 *              consumer              producer
 *   ...  free    |   filled, in order   |   free ...        entry of cursor c: c & mask
 *
 *   addresses (fill, completion): 8 bytes each       frames (receive, transmit): address 8 | length 4 | options 4
 *
 * Addresses are offsets into memory of less than 2 GiB, so of their 8 bytes the upper 4 stay zero.
 */
const ADDRESS_SHIFT = 1;
const FRAME_SHIFT = 2;
const LENGTH = 2;
const OPTIONS = 3;

/** Where a ring's parts lie in its mapping, in bytes (struct xdp_ring_offset). */
export interface RingLayout {
  readonly producer: number;
  readonly consumer: number;
  readonly entries: number;
}

/** We put in: fill and transmit ring. */
export class ProducerRing {
  readonly size: number;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #base: number;
  readonly #producer: number;
  readonly #consumer: number;
  #next: number;
  #published: number;
  /** The kernel's cursor when it was last read. */
  #taken: number;

  constructor(buffer: ArrayBufferLike, layout: RingLayout, size: number) {
    this.#words = new Int32Array(buffer);
    this.size = size;
    this.#mask = size - 1;
    this.#base = layout.entries >> 2;
    this.#producer = layout.producer >> 2;
    this.#consumer = layout.consumer >> 2;
    this.#next = this.#published = Atomics.load(this.#words, this.#producer);
    this.#taken = Atomics.load(this.#words, this.#consumer);
  }

  /** How many entries can be put; looks at the kernel's cursor only when fewer than `wanted` are known to be free. */
  free(wanted: number): number {
    const known = this.size - (this.#next - this.#taken | 0);
    if (known >= wanted) return known;
    this.#taken = Atomics.load(this.#words, this.#consumer);
    return this.size - (this.#next - this.#taken | 0);
  }

  /** Into a ring of addresses: those of `count` chunks of 2^shift bytes, from the end of a list. Only after free(). */
  putChunks(chunks: Int32Array, end: number, count: number, shift: number): void {
    const words = this.#words;
    const mask = this.#mask;
    const base = this.#base;
    const from = this.#next;
    for (let i = 0; i < count; i++) {
      const at = base + (((from + i) & mask) << ADDRESS_SHIFT);
      words[at] = (chunks[end - 1 - i] as number) << shift;
      words[at + 1] = 0;
    }
    this.#next = from + count | 0;
  }

  /** Into a ring of frames. Only after free(). */
  putFrame(address: number, length: number, options: number): void {
    const words = this.#words;
    const at = this.#base + ((this.#next & this.#mask) << FRAME_SHIFT);
    words[at] = address;
    words[at + 1] = 0;
    words[at + LENGTH] = length;
    words[at + OPTIONS] = options;
    this.#next = this.#next + 1 | 0;
  }

  /** Let the kernel see what was put; how many entries that was. */
  publish(): number {
    const count = this.#next - this.#published | 0;
    if (count === 0) return 0;
    this.#published = this.#next;
    Atomics.store(this.#words, this.#producer, this.#next);
    return count;
  }

  /** Published entries that the kernel has not taken yet. */
  pending(): number {
    this.#taken = Atomics.load(this.#words, this.#consumer);
    return this.#published - this.#taken | 0;
  }
}

/** We take out: receive and completion ring. */
export class ConsumerRing {
  readonly size: number;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #base: number;
  readonly #producer: number;
  readonly #consumer: number;
  #next: number;

  constructor(buffer: ArrayBufferLike, layout: RingLayout, size: number) {
    this.#words = new Int32Array(buffer);
    this.size = size;
    this.#mask = size - 1;
    this.#base = layout.entries >> 2;
    this.#producer = layout.producer >> 2;
    this.#consumer = layout.consumer >> 2;
    this.#next = Atomics.load(this.#words, this.#consumer);
  }

  /** Entries waiting. */
  available(): number {
    return Atomics.load(this.#words, this.#producer) - this.#next | 0;
  }

  /** From a ring of addresses: at most `most` into `addresses`; returns how many. */
  takeAddresses(addresses: Int32Array, most: number): number {
    const words = this.#words;
    const mask = this.#mask;
    const base = this.#base;
    const from = this.#next;
    const count = Math.min(this.available(), most);
    for (let i = 0; i < count; i++) addresses[i] = words[base + (((from + i) & mask) << ADDRESS_SHIFT)] as number;
    this.#release(count);
    return count;
  }

  /** From a ring of frames: at most `most` into `addresses` and `lengths`, from `at` on; returns how many. */
  takeFrames(addresses: Int32Array, lengths: Int32Array, at: number, most: number): number {
    const words = this.#words;
    const mask = this.#mask;
    const base = this.#base;
    const from = this.#next;
    const count = Math.min(this.available(), most);
    for (let i = 0; i < count; i++) {
      const entry = base + (((from + i) & mask) << FRAME_SHIFT);
      addresses[at + i] = words[entry] as number;
      lengths[at + i] = words[entry + LENGTH] as number;
    }
    this.#release(count);
    return count;
  }

  #release(count: number): void {
    if (count === 0) return;
    this.#next = this.#next + count | 0;
    Atomics.store(this.#words, this.#consumer, this.#next);
  }
}
