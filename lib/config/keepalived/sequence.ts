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

/** `expand` replaces parameters in the numbers of ~SEQ. Null when the line is no sequence. */
export function parseSequence(text: string, expand: (argument: string) => string): { readonly sequence: Sequence; readonly rest: string } | null {
  const [whole, kind, hexadecimal] = /^~(SEQ|LST)(x?)[ \t]*\(/.exec(text) ?? [];
  if (whole === undefined) return null;
  const end = text.indexOf(')', whole.length);
  if (end < 0 || (kind === 'LST' && hexadecimal === 'x')) return null;
  const inside = text.slice(whole.length, end);
  const sequence = kind === 'LST' ? list(splitFields(inside)) : count(splitFields(inside).map((field, n) => (n === 0 ? field : expand(field))), hexadecimal === 'x' ? 16 : 10);
  return sequence === null ? null : { sequence, rest: text.slice(end + 1).trim() };
}

function count([name, ...numberTexts]: readonly string[], radix: number): Sequence | null {
  if (name === undefined || !NAME.test(name) || numberTexts.length < 1 || numberTexts.length > 3) return null;
  const numbers = numberTexts.map(cNumber);
  if (numbers.some((number) => !Number.isSafeInteger(number))) return null;
  const end = numbers.at(-1)!;
  // NB: up to one number n counts from 1; 0 and below from 1 or -1 downwards.
  const start = numbers.length === 1 ? (end < 0 ? -1 : 1) : numbers[0]!;
  const step = numbers.length === 3 ? numbers[1]! : numbers.length === 1 ? (end < 1 ? -1 : 1) : start <= end ? 1 : -1;
  if (step === 0 || (end - start) / step < 0 || (end - start) / step > MAX_TURNS) return null;
  if (radix === 16 && (start < 0 || end < 0)) return null;
  return {
    variables: [name],
    values: (turn) => {
      const value = start + turn * step;
      return (step > 0 ? value > end : value < end) ? null : [value.toString(radix)];
    },
  };
}

/** Decimal, 0x hexadecimal or 0 octal, as in C; NaN for anything else. */
function cNumber(text: string): number {
  const [, sign, digits] = /^([-+]?)(0x[0-9a-f]+|\d+)$/i.exec(text) ?? [];
  if (digits === undefined) return Number.NaN;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return sign === '-' ? -value : value;
}

function list([names, ...values]: readonly string[]): Sequence | null {
  if (names === undefined || values.length === 0) return null;
  const inside = (field: string): string[] => (field.startsWith('{') && field.endsWith('}') ? field.slice(1, -1).split(',').map((word) => word.trim()) : [field]);
  const variables = inside(names);
  const sets = values.map(inside);
  if (!variables.every((name) => NAME.test(name)) || sets.some((set) => set.length > variables.length || set.some((value) => /[ \t]/.test(value)))) return null;
  return { variables, values: (turn) => sets[turn] ?? null };
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
