/**
 * The places of ldirectord.cf: "HOST[->HOST][:PORT] gate|masq|ipip [weight] [\"request\", \"receive\"] [l:N] [u:N]", and fallbacks.
 *
 * NB: ldirectord's expressions are not anchored. What it cannot read from the start it reads from the first place where it can, so that
 * "192.168.6.2::5060" is host "5060". The same here gives the same nonsense.
 */
import type { ForwardingMethod } from '../../model/destination.ts';
import { readAbbreviatedAddress, readAddress } from '../keepalived/addresses.ts';
import type { ConfigHost } from '../config-host.ts';

const HOST = '\\d+\\.\\d+\\.\\d+\\.\\d+|[A-Za-z0-9.-]+|\\[[0-9A-fa-f:]+\\]';
const PORT = '[A-Za-z0-9_-]+';
const REAL = new RegExp(`(${HOST})(?:->(${HOST}))?(?::(${PORT}))?[ \\t\\r\\f\\v]+([^\\n]*)`);
export const METHODS: Readonly<Record<string, ForwardingMethod>> = { gate: 'route', masq: 'masq', ipip: 'tunnel' };

/** The expression takes quadratic time. */
const MAX_LENGTH = 1000;

export interface RealTarget {
  readonly first: string;
  readonly last: string | null;
  readonly port: string | null;
  /** Everything behind: method, weight and so on. */
  readonly rest: string;
}

/** Null when no place is to be found in it. */
export function parseReal(text: string): RealTarget | null {
  const match = text.length > MAX_LENGTH ? null : REAL.exec(text);
  return match === null ? null : { first: match[1]!, last: match[2] ?? null, port: match[3] ?? null, rest: match[4]! };
}

export interface RealOptions {
  readonly method: ForwardingMethod;
  /** Digits. */
  readonly weight: string;
  readonly request: string | null;
  readonly receive: string | null;
  readonly lower: number;
  readonly upper: number;
}

/** What stands behind a real server's place. Each part is looked for in what is left behind the one before it; what is left at the end is a mistake. */
export function parseRealOptions(text: string): RealOptions | { readonly complaint: string; readonly word: string } {
  let rest = text;
  const take = (form: RegExp): RegExpExecArray | null => {
    const found = form.exec(rest);
    if (found !== null) rest = rest.slice(found.index + found[0].length);
    return found;
  };
  const word = take(/\w+/)?.[0] ?? '';
  if (!Object.hasOwn(METHODS, word)) return { complaint: 'forward method must be gate, masq or ipip', word };
  const weight = take(/[ \t\r\f\v]+(\d+)/)?.[1] ?? '1';
  const [, request = null, receive = null] = take(/[ \t\r\f\v]+"([^\n]*)"[, ][ \t\r\f\v]*"([^\n]*)"/) ?? [];
  const lower = take(/[ \t\r\f\v]+l:(\d+)/)?.[1] ?? '0';
  const upper = take(/[ \t\r\f\v]+u:(\d+)/)?.[1] ?? '0';
  if (/[^ \t\r\f\v]/.test(rest)) return { complaint: `invalid real server line, around "${rest.trim()}"`, word: rest.trim() };
  return { method: METHODS[word]!, weight, request, receive, lower: Number(lower), upper: Number(upper) };
}

export interface FallbackTarget { readonly host: string; readonly port: string | null; readonly methodWord: string }

/** The last word but one and, if it is not alone, the last. */
export function parseFallback(text: string): FallbackTarget {
  const words = text.trim().split(/\s+/);
  const place = words.length > 1 ? words.at(-2)! : words[0]!;
  const port = new RegExp(`:(${PORT})$`).exec(place)?.[1] ?? null;
  return { host: port === null ? place : place.slice(0, -port.length - 1), port, methodWord: words.length > 1 ? words.at(-1)! : 'gate' };
}

/** Address of a host word, by the C library's rules: a plain number is an address too. */
export function hostAddress(word: string, family: 4 | 6, host: ConfigHost): string | null {
  const text = /\[(.*)\]/.exec(word)?.[1] ?? word;
  const read = readAddress(text);
  if (read !== null) return read.family === family ? read.address : null;
  if (/^[0-9a-fx.]+$/i.test(text) && /^\d/.test(text)) {
    const abbreviated = family === 4 ? readAbbreviatedAddress(text) : null;
    if (abbreviated !== null || /^[\d.]+$/.test(text)) return abbreviated;
  }
  // NB: no name at all is this host.
  return text === '' ? (family === 4 ? '127.0.0.1' : '::1') : host.addressOf(text, family);
}

/** A number of 0 to 65535, or the port of a service name; null otherwise. `protocol` null: any. */
export function servicePort(text: string, protocol: 'tcp' | 'udp' | null, host: ConfigHost): number | null {
  if (/^\d+$/.test(text)) return Number(text) < 65_536 ? Number(text) : null;
  return protocol === null ? host.portOf(text, 'tcp') ?? host.portOf(text, 'udp') : host.portOf(text, protocol);
}

/** Addresses of one range; more is a mistake. */
const MAX_RANGE = 65_536;

/** Every IPv4 address from `first` to `last`; null when there is none. */
export function addressRange(first: string, last: string): string[] | null {
  const [low, high] = [first, last].map((address) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)) as [number, number];
  if (low > high || high - low >= MAX_RANGE) return null;
  return Array.from({ length: high - low + 1 }, (_, n) => [24, 16, 8, 0].map((shift) => Math.floor((low + n) / 2 ** shift) % 256).join('.'));
}
