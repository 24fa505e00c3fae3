/**
 * Values of options, read as strictly or as loosely as ipvsadm's C code reads them: strtol() with its blanks and signs, atoi(), and
 * inet_aton() with its one to four parts, octal and hexadecimal.
 */

/** string_to_number(): decimal, blanks and a sign before it, nothing after it; null outside low..high. */
export function readNumber(text: string, low: number, high: number): number | null {
  if (!/^[ \t\n\v\f\r]*[+-]?\d+$/.test(text)) return null;
  const value = Number(text);
  return value >= low && value <= high ? value + 0 : null;
}

/** atoi(): the number a text begins with, or 0. */
export function leadingNumber(text: string): number {
  const digits = /^[ \t\n\v\f\r]*[+-]?\d+/.exec(text);
  return digits === null ? 0 : Number(digits[0]);
}

/** The usual form: four decimal numbers, canonical already. */
const DOTTED_QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const PART = /^(0[xX][0-9a-fA-F]*|0[0-7]*|[1-9]\d*)$/;

/**
 * inet_aton(): a.b.c.d, a.b.c, a.b or a, each part decimal, octal (leading 0) or hexadecimal (0x), the last one filling what is
 * left; anything may follow after white space. Dotted quad, or null.
 */
export function readIpv4(text: string): string | null {
  // Fast path: thousands of rules are read at a time.
  if (DOTTED_QUAD.test(text)) return text;
  const parts = text.split(/[ \t\n\v\f\r]/, 1)[0]!.split('.');
  if (parts.length > 4 || !parts.every((part) => PART.test(part))) return null;
  const values = parts.map((part) => (part === '0x' || part === '0X' ? 0 : part.length > 1 && part[0] === '0' && part[1]!.toLowerCase() !== 'x' ? parseInt(part, 8) : Number(part)));
  const last = values.pop()!;
  if (values.some((value) => value > 255) || last >= 256 ** (4 - values.length)) return null;
  const number = values.reduce((sum, value, position) => sum + value * 256 ** (3 - position), last);
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
