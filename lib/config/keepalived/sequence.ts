/**
 * ~SEQ(NAME, start, step, end), ~SEQx (hexadecimal), ~LST(NAME, value, ...), ~LST({A,B}, {a1,b1}, ...): the rest of the line is read once for
 * each value of the parameters.
 */

export interface Sequence {
  readonly variables: readonly string[];
  /** Values of the turn (from 0), or null after the last. */
  values(turn: number): readonly string[] | null;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** More turns are a mistake. */
const MAX_TURNS = 100_000;

/** `expand` replaces parameters inside the parentheses. Null when the line is no sequence. */
export function parseSequence(text: string, expand: (argument: string) => string): { readonly sequence: Sequence; readonly rest: string } | null {
  const [whole, kind, hexadecimal] = /^~(SEQ|LST)(x?)[ \t]*\(/.exec(text) ?? [];
  if (whole === undefined) return null;
  const end = text.indexOf(')', whole.length);
  if (end < 0 || (kind === 'LST' && hexadecimal === 'x')) return null;
  const fields = splitFields(expand(text.slice(whole.length, end)));
  const sequence = kind === 'LST' ? list(fields) : count(fields, hexadecimal === 'x' ? 16 : 10);
  return sequence === null ? null : { sequence, rest: text.slice(end + 1).trim() };
}

function count([name, ...numberTexts]: readonly string[], radix: number): Sequence | null {
  if (name === undefined || !NAME.test(name) || numberTexts.length < 1 || numberTexts.length > 3) return null;
  const numbers = numberTexts.map((word) => (/^-?(0x[0-9a-f]+|\d+)$/i.test(word) ? (word.startsWith('-') ? -Number(word.slice(1)) : Number(word)) : Number.NaN));
  if (numbers.some((number) => !Number.isSafeInteger(number))) return null;
  const start = numbers.length === 1 ? 1 : numbers[0]!;
  const end = numbers.at(-1)!;
  const step = numbers.length === 3 ? numbers[1]! : end >= start ? 1 : -1;
  if (step === 0 || (end - start) / step > MAX_TURNS) return null;
  return {
    variables: [name],
    values: (turn) => {
      const value = start + turn * step;
      return (step > 0 ? value > end : value < end) ? null : [value.toString(radix)];
    },
  };
}

function list([names, ...values]: readonly string[]): Sequence | null {
  if (names === undefined || values.length === 0) return null;
  const inside = (field: string): string[] => (field.startsWith('{') && field.endsWith('}') ? field.slice(1, -1).split(',').map((word) => word.trim()) : [field]);
  const variables = inside(names);
  if (!variables.every((name) => NAME.test(name))) return null;
  return { variables, values: (turn) => (turn < values.length ? inside(values[turn]!) : null) };
}

/** At commas outside braces. */
function splitFields(text: string): string[] {
  const fields = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    else if (character === '}') depth--;
    if (character === ',' && depth <= 0) fields.push('');
    else fields[fields.length - 1] += character;
  }
  return fields.map((field) => field.trim());
}
