/**
 * What the fast path works on: tables as typed arrays, and nothing of the objects behind them. The data plane's own thread makes it from its core; a
 * thread that only forwards makes it from views of the same memory.
 */
import type { HashLookup } from '../structures/hash-lookup.ts';

export interface FastContext {
  /** Entries of the connections (connection-layout.ts). */
  readonly words: Int32Array;
  readonly index: HashLookup;
  /** Seed of the index's hash. */
  readonly seed: number;
  /** The moment that LAST_SEEN counts from, ms. */
  readonly startMs: number;
  /** IPv6: client and virtual address of each connection; and what packets seldom need, the destination's address above all. */
  readonly addresses: Int32Array;
  readonly cold: Int32Array;
  /** Next hops (next-hops.ts), and when each was last resolved. */
  readonly hops: Int32Array;
  readonly resolvedMs: Float64Array;
  /** fast-state.ts. */
  readonly state: Int32Array;
  /** One number: the time of the burst at hand, monotonic ms. NB: an argument would cost a boxed number a burst. */
  readonly clock: Float64Array;
  readonly tally: Tally;
  /** Other threads forward by the same tables. */
  readonly shared: boolean;
}

/** What is counted per destination in the burst at hand. */
export interface Tally {
  /** SLOT_IN .. of every slot; laid out as Services.slots, or these themselves; the array moves when it grows. */
  readonly words: Int32Array;
  /** Slots with something counted: fast path and settle() keep the list together. */
  readonly listed: Int32Array;
  listedCount: number;
  /** End of the burst: to the counters. */
  settle(): void;
}
