/**
 * Memory for the most entries there may ever be is reserved at the start and becomes resident as it is used: piece by piece, and each piece before its first entry
 * is used. How far ahead grows with what is used, so that a small table stays small:
 *
 *     0 ......... highest entry used ......... as many again, at most MOST_AHEAD ... rounded up to a piece
 *                 resident                     asked for
 */
import type { Populate } from './memory.ts';

/** Entries asked for at once. */
export const PIECE = 16_384;
/** As fast as connections can be made, 36,864 take a tenth of a second; to clear a piece takes 3 to 20 ms. NB: not whole pieces, so that no request is under way when an index over the entries maps its next table, which happens at round numbers. */
const MOST_AHEAD = 2.25 * PIECE;

export class PopulateAhead {
  /** Using an entry from this one on calls for use(); the capacity: none does. */
  at: number;
  /** Entries asked for. */
  #end = 0;
  readonly #capacity: number;
  readonly #arrays: readonly Int32Array[];
  readonly #populate: Populate | null;

  /** `arrays`: each holds as many words for every entry. */
  constructor(capacity: number, arrays: readonly Int32Array[], populate: Populate | null) {
    this.#capacity = capacity;
    this.#arrays = arrays;
    this.#populate = populate;
    this.at = populate === null ? capacity : 0;
  }

  /** Entries up to this one are in use. */
  use(entry: number): void {
    if (this.#populate === null || entry < this.at) return;
    const wanted = Math.floor((entry + Math.min(entry, MOST_AHEAD)) / PIECE) + 1;
    const end = Math.min(this.#capacity, wanted * PIECE);
    // Where the entries before were used without this one's kind of memory, they go on without it.
    const begin = Math.max(this.#end, entry - (entry % PIECE));
    for (const words of this.#arrays) {
      const perEntry = words.length / this.#capacity;
      this.#populate(words, begin * perEntry, end * perEntry);
    }
    this.#end = end;
    this.at = end === this.#capacity ? end : Math.max(Math.ceil(end / 2), end - MOST_AHEAD);
  }
}
