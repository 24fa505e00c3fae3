/** Addresses, ports and ranges as keepalived reads them. */
import { formatAddress, parseAddress } from '../../wire/address.ts';
import { readUnsigned } from './numbers.ts';

export interface ReadAddress { readonly address: string; readonly family: 4 | 6 }

/** Members of one range line; more is a mistake. */
const MAX_RANGE = 65_536;

/** The address before what would be a mask or the end of a range, neither of which is looked at (inet_stosockaddr). */
export function readHostPart(text: string): ReadAddress | null {
  return readAddress(/^[^-/]*/.exec(text)![0]);
}

/** Canonical text of an address, or null. */
export function readAddress(text: string): ReadAddress | null {
  const parsed = parseAddress(text);
  if (parsed === null) return null;
  const [w0, w1, w2, w3] = parsed.words;
  return { address: formatAddress(parsed.family, w0!, w1!, w2!, w3!), family: parsed.family };
}

/** Canonical text of an IPv4 address that may have fewer than four parts, as getaddrinfo() takes them ("255.255" is 255.0.0.255). Null for anything else. */
export function readAbbreviatedAddress(text: string): string | null {
  const parts = text.split('.').map((part) => (/^(0x[0-9a-f]+|\d+)$/i.test(part) ? (/^0[0-7]+$/.test(part) ? Number.parseInt(part, 8) : Number(part)) : Number.NaN));
  const last = parts.pop()!;
  if (parts.length > 3 || !(last < 256 ** (4 - parts.length)) || parts.some((part) => !(part < 256))) return null;
  const tail = Array.from({ length: 4 - parts.length }, (_, n) => Math.floor(last / 256 ** (3 - parts.length - n)) % 256);
  return [...parts, ...tail].join('.');
}

/** 0 (made of nothing but zeros: none) to 65535, or null. Rubbish behind the number is not looked at (but `keepalived -t` complains: isWholePort). */
export function readPort(text: string): number | null {
  if (/^0*$/.test(text)) return 0;
  const { value, unusable } = readUnsigned(text);
  return unusable || value < 1 || value > 65_535 ? null : value;
}

/** Whether nothing but the number stands there. */
export function isWholePort(text: string): boolean {
  return readUnsigned(text).problem === '';
}

/**
 * "A.B.C.D", "A.B.C.D-E", "A.B.C.D-E.F.G.H", "X::1-5" (hexadecimal), "NET/LEN": every address in order. Null when it is none of these.
 */
export function readRange(text: string): { readonly addresses: readonly string[]; readonly family: 4 | 6 } | null {
  const slash = text.indexOf('/');
  const first = readHostPart(text);
  if (first === null) return null;
  if (slash >= 0) return /^\d{1,3}$/.test(text.slice(slash + 1)) ? prefixRange(first, Number(text.slice(slash + 1))) : null;
  const dash = text.indexOf('-');
  if (dash < 0) return { addresses: [first.address], family: first.family };
  const start = toNumber(first);
  const endText = text.slice(dash + 1);
  const end = rangeEnd(first, start, endText);
  // NB: "10.0.0.5-5" is refused, "10.0.0.5-10.0.0.5" is not.
  const least = endText.includes(first.family === 4 ? '.' : ':') ? start : start + 1n;
  if (end === null || end < least || end - start >= BigInt(MAX_RANGE)) return null;
  return { addresses: numbers(start, end).map((value) => fromNumber(value, first.family)), family: first.family };
}

function rangeEnd(first: ReadAddress, start: bigint, text: string): bigint | null {
  if (text.includes(first.family === 4 ? '.' : ':')) {
    const whole = readAddress(text);
    return whole?.family === first.family ? toNumber(whole) : null;
  }
  const form = first.family === 4 ? /^\d{1,3}$/ : /^[0-9a-f]{1,4}$/i;
  if (!form.test(text)) return null;
  const last = Number.parseInt(text, first.family === 4 ? 10 : 16);
  const unit = first.family === 4 ? 0xffn : 0xffffn;
  return BigInt(last) > unit ? null : (start & ~unit) | BigInt(last);
}

/** All addresses of a network, its own and the broadcast address too. Host bits must not be set. */
function prefixRange(base: ReadAddress, length: number): { readonly addresses: readonly string[]; readonly family: 4 | 6 } | null {
  const bits = BigInt(base.family === 4 ? 32 : 128);
  if (length === 0 || BigInt(length) > bits) return null;
  const size = 1n << (bits - BigInt(length));
  const start = toNumber(base);
  if (size > BigInt(MAX_RANGE) || start % size !== 0n) return null;
  return { addresses: numbers(start, start + size - 1n).map((value) => fromNumber(value, base.family)), family: base.family };
}

function numbers(first: bigint, last: bigint): bigint[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, n) => first + BigInt(n));
}

function toNumber({ address, family }: ReadAddress): bigint {
  const words = parseAddress(address)!.words;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, family === 4 ? 4 : 16);
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function fromNumber(value: bigint, family: 4 | 6): string {
  const bytes = new Uint8Array(16);
  const length = family === 4 ? 4 : 16;
  for (let n = length - 1, rest = value; n >= 0; n--, rest >>= 8n) bytes[n] = Number(rest & 0xffn);
  const [w0, w1, w2, w3] = new Int32Array(bytes.buffer);
  return formatAddress(family, w0!, w1!, w2!, w3!);
}
