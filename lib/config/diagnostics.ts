/** Collects what a reader has to say, in the order it said it. The same remark at the same place is kept once. */
import type { Diagnostic } from '../model/diagnostic.ts';
import { nearestWord } from './nearest-word.ts';

/** Where something stands. `text` is the whole line: the column is found in it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly text?: string;
}

/** A file that is nothing but mistakes must not fill memory with remarks. */
const MAX_REMARKS = 10_000;

export class Diagnostics {
  readonly list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  /** `word` is what the remark is about (its column), `known` the words it could have been. */
  add(severity: Diagnostic['severity'], place: Place, message: string, effect: string, word: string | null = null, known: readonly string[] = []): void {
    const key = `${place.file}\n${place.line}\n${message}`;
    if (this.#seen.has(key) || this.list.length >= MAX_REMARKS) return;
    this.#seen.add(key);
    const suggestion = word === null || known.length === 0 || word.length > 64 ? null : nearestWord(word, known);
    this.list.push({ severity, file: place.file, line: place.line, column: columnOf(place, word), message, effect, ...(suggestion === null ? {} : { suggestion }) });
  }

  /** The original goes on. */
  warn(place: Place, message: string, effect: string, word: string | null = null, known: readonly string[] = []): void {
    this.add('warning', place, message, effect, word, known);
  }

  /** The original refuses the file. */
  error(place: Place, message: string, effect: string, word: string | null = null, known: readonly string[] = []): void {
    this.add('error', place, message, effect, word, known);
  }

  note(place: Place, message: string, effect: string, word: string | null = null): void {
    this.add('note', place, message, effect, word);
  }
}

/** "file:12:3: warning: ..., ... (did you mean ...?)" */
export function diagnosticText({ severity, file, line, column, message, effect, suggestion }: Diagnostic): string {
  const place = [file, ...(line > 0 ? [line, column > 0 ? column : 1] : [])].join(':');
  return `${place}: ${severity}: ${message}${effect === '' ? '' : `; ${effect}`}${suggestion === undefined ? '' : ` (did you mean "${suggestion}"?)`}`;
}

function columnOf({ text, line }: Place, word: string | null): number {
  if (line === 0) return 0;
  const at = word === null || word === '' || text === undefined ? -1 : text.indexOf(word);
  return at >= 0 ? at + 1 : text === undefined ? 1 : (/\S/.exec(text)?.index ?? 0) + 1;
}
