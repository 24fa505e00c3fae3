/** Addresses, ports and ranges as keepalived reads them. */
import { formatAddress, parseAddress } from '../../wire/address.ts';

export interface ReadAddress { readonly address: string; readonly family: 4 | 6 }

/** Members of one range line; more is a mistake. */
const MAX_RANGE = 65_536;

/** Canonical text of an address, or null. A mask behind it is not meant here. */
export function readAddress(text: string): ReadAddress | null {
  const parsed = parseAddress(text);
  if (parsed === null) return null;
  const [w0, w1, w2, w3] = parsed.words;
  return { address: formatAddress(parsed.family, w0!, w1!, w2!, w3!), family: parsed.family };
}

/** 0..65535 or null. */
export function readPort(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/**
 * "A.B.C.D", "A.B.C.D-E", "A.B.C.D-E.F.G.H", "X::1-5" (hexadecimal), "NET/LEN": every address in order. Null when it is none of these.
 */
export function readRange(text: string): { readonly addresses: readonly string[]; readonly family: 4 | 6 } | null {
  const [, network, lengthText] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (network !== undefined) return prefixRange(network, Number(lengthText));
  const dash = text.indexOf('-');
  const first = readAddress(dash < 0 ? text : text.slice(0, dash));
  if (first === null) return null;
  if (dash < 0) return { addresses: [first.address], family: first.family };
  const start = toNumber(first);
  const end = rangeEnd(first, start, text.slice(dash + 1));
  if (end === null || end < start || end - start >= BigInt(MAX_RANGE)) return null;
  return { addresses: numbers(start, end).map((value) => fromNumber(value, first.family)), family: first.family };
}

function rangeEnd(first: ReadAddress, start: bigint, text: string): bigint | null {
  const whole = readAddress(text);
  if (whole !== null) return whole.family === first.family ? toNumber(whole) : null;
  const form = first.family === 4 ? /^\d{1,3}$/ : /^[0-9a-f]{1,4}$/i;
  if (!form.test(text)) return null;
  const last = Number.parseInt(text, first.family === 4 ? 10 : 16);
  const unit = first.family === 4 ? 0xffn : 0xffffn;
  return BigInt(last) > unit ? null : (start & ~unit) | BigInt(last);
}

/** Host addresses of a network: without the network's own and, in IPv4, the broadcast address, where there are others. */
function prefixRange(network: string, length: number): { readonly addresses: readonly string[]; readonly family: 4 | 6 } | null {
  const base = readAddress(network);
  if (base === null) return null;
  const bits = BigInt(base.family === 4 ? 32 : 128);
  if (BigInt(length) > bits) return null;
  const size = 1n << (bits - BigInt(length));
  if (size > BigInt(MAX_RANGE)) return null;
  const start = (toNumber(base) / size) * size;
  const [first, last] = size > 2n ? [start + 1n, base.family === 4 ? start + size - 2n : start + size - 1n] : [start, start + size - 1n];
  return { addresses: numbers(first, last).map((value) => fromNumber(value, base.family)), family: base.family };
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
