/** The fast paths of both families over one burst: whose turn it is, and that order is kept where frames of both come mixed. */
import type { FrameBurst, FrameSink } from '../wire/frame.ts';
import type { FastContext } from './fast-context.ts';
import { fastPath, type FastPath } from './fast-path.ts';
import { fastPath6, type FastPath6 } from './fast-path6.ts';

export class FastForwarding {
  readonly #four: FastPath;
  readonly #six: FastPath6;
  #has4 = false;
  #has6 = false;
  /** The first frame of the batch at hand. */
  #from = 0;

  constructor(context: FastContext) {
    this.#four = fastPath(context);
    this.#six = fastPath6(context);
  }

  /** Top of a burst from an interface with this MAC (raw, first two bytes and the other four). False: this burst has to take the walk. */
  begin(interfaceIdx: number, macHigh: number, macLow: number): boolean {
    this.#has4 = this.#four.begin(interfaceIdx, macHigh, macLow);
    this.#has6 = this.#six.begin(interfaceIdx, macHigh, macLow);
    return this.#has4 || this.#has6;
  }

  /** Look ahead over `count` (at most BATCH) frames from `from` on. */
  stage(frames: FrameBurst, from: number, count: number): void {
    this.#from = from;
    if (this.#has4) this.#four.stage(frames, from, count);
    else this.#six.stage(frames, from, count);
  }

  /** Forward staged frames from `begin` on, up to `count` or the first one that has to walk; returns its number. */
  forward(frames: FrameBurst, begin: number, count: number, sink: FrameSink): number {
    let k = begin;
    for (;;) {
      if (this.#has4) k = this.#four.forward(frames, k, count, sink);
      if (k === count || !this.#has6) return k;
      const next = this.#six.forward(frames, this.#from + k, this.#from + count, sink) - this.#from;
      if (next === k || next === count || !this.#has4) return next;
      k = next;
    }
  }

  /** End of the burst. */
  finish(): void {
    this.#four.finish();
  }
}
