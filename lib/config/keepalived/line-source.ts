/**
 * From files to lines that are ready to parse, as keepalived's read_line() makes them: comments off, includes followed, @conditions judged,
 * $parameters replaced (late, so a definition may name later ones), multi-line definitions and ~SEQ/~LST unrolled, and every brace that
 * shares a line with something else put on a line of its own.
 *
 * Sources form a stack: an include, a multi-line definition or a sequence is pushed and read to its end before the line after it.
 */
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import { GlibcRandom } from './glibc-random.ts';
import { absentInclude, changedChecks, INCLUDES, type IncludeCheck } from './include-checks.ts';
import { parseSequence, type Sequence } from './sequence.ts';
import { decomment, trimmed, words } from './text.ts';

export interface ConfigLine {
  readonly words: readonly string[];
  /** Without comment, parameters replaced. */
  readonly text: string;
  readonly place: Place;
}

interface FileFrame { readonly kind: 'file'; readonly path: string; readonly lines: readonly string[]; at: number; readonly checks: ReadonlySet<IncludeCheck> }
interface ListFrame { readonly kind: 'list'; readonly lines: readonly string[]; at: number }
interface SequenceFrame { readonly kind: 'sequence'; readonly sequence: Sequence; readonly text: string; at: number }
type Frame = FileFrame | ListFrame | SequenceFrame;

interface Definition { readonly lines: readonly string[]; readonly multiLine?: boolean }

/** ${NAME}, ${NAME 1 2}, or $NAME before a blank, a comma, a closing parenthesis or the end. */
const PARAMETER = /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)( *|[ \d]*\d)\}|([A-Za-z_][A-Za-z0-9_]*)(?=[ \t,)]|$))/g;

/** What one fgets() of keepalived's takes: a longer line goes on as a line of its own. */
const LINE_PIECE = 1023;
const MAX_DEPTH = 64;
const MAX_LINES = 500_000;
const MAX_REPLACEMENTS = 200;
const MAX_LINE_LENGTH = 16_384;
const RANDOM_MOST = 32_767;

export class LineSource {
  readonly files: string[] = [];
  readonly #host: ConfigHost;
  readonly #diagnostics: Diagnostics;
  readonly #stack: Frame[] = [];
  readonly #definitions = new Map<string, Definition>();
  readonly #waiting: string[] = [];
  #place: Place = { file: '', line: 0 };
  #random: GlibcRandom;
  #depth = 0;
  #read = 0;
  #checks: ReadonlySet<IncludeCheck> = new Set();
  #instance: string;

  constructor(path: string, host: ConfigHost, diagnostics: Diagnostics) {
    this.#host = host;
    this.#instance = host.instance;
    this.#random = new GlibcRandom(host.startedSec);
    this.#diagnostics = diagnostics;
    this.#place = { file: path, line: 0 };
    this.#open(path);
  }

  /** Whether the first file could be read. */
  get opened(): boolean {
    return this.files.length > 0;
  }

  get place(): Place {
    return this.#place;
  }

  /** include_check: what every include insists on from here on. False when a word of it is not known. */
  insist(options: readonly string[]): boolean {
    const changed = changedChecks(this.#checks, options);
    if (changed !== null) this.#checks = changed;
    return changed !== null;
  }

  /** instance: what ${_INSTANCE} is from here on. */
  set instance(name: string) {
    this.#instance = name;
  }

  /** random_seed: numbers of ${_RANDOM} from here on. */
  seed(value: number): void {
    this.#random = new GlibcRandom(value);
  }

  next(): ConfigLine | null {
    for (;;) {
      const text = this.#waiting.shift() ?? this.#nextText();
      if (text === null) {
        if (this.#depth > 0) {
          this.#diagnostics.warn(this.#place, `${this.#depth} missing "}" or extra "{" at the end of the file`, 'open blocks end here');
          this.#depth = 0;
        }
        return null;
      }
      const found = words(text);
      if (found.length === 0) continue;
      if (found[0] === '{') this.#depth++;
      else if (found[0] === '}' && --this.#depth < 0) {
        this.#diagnostics.warn(this.#place, 'extra "}"', 'ignored', '}');
        this.#depth = 0;
      }
      return { words: found, text, place: this.#place };
    }
  }

  /** A line with everything done to it but the split at braces, which goes to #waiting. Null at the end. */
  #nextText(): string | null {
    for (;;) {
      const raw = this.#nextRaw();
      if (raw === null) return null;
      const text = this.#expand(raw);
      if (text === null || text === '' || this.#include(text)) continue;
      this.#waiting.push(...splitAtBraces(text));
      const first = this.#waiting.shift();
      if (first !== undefined) return first;
    }
  }

  #nextRaw(): string | null {
    for (;;) {
      const frame = this.#stack.at(-1);
      if (frame === undefined || ++this.#read > MAX_LINES) return null;
      if (frame.kind === 'sequence') {
        const values = frame.sequence.values(frame.at++);
        if (values === null) this.#stack.pop();
        else {
          frame.sequence.variables.forEach((name, n) => this.#definitions.set(name, { lines: [values[n] ?? ''] }));
          return frame.text;
        }
      } else if (frame.at >= frame.lines.length) {
        this.#stack.pop();
        if (frame.kind === 'file') this.#checks = frame.checks;
      } else {
        const line = frame.lines[frame.at++]!;
        if (frame.kind === 'list') return trimmed(line);
        this.#place = { file: frame.path, line: frame.at, text: line };
        if (line.length > LINE_PIECE) {
          this.#diagnostics.warn({ ...this.#place, text: line.slice(0, LINE_PIECE) }, `a line of ${line.length} characters`, `keepalived reads at most ${LINE_PIECE} at a time: the rest counts as further lines`);
          // NB: behind each other on the stack, so that line numbers stay those of the file.
          this.#stack.push({ kind: 'list', lines: chunks(line).slice(1).map((piece) => decomment(piece).text), at: 0 });
        }
        // An empty line ends a multi-line definition; one with nothing but a comment does not.
        if (this.#collecting && /^\r*$/.test(line)) return '';
        const { text, openQuote } = decomment(line.slice(0, LINE_PIECE).replace(/\r+$/, ''));
        if (openQuote) this.#diagnostics.warn(this.#place, `unterminated quote in "${text}"`, 'the words from there on are lost', '"');
        if (text !== '') return text;
      }
    }
  }

  #collecting = false;

  /** Conditions, definitions, sequences, parameters. Null when nothing is left to parse. */
  #expand(raw: string): string | null {
    let text = raw;
    for (let round = 0; round < MAX_REPLACEMENTS; round++) {
      if (text.startsWith('@')) {
        const rest = this.#conditional(text);
        if (rest === null) return null;
        text = rest;
      }
      if (this.#define(text)) return null;
      if (text.startsWith('~')) return this.#sequence(text) ? null : text;
      const replaced = this.#replaceOne(text);
      if (replaced === null) return text;
      text = decomment(replaced).text;
      if (text === '') return null;
      if (text.length > MAX_LINE_LENGTH) {
        this.#diagnostics.warn(this.#place, 'parameters make the line too long', 'ignored');
        return null;
      }
    }
    this.#diagnostics.warn(this.#place, 'a parameter that contains itself', 'ignored', '$');
    return null;
  }

  /** What stands behind "@NAME" or "@^NAME", or null when it is not for this configuration id. */
  #conditional(text: string): string | null {
    const [, not, id, rest] = /^@(\^?)(\S*)\s+(.*)$/s.exec(text) ?? [];
    if (rest === undefined || (id === this.#host.configId && this.#host.configId !== '') === (not === '^')) return null;
    return rest;
  }

  #define(text: string): boolean {
    const [, name, value] = /^\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) return false;
    if (!value.endsWith('\\')) {
      this.#definitions.set(name, { lines: [value] });
      return true;
    }
    const lines = value === '\\' ? [] : [trimmed(value.slice(0, -1))];
    this.#collecting = true;
    for (let more = true; more;) {
      const line = this.#nextRaw();
      if (line === null) break;
      more = line.endsWith('\\');
      const content = trimmed((more ? line.slice(0, -1) : line));
      if (content !== '') lines.push(content);
    }
    this.#collecting = false;
    this.#definitions.set(name, { lines, multiLine: lines.length > 0 });
    return true;
  }

  #sequence(text: string): boolean {
    const parsed = parseSequence(text, (argument) => this.#replaceAll(argument));
    if (parsed === null) {
      if (/^~(SEQ|LST)/.test(text)) {
        this.#diagnostics.warn(this.#place, `"${text.slice(0, 60)}" is not ~SEQ(NAME, start, step, end) or ~LST(NAME, value, ...)`, 'ignored', '~');
        return true;
      }
      return false;
    }
    if (this.#stack.length >= MAX_DEPTH) this.#diagnostics.warn(this.#place, 'sequences nested too deeply', 'ignored', '~');
    else this.#stack.push({ kind: 'sequence', sequence: parsed.sequence, text: parsed.rest, at: 0 });
    return true;
  }

  #replaceAll(text: string): string {
    let result = text;
    for (let round = 0; round < MAX_REPLACEMENTS && result.includes('$'); round++) {
      const replaced = this.#replaceOne(result);
      if (replaced === null) break;
      result = replaced;
    }
    return result;
  }

  /** The first known parameter of the text replaced; of a multi-line one the first line, the others wait. Null when there is none. */
  #replaceOne(text: string): string | null {
    for (const match of text.matchAll(PARAMETER)) {
      const name = match[1] ?? match[3]!;
      const parameters = match[2] ?? '';
      const after = text.slice(match.index + match[0].length);
      const own = this.#definitions.get(name);
      // Only a function takes numbers, and a definition of several lines is one only at the end of a line.
      if (own !== undefined && (/\d/.test(parameters) || (own.multiLine && after !== ''))) continue;
      const definition = own ?? this.#builtIn(name, parameters);
      if (definition === null) continue;
      const before = text.slice(0, match.index);
      if (definition.lines.length <= 1) return `${before}${definition.lines[0] ?? ''}${after}`;
      if (this.#stack.length >= MAX_DEPTH) {
        this.#diagnostics.warn(this.#place, `multi-line parameter ${name} contains itself`, 'ignored', name);
        return before;
      }
      this.#stack.push({ kind: 'list', lines: definition.lines.slice(1), at: 0 });
      return `${before}${definition.lines[0]}`;
    }
    return null;
  }

  #builtIn(name: string, parameters: string): Definition | null {
    const line = (text: string): Definition => ({ lines: [text] });
    if (name === '_HASH') return line('#');
    if (name === '_BANG') return line('!');
    if (name === '_INSTANCE') return line(this.#instance);
    if (name === '_PWD') return line(resolve(this.#host.workingDirectory, dirname(this.#currentFile())));
    if (name !== '_RANDOM') return null;
    const [least = 0, most = RANDOM_MOST] = parameters.trim().split(/[ \t]+/).filter((word) => word !== '').map(Number);
    // NB: the other way round the span is next to endless, and no more digits are taken than the upper end has.
    const drawn = most < least ? this.#random.next() : this.#random.next() % (most - least + 1);
    return line(String(least + drawn).slice(0, String(most).length));
  }

  #currentFile(): string {
    return this.#stack.findLast((frame) => frame.kind === 'file')?.path ?? this.#place.file;
  }

  /** Whether the line was an include. */
  #include(text: string): boolean {
    if (!text.startsWith('include')) return false;
    const [, keyword, pattern] = /^(include[rmwba]?)[ \t]+(.*)$/s.exec(text) ?? [];
    if (keyword === undefined || pattern === undefined) return false;
    if (this.#stack.length >= MAX_DEPTH) {
      this.#diagnostics.warn(this.#place, `${pattern}: includes nested too deeply`, 'ignored', pattern);
      return true;
    }
    const full = normalize(isAbsolute(pattern) ? pattern : join(dirname(this.#currentFile()), pattern));
    const checks = new Set([...this.#checks, ...INCLUDES[keyword]!]);
    const missing = (check: IncludeCheck, message: string): void => {
      if (checks.has(check)) this.#diagnostics.error(this.#place, message, `the file is refused: ${keyword} insists on it`, pattern);
      else if (check !== 'wildcard_match') this.#diagnostics.note(this.#place, message, 'nothing is included', pattern);
    };
    const paths = this.#host.glob(full);
    const open = new Set(this.#stack.map((frame) => (frame.kind === 'file' ? frame.path : '')));
    for (const path of paths.toReversed()) {
      if (open.has(path)) this.#diagnostics.warn(this.#place, `${pattern} includes "${path}" from within itself`, 'ignored', pattern);
      else if (!this.#open(path)) missing('readable', `"${path}" is no file to be read`);
    }
    const absent = absentInclude(full, paths, this.#host);
    if (absent !== null) missing(absent.check, absent.check === 'wildcard_match' ? `no file matches "${pattern}"` : `no file "${absent.name}" to include`);
    return true;
  }

  #open(path: string): boolean {
    const text = this.#host.readFile(path);
    if (text === null) return false;
    this.#stack.push({ kind: 'file', path, lines: text.split('\n'), at: 0, checks: new Set(this.#checks) });
    if (!this.files.includes(path)) this.files.push(path);
    return true;
  }
}

/** A line in the pieces that keepalived reads it in. */
function chunks(line: string): string[] {
  return line.match(/[^]{1,1023}/g) ?? [];
}

/** Braces outside quotes become lines of their own. */
export function splitAtBraces(text: string): string[] {
  if (!text.includes('{') && !text.includes('}')) return [text];
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (!quoted && (character === '{' || character === '}')) {
      parts.push(trimmed(text.slice(from, at)), character);
      from = at + 1;
    }
  }
  parts.push(trimmed(text.slice(from)));
  return parts.filter((part) => part !== '');
}
