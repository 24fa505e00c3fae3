/** Lines of haproxy.cfg to words: quotes, backslashes, comments, environment variables (HAProxy's section 2.2 and 2.3). */

export type HaproxyLine = { readonly words: readonly string[]; readonly problem: null } | { readonly words: readonly string[]; readonly problem: string; readonly at: string };

const ESCAPES: Readonly<Record<string, string>> = { ' ': ' ', '\\': '\\', '#': '#', '"': '"', "'": "'", n: '\n', r: '\r', t: '\t' };

/**
 * Words with their quotes and escapes resolved; single quotes resolve nothing inside, and only double quotes resolve variables. A backslash before
 * anything else stays (regular expressions live from it).
 */
export function haproxyLine(line: string, environment: (name: string) => string | null): HaproxyLine {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  const fail = (problem: string, at: string): HaproxyLine => ({ words: word === null ? words : [...words, word], problem, at });
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote === "'") {
      if (character === "'") quote = '';
      else word += character;
    } else if (character === '\\') {
      const next = line[at + 1] ?? '';
      if (next === 'x') {
        const digits = /^[0-9a-f]{2}/i.exec(line.slice(at + 2, at + 4))?.[0];
        if (digits === undefined) return fail('truncated or invalid hexadecimal sequence', '\\x');
        word = (word ?? '') + String.fromCharCode(Number.parseInt(digits, 16));
        at += 3;
      } else if (Object.hasOwn(ESCAPES, next) || (next === '$' && quote === '"')) {
        word = (word ?? '') + (ESCAPES[next] ?? next);
        at++;
      } else word = `${word ?? ''}\\`;
    } else if (quote === '"' && character === '$') {
      const variable = VARIABLE.exec(line.slice(at));
      if (variable === null) return fail(line[at + 1] === '{' ? 'unmatched brace in environment variable name' : 'forbidden first character in environment variable name', line.slice(at, at + 8));
      const [all, braced, otherwise, list, plain] = variable;
      const value = environment(braced ?? plain!) ?? otherwise ?? '';
      at += all.length - 1;
      // "${NAME[*]}": each word of it is a word.
      if (list === undefined) word += value;
      else {
        const parts = value.split(/[ \t]+/).filter((part) => part !== '');
        words.push(...parts.slice(0, -1).map((part, n) => (n === 0 ? word ?? '' : '') + part));
        word = (parts.length > 1 ? '' : word ?? '') + (parts.at(-1) ?? '');
      }
    } else if (quote === '"') {
      if (character === '"') quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === '#') break;
    else if (character === ' ' || character === '\t' || character === '\r') {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + character;
  }
  if (quote !== '') return fail('unmatched quote', quote);
  if (word !== null) words.push(word);
  return { words, problem: null };
}

/** ${NAME}, ${NAME-otherwise}, ${NAME[*]}, $NAME. */
const VARIABLE = /^\$(?:\{([A-Za-z_.][A-Za-z0-9_.]*)(?:-([^}]*))?(\[\*\])?\}|([A-Za-z_][A-Za-z0-9_]*))/;

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "5s", "500" (milliseconds), "1m": seconds, or null. */
export function timeSec(text: string | undefined): number | null {
  const [, number, unit = 'ms'] = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text ?? '') ?? [];
  return number === undefined ? null : (Number(number) * UNITS_MS[unit]!) / 1000;
}
