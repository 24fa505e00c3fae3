/**
 * Lines to keywords, as keepalived's process_stream() goes through them. What it does with mistakes is kept, because files rely on it: an
 * unknown keyword is only a remark, and the block behind it is read as if its lines stood at the level of the unknown word.
 */
import type { Diagnostics, Place } from '../diagnostics.ts';
import type { ConfigLine, LineSource } from './line-source.ts';

/** A keyword of a block. The functions belong to one reading of one file. */
export interface Keyword {
  /** Called with the keyword's line; false: its block is skipped. */
  readonly read?: (line: ConfigLine) => void | false;
  /** It has a block of keywords. */
  readonly block?: KeywordTable;
  /** After the block; `end` is where it closed, which is where keepalived reports what a block lacks. */
  readonly close?: (line: ConfigLine, end: Place) => void;
  /** It has (or may have, when optional) a block of anything, read as it stands. */
  readonly items?: (line: ConfigLine, items: readonly Item[], end: Place) => void;
  readonly itemsOptional?: boolean;
}

export type KeywordTable = Readonly<Record<string, Keyword>>;

/** A line of a block that is read as it stands. */
export interface Item {
  readonly line: ConfigLine;
  readonly children: readonly Item[] | null;
}

const MAX_DEPTH = 100;

export class BlockParser {
  readonly #source: LineSource;
  readonly #diagnostics: Diagnostics;
  #back: ConfigLine | null = null;
  /** 0 = not skipping, -1 = skipping if a brace follows, else the depth of braces. */
  #skipDepth = 0;

  constructor(source: LineSource, diagnostics: Diagnostics) {
    this.#source = source;
    this.#diagnostics = diagnostics;
  }

  parse(table: KeywordTable): void {
    this.#level(table, 0, false);
  }

  /** Whether the block was skipped. */
  #level(table: KeywordTable, level: number, braceNeeded: boolean): boolean {
    let needBrace = braceNeeded;
    for (let line = this.#next(); line !== null; line = this.#next()) {
      const word = line.words[0]!;
      if (this.#skipDepth === -1) {
        this.#skipDepth = word === '{' ? 1 : 0;
        if (word === '{') {
          needBrace = false;
          continue;
        }
      }
      if (this.#skipDepth > 0) {
        this.#skipDepth += word === '{' ? 1 : word === '}' ? -1 : 0;
        if (this.#skipDepth === 0 && level > 0) return true;
        continue;
      }
      if (needBrace) {
        needBrace = false;
        if (word === '{') continue;
        this.#diagnostics.warn(line.place, 'missing "{" at the beginning of a block', 'read as if it stood there', word);
      } else if (word === '{') {
        this.#diagnostics.warn(line.place, 'unexpected "{"', 'ignored', '{');
        continue;
      }
      if (word === '}' && level > 0) return false;
      this.#keyword(table, line, level);
    }
    return false;
  }

  #keyword(table: KeywordTable, line: ConfigLine, level: number): void {
    const word = line.words[0]!;
    const keyword = Object.hasOwn(table, word) ? table[word]! : null;
    if (keyword === null) {
      this.#diagnostics.warn(line.place, `unknown keyword "${word}"`, 'ignored', word, Object.keys(table));
      return;
    }
    const wanted = keyword.read?.(line) !== false;
    if (keyword.items !== undefined) {
      const items = this.#items(line, keyword.itemsOptional === true);
      if (wanted) keyword.items(line, items, this.#source.place);
    } else if (keyword.block !== undefined) {
      if (level >= MAX_DEPTH) return;
      if (!wanted) this.#skipDepth = -1;
      const skipped = this.#level(keyword.block, level + 1, true);
      if (!skipped && wanted) keyword.close?.(line, this.#source.place);
    } else if (!wanted) this.#skipDepth = -1;
  }

  #items(opening: ConfigLine, optional: boolean, depth = 0): Item[] {
    const first = this.#next();
    if (first === null) return [];
    if (first.words[0] !== '{') {
      if (!optional) this.#diagnostics.warn(opening.place, `missing "{" after ${opening.words[0]}`, 'the block is taken as empty', opening.words[0]!);
      this.#back = first;
      return [];
    }
    const items: Item[] = [];
    for (let line = this.#next(); line !== null && line.words[0] !== '}'; line = this.#next()) {
      if (line.words[0] === '{') continue;
      const following = this.#next();
      this.#back = following;
      const children = following?.words[0] === '{' && depth < MAX_DEPTH ? this.#items(line, true, depth + 1) : null;
      items.push({ line, children });
    }
    return items;
  }

  #next(): ConfigLine | null {
    const line = this.#back ?? this.#source.next();
    this.#back = null;
    return line;
  }
}
