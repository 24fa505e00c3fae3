/** The smallest rules of keepalived.conf: comments, quotes, words (lib/parser.c: decomment, alloc_strvec). */

/**
 * A line without its comment and outer blanks. `#` and `!` begin a comment outside quotes; a backslash before one of them keeps it, and a
 * backslash at the end survives even behind a comment, so that commented lines of a multi-line definition do not end it.
 */
export function decomment(line: string): { readonly text: string; readonly openQuote: boolean } {
  let text = line.replace(/^[ \t]+/, '');
  let quoted = false;
  let commentAt = -1;
  let continued = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"' && commentAt < 0) quoted = !quoted;
    else if (character === '\\') {
      if (at + 1 >= text.length) {
        continued = true;
        text = text.slice(0, at);
        break;
      }
      if (!quoted && (text[at + 1] === '#' || text[at + 1] === '!')) text = text.slice(0, at) + text.slice(at + 1);
      else at++;
    } else if (!quoted && commentAt < 0 && (character === '!' || character === '#')) commentAt = at;
  }
  if (commentAt >= 0) text = text.slice(0, commentAt);
  text = text.replace(/[ \t]+$/, '');
  return { text: continued ? `${text}\\` : text, openQuote: quoted };
}

/** Without the blanks around it; only what C calls blanks. */
export function trimmed(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
}

/** Blanks separate words; a word in double quotes keeps its blanks and loses its quotes. */
export function words(text: string): string[] {
  const found: string[] = [];
  for (const [, quoted, open, plain] of text.matchAll(/"([^"]*)"|("[^"]*$)|([^ \t\n\v\f\r"]+)/g)) {
    if (open !== undefined) break;
    found.push(quoted ?? plain ?? '');
  }
  return found;
}

/** Of escapes that stand for another character than themselves. */
const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** What stands behind a backslash. */
function unescaped(escape: string): string {
  if (/^x[0-9a-f]+$/i.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16) & 0xff);
  if (/^[0-7]+$/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
  if (escape.length === 2) return String.fromCharCode(escape.charCodeAt(1) & 0x1f);
  return ESCAPES[escape] ?? escape;
}

/** A script and its parameters, as the shell-like rules of keepalived split them (alloc_strvec_quoted_escaped). */
export function commandWords(text: string): string[] {
  const found: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '\\' && at + 1 < text.length) {
      const [escape = ''] = /^(?:x[0-9a-f]+|c.|[0-7]{1,3}|.)/is.exec(text.slice(at + 1))!;
      word = (word ?? '') + unescaped(escape);
      at += escape.length;
    }
    else if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== null) found.push(word);
      word = null;
    } else word = (word ?? '') + character;
  }
  if (word !== null) found.push(word);
  return found;
}
