/**
 * What a forwarder counts, per destination slot: the burst at hand in memory of its own (laid out as Services.slots), and since the start in memory that the
 * owner reads, four doubles a slot:
 *
 *     packets, bytes from the client | packets, bytes to the client
 *
 * Only the forwarder writes, only the owner adds them up, so no count is lost.
 */
import { MAX_BURST } from '../wire/frame.ts';
import type { Tally } from './fast-context.ts';
import { SLOT_IN, SLOT_WORDS } from './services.ts';

export const TOTALS = 4, TOTALS_SHIFT = 2;

export class ForwarderTally implements Tally {
  readonly words: Int32Array;
  readonly listed = new Int32Array(MAX_BURST);
  listedCount = 0;
  readonly #totals: Float64Array;

  constructor(totals: Float64Array) {
    this.words = new Int32Array((totals.length >> TOTALS_SHIFT) * SLOT_WORDS);
    this.#totals = totals;
  }

  settle(): void {
    const { words, listed } = this;
    const totals = this.#totals;
    for (let i = 0; i < this.listedCount; i++) {
      const slot = listed[i] as number;
      const counted = slot * SLOT_WORDS + SLOT_IN;
      for (let j = 0; j < TOTALS; j++) {
        totals[(slot << TOTALS_SHIFT) + j]! += words[counted + j] as number;
        words[counted + j] = 0;
      }
    }
    this.listedCount = 0;
  }
}
