/** Lines of haproxy.cfg to words: quotes, backslashes, comments (HAProxy's section 2.2). */

/** Words with their quotes and escapes resolved; single quotes resolve nothing inside. */
export function haproxyWords(line: string): string[] {
  const found: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote === "'") {
      if (character === "'") quote = '';
      else word += character;
    } else if (character === '\\' && at + 1 < line.length) word = (word ?? '') + escaped(line[++at]!);
    else if (quote === '"') {
      if (character === '"') quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === '#') break;
    else if (/\s/.test(character)) {
      if (word !== null) found.push(word);
      word = null;
    } else word = (word ?? '') + character;
  }
  if (word !== null) found.push(word);
  return found;
}

function escaped(letter: string): string {
  return letter === 'n' ? '\n' : letter === 'r' ? '\r' : letter === 't' ? '\t' : letter;
}

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "5s", "500" (milliseconds), "1m": seconds, or null. */
export function timeSec(text: string | undefined): number | null {
  const [, number, unit = 'ms'] = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text ?? '') ?? [];
  return number === undefined ? null : (Number(number) * UNITS_MS[unit]!) / 1000;
}
