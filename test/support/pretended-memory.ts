/** Shared memory as far as one thread needs it: addresses that stand for buffers. */
import type { MemoryAt } from '../../lib/dataplane/plane-share.ts';
import type { Allocate } from '../../lib/structures/memory.ts';

export interface PretendedMemory {
  readonly allocate: Allocate;
  addressOf(view: ArrayBufferView): number;
  readonly memoryAt: MemoryAt;
  /** Buffers that were given back: nobody may ask for them any more. */
  readonly released: ReadonlySet<number>;
}

export function pretendedMemory(): PretendedMemory {
  const buffers = new Map<number, ArrayBuffer>();
  const addresses = new Map<ArrayBufferLike, number>();
  const released = new Set<number>();
  let next = 4096;
  return {
    released,
    allocate(bytes) {
      const buffer = new ArrayBuffer(bytes);
      const address = next;
      next += 4096 * Math.ceil(bytes / 4096);
      buffers.set(address, buffer);
      addresses.set(buffer, address);
      return { buffer, release: () => released.add(address) };
    },
    addressOf(view) {
      const address = addresses.get(view.buffer);
      if (address === undefined || view.byteOffset !== 0) throw new Error('not memory that others can see');
      return address;
    },
    memoryAt(address, bytes) {
      const buffer = buffers.get(address);
      if (buffer === undefined || buffer.byteLength < bytes) throw new Error(`nothing lies at ${address}`);
      if (released.has(address)) throw new Error(`memory at ${address} was given back`);
      return buffer;
    },
  };
}
