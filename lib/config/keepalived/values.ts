/** Values of keywords: numbers with their ranges, times, switches, scripts. A value that is no good is a remark and null. */
import type { Script } from '../../model/desired-configuration.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { ConfigLine } from './line-source.ts';
import { readSeconds, readUnsigned, type ReadNumber } from './numbers.ts';
import { commandWords } from './text.ts';

export const UINT32_MAX = 4_294_967_295;
export const INT32_MAX = 2_147_483_647;
/** Times are held in microseconds of 32 bits in seconds. */
export const TIME_MAX_SEC = 4294.967295;

const TRUE_WORDS = ['on', 'true', 'yes'];
const FALSE_WORDS = ['off', 'false', 'no'];

export class Values {
  readonly #diagnostics: Diagnostics;

  constructor(diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
  }

  /** Word `n` as a whole number of a range from 0 up; `lenient` takes one with rubbish behind it. */
  unsigned(line: ConfigLine, n: number, least: number, most: number, { effect = 'ignored', lenient = true }: { readonly effect?: string; readonly lenient?: boolean } = {}): number | null {
    return this.#number(line, n, readUnsigned, least, most, effect, lenient);
  }

  /** Word `n` as a whole number, also below 0. */
  integer(line: ConfigLine, n: number, least: number, most: number): number | null {
    return this.#number(line, n, (text) => {
      const [, sign, digits] = /^\s*([-+]?)(\d+)\s*$/.exec(text) ?? [];
      return digits === undefined ? { value: 0, problem: `"${text}" is not a number`, unusable: true } : { value: sign === '-' ? -Number(digits) : Number(digits), problem: '', unusable: false };
    }, least, most, 'ignored', false);
  }

  /** Word `n` as seconds, fractions allowed. */
  seconds(line: ConfigLine, n: number, least = 0, most = TIME_MAX_SEC, effect = 'ignored'): number | null {
    return this.#number(line, n, readSeconds, least, most, effect, true);
  }

  /** No word: true. A word that says neither: a remark and null. */
  flag(line: ConfigLine): boolean | null {
    const word = line.words[1];
    if (word === undefined || TRUE_WORDS.includes(word)) return true;
    if (FALSE_WORDS.includes(word)) return false;
    this.#diagnostics.warn(line.place, `${line.words[0]}: "${word}" is neither on nor off`, 'ignored', word, [...TRUE_WORDS, ...FALSE_WORDS]);
    return null;
  }

  /** Word `n`, or a remark and null when there is none. */
  word(line: ConfigLine, n = 1): string | null {
    const word = line.words[n];
    if (word === undefined) this.#diagnostics.error(line.place, `${line.words[0]} is missing its parameter`, 'keepalived stops here; ignored', line.words[0]!);
    return word ?? null;
  }

  /** The word behind a keyword that goes without one, with a remark. */
  optionalWord(line: ConfigLine): string | null {
    const word = line.words[1];
    if (word === undefined) this.#diagnostics.warn(line.place, `${line.words[0]} is missing its parameter`, 'ignored', line.words[0]!);
    return word ?? null;
  }

  /** "keyword script parameters" or "keyword "script parameters" [user [group]]". */
  script(line: ConfigLine): Script | null {
    const rest = line.text.slice(line.text.indexOf(line.words[0]!) + line.words[0]!.length).trim();
    const [command, user, group] = rest.startsWith('"') ? line.words.slice(1) : [commandWords(rest)[0], ...line.words.slice(2)];
    if (command === undefined || command === '') {
      this.word({ ...line, words: [line.words[0]!] });
      return null;
    }
    return { command, ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) };
  }

  #number(line: ConfigLine, n: number, read: (text: string) => ReadNumber, least: number, most: number, effect: string, lenient: boolean): number | null {
    const word = this.word(line, n);
    if (word === null) return null;
    const { value, problem, unusable } = read(word);
    const usable = !unusable && value >= least && value <= most && (problem === '' || lenient);
    if (problem !== '') this.#diagnostics.warn(line.place, `${line.words[0]}: ${problem}`, usable ? `${value} is taken` : effect, word);
    else if (!usable) this.#diagnostics.warn(line.place, `${line.words[0]}: ${word} is outside [${least}, ${most}]`, effect, word);
    return usable ? value : null;
  }
}
