/**
 * Memory for waiting fragments, taken once, in blocks of 512 bytes:
 *
 *     blocks   [ 512 bytes ][ 512 bytes ] ...     #next[b]: the chain of one fragment's bytes, or of the free blocks
 *
 * A fragment is named by its first block. Its place in its datagram stands beside it: offset, length, and the fragment that follows.
 */
import { FrameMemory } from '../wire/frame.ts';
import { copyBytes } from './scratch-ring.ts';

export const BLOCK_BYTES = 512;
const LEAST_BLOCKS = 256;

export class FragmentStore {
  readonly offset: Int32Array;
  readonly length: Int32Array;
  /** The next fragment of the datagram by offset, -1 none. */
  readonly following: Int32Array;
  freeBlocks: number;
  readonly #blocks: number;
  readonly #next: Int32Array;
  #free = 0;
  /** Made with the first fragment. */
  #memory: FrameMemory | null = null;

  constructor(maxBytes: number) {
    this.#blocks = Math.max(LEAST_BLOCKS, Math.floor(maxBytes / BLOCK_BYTES));
    this.freeBlocks = this.#blocks;
    this.offset = new Int32Array(this.#blocks);
    this.length = new Int32Array(this.#blocks);
    this.following = new Int32Array(this.#blocks);
    this.#next = Int32Array.from({ length: this.#blocks }, (_, b) => (b + 1 < this.#blocks ? b + 1 : -1));
  }

  /** Bytes in use. */
  get bytes(): number {
    return (this.#blocks - this.freeBlocks) * BLOCK_BYTES;
  }

  end(fragment: number): number {
    return (this.offset[fragment] as number) + (this.length[fragment] as number);
  }

  /** Copy a fragment in; there must be room (freeBlocks). Returns its name. */
  add(from: FrameMemory, off: number, start: number, length: number): number {
    const memory = (this.#memory ??= new FrameMemory(new ArrayBuffer(this.#blocks * BLOCK_BYTES)));
    const first = this.#free;
    let block = first;
    for (let done = 0; done < length; done += BLOCK_BYTES) {
      if (done > 0) block = this.#next[block] as number;
      copyBytes(from, off + done, memory, block * BLOCK_BYTES, Math.min(BLOCK_BYTES, length - done));
      this.freeBlocks--;
    }
    this.#free = this.#next[block] as number;
    this.#next[block] = -1;
    this.offset[first] = start;
    this.length[first] = length;
    return first;
  }

  copyOut(fragment: number, to: FrameMemory, off: number): void {
    const memory = this.#memory as FrameMemory;
    const length = this.length[fragment] as number;
    let block = fragment;
    for (let done = 0; done < length; done += BLOCK_BYTES) {
      copyBytes(memory, block * BLOCK_BYTES, to, off + done, Math.min(BLOCK_BYTES, length - done));
      block = this.#next[block] as number;
    }
  }

  /** Free a fragment and all that follow it. */
  free(fragment: number): void {
    for (let f = fragment; f >= 0; ) {
      const following = this.following[f] as number;
      for (let block = f; block >= 0; ) {
        const next = this.#next[block] as number;
        this.#next[block] = this.#free;
        this.#free = block;
        this.freeBlocks++;
        block = next;
      }
      f = following;
    }
  }
}
