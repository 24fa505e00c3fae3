/**
 * Numbers as keepalived reads them (lib/parser.c: read_unsigned_func, read_decimal_unsigned_long_func): what strtoul() makes of the text, with a
 * remark for whatever is wrong with it. A number with rubbish behind it counts where the keyword says that errors are ignored.
 */

export interface ReadNumber {
  readonly value: number;
  /** What is wrong with the text; empty when nothing is. */
  readonly problem: string;
  /** Not even a keyword that ignores errors takes it. */
  readonly unusable: boolean;
}

const MICROSECOND_DIGITS = 6;
const UINT32_MAX = 4_294_967_295;

/** A whole number from 0 up. */
export function readUnsigned(text: string): ReadNumber {
  const [, sign = '', digits = '', rest = ''] = /^\s*([-+]?)(\d*)(.*)$/s.exec(text) ?? [];
  const value = Number(digits);
  if (sign === '-') return { value, problem: `"${text}" is negative`, unusable: true };
  // NB: strtoul() stops before a sign that no digit follows: all of the text is rubbish then, but for an empty one.
  if (rest !== '' || (digits === '' && sign !== '')) return { value, problem: `"${text}" is not a number`, unusable: value > UINT32_MAX };
  return value > UINT32_MAX ? { value, problem: `${text} is too large`, unusable: true } : { value, problem: '', unusable: false };
}

/** Seconds with up to six decimal places; more are rounded. The value is in seconds. */
export function readSeconds(text: string): ReadNumber {
  if (text.startsWith('-')) return { value: 0, problem: `"${text}" is negative`, unusable: true };
  const dot = text.indexOf('.');
  const whole = dot < 0 ? text : text.slice(0, dot);
  const fraction = dot < 0 ? '' : text.slice(dot + 1);
  const kept = fraction.slice(0, MICROSECOND_DIGITS);
  const [, digits = '', rest = ''] = /^\s*\+?(\d*)(.*)$/s.exec(whole + kept.padEnd(MICROSECOND_DIGITS, '0')) ?? [];
  const microseconds = Number(digits) + (fraction.length > MICROSECOND_DIGITS && fraction[MICROSECOND_DIGITS]! >= '5' ? 1 : 0);
  const problem = rest !== '' ? `"${text}" is not a number` : fraction.length > MICROSECOND_DIGITS ? `"${text}" has more than ${MICROSECOND_DIGITS} decimal places` : '';
  return { value: microseconds / 10 ** MICROSECOND_DIGITS, problem, unusable: false };
}
