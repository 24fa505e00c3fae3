/**
 * How the owner of the connections tells forwarders where everything lies: addresses in the memory that the threads of a process have in common, as
 * values that can be sent. `tables` says where the connection index lies now, because it moves as it grows:
 *
 *     address, bytes of the current table | address, bytes of the smaller one that is being carried over, 0 without
 *
 * under a version in the state (INDEX_VERSION), odd while it changes.
 */
import { HashLookup } from '../structures/hash-lookup.ts';
import type { MemoryArea, PlaneShare } from '../model/worker-message.ts';
import type { FastContext, Tally } from './fast-context.ts';
import { INDEX_VERSION } from './fast-state.ts';

export const TABLES_LENGTH = 4;

/** A view of memory at an address. */
export type MemoryAt = (address: number, bytes: number) => ArrayBufferLike;

/** The owner's side of `tables`. */
export function publishTables(state: Int32Array, tables: Float64Array, addressOf: (view: ArrayBufferView) => number, current: Int32Array, old: Int32Array | null): void {
  Atomics.add(state, INDEX_VERSION, 1);
  tables[0] = addressOf(current);
  tables[1] = current.byteLength;
  tables[2] = old === null ? 0 : addressOf(old);
  tables[3] = old === null ? 0 : old.byteLength;
  Atomics.add(state, INDEX_VERSION, 1);
}

/** The index of another thread's connections. */
export class SharedIndex extends HashLookup {
  readonly #state: Int32Array;
  readonly #tables: Float64Array;
  readonly #memoryAt: MemoryAt;
  #version = 0;

  constructor(records: Int32Array, state: Int32Array, tables: Float64Array, memoryAt: MemoryAt) {
    super(records, new Int32Array(2));
    this.#state = state;
    this.#tables = tables;
    this.#memoryAt = memoryAt;
    this.follow();
  }

  /** Top of every round, before anything is looked up: tables may have been given back since the last. */
  follow(): void {
    if (Atomics.load(this.#state, INDEX_VERSION) !== this.#version) this.#adopt();
  }

  #adopt(): void {
    for (;;) {
      const version = Atomics.load(this.#state, INDEX_VERSION);
      const [currentAddress, currentBytes, oldAddress, oldBytes] = this.#tables as unknown as [number, number, number, number];
      if ((version & 1) !== 0 || Atomics.load(this.#state, INDEX_VERSION) !== version) continue;
      this.slots = new Int32Array(this.#memoryAt(currentAddress, currentBytes), 0, currentBytes >> 2);
      this.mask = (this.slots.length >> 1) - 1;
      this.old = oldBytes === 0 ? null : new Int32Array(this.#memoryAt(oldAddress, oldBytes), 0, oldBytes >> 2);
      this.oldMask = oldBytes === 0 ? 0 : (oldBytes >> 3) - 1;
      this.#version = version;
      return;
    }
  }
}

/** A forwarder's context: views of the owner's memory. */
export function contextOf(share: PlaneShare, tally: Tally, memoryAt: MemoryAt): FastContext & { readonly index: SharedIndex } {
  const int32 = (area: MemoryArea): Int32Array => new Int32Array(memoryAt(area.address, area.bytes), 0, area.bytes >> 2);
  const float64 = (area: MemoryArea): Float64Array => new Float64Array(memoryAt(area.address, area.bytes), 0, area.bytes >> 3);
  const words = int32(share.words);
  const state = int32(share.state);
  return {
    words, addresses: int32(share.addresses), cold: int32(share.cold), state, index: new SharedIndex(words, state, float64(share.tables), memoryAt), seed: share.seed, startMs: share.startMs,
    hops: int32(share.hops), resolvedMs: float64(share.resolvedMs), clock: new Float64Array(1), tally, shared: true,
  };
}
