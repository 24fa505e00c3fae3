/** The open .if blocks of a file, innermost last. */
import type { Diagnostics, Place } from '../diagnostics.ts';
import { judge, type ConditionWorld } from './conditions.ts';

interface Block { readonly place: Place; /** Its lines count now. */ active: boolean; /** A branch has counted, or none may. */ settled: boolean; elseSeen: boolean }

const DIRECTIVES = ['.if', '.elif', '.else', '.endif', '.diag', '.notice', '.warning', '.alert'];
const REFUSED = 'the file is refused';

export class ConditionStack {
  readonly #blocks: Block[] = [];
  readonly #world: ConditionWorld;
  readonly #diagnostics: Diagnostics;

  constructor(world: ConditionWorld, diagnostics: Diagnostics) {
    this.#world = world;
    this.#diagnostics = diagnostics;
  }

  /** Whether lines count here. */
  get active(): boolean {
    return this.#blocks.at(-1)?.active ?? true;
  }

  directive([word = '', ...rest]: readonly string[], place: Place): void {
    const block = this.#blocks.at(-1);
    switch (word) {
      case '.if': {
        const outer = this.active;
        const value = outer && this.#judge(rest, place);
        this.#blocks.push({ place, active: value, settled: !outer || value, elseSeen: false });
        return;
      }
      case '.elif':
      case '.else':
      case '.endif':
        if (block === undefined) return this.#refuse(place, `a lone "${word}" with no .if`, word);
        if (word === '.endif') this.#blocks.pop();
        else if (block.elseSeen) this.#refuse(place, `"${word}" behind .else`, word);
        else {
          block.elseSeen = word === '.else';
          block.active = !block.settled && (word === '.else' || this.#judge(rest, place));
          block.settled ||= block.active;
        }
        return;
      default:
        if (!this.active) return;
        if (!DIRECTIVES.includes(word)) this.#refuse(place, `unknown directive "${word}"`, word, DIRECTIVES);
        else if (word === '.alert') this.#refuse(place, `.alert: ${rest.join(' ')}`, word);
        else if (word === '.warning') this.#diagnostics.warn(place, `.warning: ${rest.join(' ')}`, 'as the file says', word);
        else this.#diagnostics.note(place, `${word}: ${rest.join(' ')}`, 'as the file says', word);
    }
  }

  /** At the end of a file. */
  close(): void {
    for (const { place } of this.#blocks) this.#refuse(place, 'an .if without its .endif', '.if');
    this.#blocks.length = 0;
  }

  /** An empty condition is false. */
  #judge(words: readonly string[], place: Place): boolean {
    const text = words.join(' ');
    const judged = text === '' ? { value: false } : judge(text, this.#world);
    if ('value' in judged) return judged.value;
    this.#refuse(place, `condition "${text}": ${judged.problem}`, words[0] ?? '.if');
    return false;
  }

  #refuse(place: Place, message: string, word: string, known: readonly string[] = []): void {
    this.#diagnostics.error(place, message, `${REFUSED}; ignored`, word, known);
  }
}
