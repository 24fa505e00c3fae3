/**
 * The memory that all AF_XDP sockets of one thread share with the kernel, in chunks (xdp-chunk.ts), so that a frame received from one
 * interface is sent out of another where it lies. Every chunk has one owner at a time:
 *
 *     free (on our stack)  --fill-->  a socket  --received-->  held by us  --transmitted-->  a socket  --completed-->  free
 *                                                                   \------ recycled ------------------------------->  free
 *
 * Owners are kept because a socket that ends (its interface was removed) takes chunks along in rings nobody reads any more: they are then found
 * and come back to the stack.
 */
import { allocate, setsockopt, SystemCallError, type Mapping } from '../../native-shims/index.ts';
import { FrameMemory } from '../wire/frame.ts';
import { CHUNK_BYTES, CHUNK_SHIFT, EXTRA_HEADROOM, METADATA_BYTES } from './xdp-chunk.ts';
import type { ProducerRing } from './xdp-ring.ts';

const SOL_XDP = 283;
const XDP_UMEM_REG = 4;
const XDP_UMEM_TX_METADATA_LEN = 4;
/** struct xdp_umem_reg: address 8 | length 8 | chunk 4 | headroom 4 | flags 4 | tx metadata 4. */
const REGISTRATION_BYTES = 32;

const FREE = 0;
const HELD = 1;
/** Sockets have owner numbers from here on. */
const FIRST_SOCKET = 2;
const MOST_SOCKETS = 254;

export class XdpUmem {
  readonly memory: FrameMemory;
  readonly chunks: number;
  /** Whether the kernel finishes checksums of what is sent (6.11 and later); else we must. */
  finishesChecksums = false;
  readonly #mapping: Mapping;
  readonly #owners: Uint8Array;
  readonly #stack: Int32Array;
  #freeCount = 0;
  /** Descriptors of the bound sockets that use this memory, by owner number. */
  readonly #sockets = new Map<number, number>();

  constructor(chunks: number) {
    this.chunks = chunks;
    this.#mapping = allocate(chunks << CHUNK_SHIFT, true);
    this.memory = new FrameMemory(this.#mapping.buffer, this.#mapping.address);
    this.#owners = new Uint8Array(chunks);
    this.#stack = new Int32Array(chunks);
    for (let chunk = chunks - 1; chunk >= 0; chunk--) this.#stack[this.#freeCount++] = chunk;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** Chunks we hold; for whoever wants to know that none is lost. */
  get heldCount(): number {
    return this.#owners.reduce((count, owner) => count + (owner === HELD ? 1 : 0), 0);
  }

  /** A free chunk for us to write a frame into, or -1. */
  take(): number {
    if (this.#freeCount === 0) return -1;
    const chunk = this.#stack[--this.#freeCount] as number;
    this.#owners[chunk] = HELD;
    return chunk;
  }

  /** Free chunks into a socket's fill ring, but `kept` at least stay. */
  fill(ring: ProducerRing, socket: number, most: number, kept: number): void {
    const count = Math.min(most, this.#freeCount - kept);
    if (count <= 0) return;
    const owners = this.#owners;
    const stack = this.#stack;
    const end = this.#freeCount;
    for (let i = end - count; i < end; i++) owners[stack[i] as number] = socket;
    ring.putChunks(stack, end, count, CHUNK_SHIFT);
    this.#freeCount = end - count;
  }

  /** A socket gave us these frames, by their addresses. */
  hold(addresses: Int32Array, from: number, count: number): void {
    const owners = this.#owners;
    for (let i = from; i < from + count; i++) owners[(addresses[i] as number) >> CHUNK_SHIFT] = HELD;
  }

  isHeld(chunk: number): boolean {
    return this.#owners[chunk] === HELD;
  }

  /** A chunk that we hold goes to a socket's transmit ring. */
  send(chunk: number, socket: number): void {
    this.#owners[chunk] = socket;
  }

  /** Frames that were sent, by their addresses (which may point anywhere into the chunk). */
  sent(addresses: Int32Array, count: number): void {
    const owners = this.#owners;
    const stack = this.#stack;
    const end = this.#freeCount;
    for (let i = 0; i < count; i++) {
      const chunk = (addresses[i] as number) >> CHUNK_SHIFT;
      owners[chunk] = FREE;
      stack[end + i] = chunk;
    }
    this.#freeCount = end + count;
  }

  /** Received frames, by their addresses, back to the stack, but for those that were given to a socket meanwhile. */
  recycle(addresses: Int32Array, count: number): void {
    const owners = this.#owners;
    for (let i = 0; i < count; i++) {
      const chunk = (addresses[i] as number) >> CHUNK_SHIFT;
      if (owners[chunk] === HELD) this.#free(chunk);
    }
  }

  /** A number for a new socket. */
  number(): number {
    for (let number = FIRST_SOCKET; number < FIRST_SOCKET + MOST_SOCKETS; number++) if (!this.#sockets.has(number)) return number;
    throw new RangeError(`more than ${MOST_SOCKETS} sockets over one memory`);
  }

  /** A bound socket to share the memory with, or null: then it has to be registered (again). */
  get sharedBy(): { readonly number: number; readonly fd: number } | null {
    for (const [number, fd] of this.#sockets) return { number, fd };
    return null;
  }

  /** Make this memory known to the kernel through a socket that is to be the first (again). */
  register(fd: number): void {
    try {
      setsockopt(fd, SOL_XDP, XDP_UMEM_REG, this.#registration(true));
      this.finishesChecksums = true;
    } catch (error) {
      // Before 6.11 the flag is unknown.
      if (!(error instanceof SystemCallError) || error.code !== 'EINVAL') throw error;
      setsockopt(fd, SOL_XDP, XDP_UMEM_REG, this.#registration(false));
      this.finishesChecksums = false;
    }
  }

  joined(number: number, fd: number): void {
    this.#sockets.set(number, fd);
  }

  /** The interface of this socket has gone: others cannot join through it. */
  unbound(number: number): void {
    this.#sockets.delete(number);
  }

  /** A socket was closed: take back whatever it had. */
  left(number: number): void {
    this.#sockets.delete(number);
    for (let chunk = 0; chunk < this.chunks; chunk++) if (this.#owners[chunk] === number) this.#free(chunk);
  }

  close(): void {
    this.#mapping.release();
  }

  #free(chunk: number): void {
    this.#owners[chunk] = FREE;
    this.#stack[this.#freeCount++] = chunk;
  }

  #registration(withMetadata: boolean): Uint8Array {
    const bytes = new Uint8Array(REGISTRATION_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(this.#mapping.address), true);
    view.setBigUint64(8, BigInt(this.chunks << CHUNK_SHIFT), true);
    view.setUint32(16, CHUNK_BYTES, true);
    view.setUint32(20, EXTRA_HEADROOM, true);
    view.setUint32(24, withMetadata ? XDP_UMEM_TX_METADATA_LEN : 0, true);
    view.setUint32(28, withMetadata ? METADATA_BYTES : 0, true);
    return bytes;
  }
}
