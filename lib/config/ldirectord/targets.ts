/**
 * The places of ldirectord.cf: "HOST[->HOST][:PORT] gate|masq|ipip [weight] [...]", and fallbacks.
 *
 * NB: ldirectord's expression is not anchored. What it cannot read from the start it reads from the first place where it can, so that
 * "192.168.6.2::5060" is host "5060". The same expression here gives the same nonsense.
 */
import type { ForwardingMethod } from '../../model/destination.ts';
import { readAddress } from '../keepalived/addresses.ts';
import type { ConfigHost } from '../config-host.ts';

const HOST_4 = '\\d+\\.\\d+\\.\\d+\\.\\d+|[A-Za-z0-9.-]+?';
const HOST_6 = '\\[[0-9A-Fa-f:.]+\\]';
const PORT = '\\d+|[A-Za-z0-9_-]+';
export const METHODS: Readonly<Record<string, ForwardingMethod>> = { gate: 'route', masq: 'masq', ipip: 'tunnel' };

/** The expression takes quadratic time. */
const MAX_LENGTH = 1000;

export interface RealTarget {
  readonly first: string;
  readonly last: string | null;
  readonly port: string | null;
  /** Everything behind. */
  readonly rest: string;
}

export function parseReal(text: string, family: 4 | 6): RealTarget | null {
  if (text.length > MAX_LENGTH) return null;
  const host = family === 4 ? HOST_4 : HOST_6;
  const match = new RegExp(`(${host})(?:->(${host}))?(?::(${PORT}))?(?:\\s+(.*))?$`).exec(text.trim());
  return match === null ? null : { first: match[1]!, last: match[2] ?? null, port: match[3] ?? null, rest: (match[4] ?? '').trim() };
}

/** Address of a host word, by the C library's rules: a plain number is an address too. */
export function hostAddress(word: string, family: 4 | 6, host: ConfigHost): string | null {
  const text = word.replace(/^\[(.*)\]$/, '$1');
  const read = readAddress(text);
  if (read !== null) return read.family === family ? read.address : null;
  if (family === 4 && /^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return numberAddress(Number(text));
  return host.addressOf(text, family);
}

function numberAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}
