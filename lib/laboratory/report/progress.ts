/** A bar on a terminal while a long run goes on; silent on anything else, so that files and pipes hold nothing but the answer. */
import { bar } from './sparkline.ts';
import { cut } from './terminal-line.ts';

export interface Progress {
  /** `part`: 0..1. */
  readonly update: (part: number, text: string) => void;
  /** Takes the bar away. */
  readonly done: () => void;
}

/** What a TTY stream of Node has; process.stderr is one, or is not a TTY. */
export interface ProgressStream { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }

const BAR_CELLS = 24;
/** Not more often than a person sees; the clock is passed in. */
const EVERY_MS = 100;
const CLEAR_LINE = '\r\u001b[2K';

export function progress(stream: ProgressStream, nowMs: () => number = Date.now): Progress {
  if (stream.isTTY !== true) return { update: () => {}, done: () => {} };
  let shown = false;
  let lastMs = -Infinity;
  return {
    update(part, text) {
      const now = nowMs();
      if (now - lastMs < EVERY_MS && part < 1) return;
      lastMs = now;
      shown = true;
      const inside = Math.min(1, Math.max(0, part));
      const filled = bar(inside, BAR_CELLS);
      // A terminal that nobody has given a width says 0.
      // NB: the last column stays free: a terminal wraps when it is written.
      const line = cut(`${filled}${'·'.repeat(Math.max(0, BAR_CELLS - filled.length))} ${String(Math.floor(inside * 100)).padStart(3)} %  ${text}`, Math.max(1, (stream.columns || 80) - 1));
      stream.write(`${CLEAR_LINE}${line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')}`);
    },
    done() {
      if (shown) stream.write(CLEAR_LINE);
      shown = false;
    },
  };
}
