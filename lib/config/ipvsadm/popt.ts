/**
 * Option scanning as popt(3) 1.19 does it, which is what ipvsadm's users have in their fingers: bundled short options (-Lnt X),
 * glued values (-w5, -w=5), --long=value, no abbreviations, arguments left over anywhere, "--" ends options. Written for a table
 * of options; knows nothing of what they mean.
 */
export type ArgumentKind = 'none' | 'required' | 'optional';

export interface OptionSpec<Tag> {
  readonly long: string;
  readonly short: string;
  readonly argument: ArgumentKind;
  readonly tag: Tag;
}

export type ScanProblem = 'unknown option' | 'missing argument' | 'option does not take an argument';

export type ScanStep<Tag> =
  | { readonly tag: Tag; readonly argument: string | null }
  /** Nothing left. */
  | { readonly end: true }
  | { readonly problem: ScanProblem };

export class OptionScanner<Tag> {
  /** Words that are no options, in order. */
  readonly leftovers: string[] = [];
  readonly #byLong: ReadonlyMap<string, OptionSpec<Tag>>;
  readonly #byShort: ReadonlyMap<string, OptionSpec<Tag>>;
  readonly #words: readonly string[];
  #position = 0;
  /** What is left of a bundle of short options. */
  #bundle = '';
  #onlyLeftovers = false;

  constructor(table: OptionTable<Tag>, words: readonly string[]) {
    this.#byLong = table.byLong;
    this.#byShort = table.byShort;
    this.#words = words;
  }

  /** The word that the last step took last: poptBadOption(). */
  get word(): string {
    return this.#words[this.#position - 1] ?? '';
  }

  next(): ScanStep<Tag> {
    if (this.#bundle !== '') return this.#short();
    while (this.#position < this.#words.length) {
      const word = this.#words[this.#position++]!;
      if (this.#onlyLeftovers || !word.startsWith('-') || word === '-') this.leftovers.push(word);
      else if (word === '--') this.#onlyLeftovers = true;
      else if (word.startsWith('--')) return this.#long(word.slice(2));
      else {
        this.#bundle = word.slice(1);
        return this.#short();
      }
    }
    return { end: true };
  }

  #long(text: string): ScanStep<Tag> {
    const equals = text.indexOf('=');
    const option = this.#byLong.get(equals < 0 ? text : text.slice(0, equals));
    if (option === undefined) return { problem: 'unknown option' };
    if (equals < 0) return this.#withArgument(option);
    return option.argument === 'none' ? { problem: 'option does not take an argument' } : { tag: option.tag, argument: text.slice(equals + 1) };
  }

  #short(): ScanStep<Tag> {
    const option = this.#byShort.get(this.#bundle[0]!);
    const rest = this.#bundle.slice(1);
    this.#bundle = '';
    if (option === undefined) return { problem: 'unknown option' };
    if (option.argument === 'none') {
      this.#bundle = rest;
      return { tag: option.tag, argument: null };
    }
    if (rest !== '') return { tag: option.tag, argument: rest.startsWith('=') ? rest.slice(1) : rest };
    return this.#withArgument(option);
  }

  #withArgument({ argument, tag }: OptionSpec<Tag>): ScanStep<Tag> {
    if (argument === 'none') return { tag, argument: null };
    const following = this.#words[this.#position];
    if (following === undefined) return argument === 'optional' ? { tag, argument: null } : { problem: 'missing argument' };
    if (argument === 'optional' && following.startsWith('-')) return { tag, argument: null };
    this.#position++;
    return { tag, argument: following };
  }
}

export class OptionTable<Tag> {
  readonly byLong: ReadonlyMap<string, OptionSpec<Tag>>;
  readonly byShort: ReadonlyMap<string, OptionSpec<Tag>>;

  constructor(options: readonly OptionSpec<Tag>[]) {
    this.byLong = new Map(options.filter(({ long }) => long !== '').map((option) => [option.long, option]));
    this.byShort = new Map(options.filter(({ short }) => short !== '').map((option) => [option.short, option]));
  }
}
