/**
 * Addresses between text and the four int32 words that frames carry. "Raw" words are little-endian loads of the network-order
 * bytes, as aligned Int32Array loads of a frame give them: equality, hashing and one's-complement sums need no byte swap.
 * IPv4 sits in word 0 (the others 0). Schedulers calculate with addresses as numbers and get host-order words instead.
 * Text follows inet_pton and inet_ntop (RFC 4291 section 2.2 in, RFC 5952 out).
 */

export interface ParsedAddress {
  readonly family: 4 | 6;
  /** Raw words; IPv4 in word 0. */
  readonly words: Int32Array;
}

export interface ParsedPrefix extends ParsedAddress {
  /** Prefix length in bits, 0..32 or 0..128. */
  readonly length: number;
  /** Raw mask words of `length`; `words` is already masked. */
  readonly mask: Int32Array;
}

/** Strict dotted quad (no leading zeros, no short forms) or IPv6 text; null when it is neither. */
export function parseAddress(text: string): ParsedAddress | null {
  const bytes = new Uint8Array(16);
  if (text.includes(':')) return parseIpv6(text, bytes) ? { family: 6, words: new Int32Array(bytes.buffer) } : null;
  return parseIpv4(text, bytes, 0) ? { family: 4, words: new Int32Array(bytes.buffer) } : null;
}

/** "10.0.0.0/8", "2001:db8::/32", or an address alone (full length). Bits beyond the length are cleared. */
export function parsePrefix(text: string): ParsedPrefix | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const most = address.family === 4 ? 32 : 128;
  const lengthText = slash < 0 ? String(most) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > most) return null;
  const length = Number(lengthText);
  const mask = prefixMask(address.family, length);
  const words = address.words.map((word, i) => word & (mask[i] as number));
  return { family: address.family, words, length, mask };
}

/** Raw mask words of a prefix length. */
export function prefixMask(family: 4 | 6, length: number): Int32Array {
  const bytes = new Uint8Array(16);
  for (let bit = 0; bit < Math.min(length, family === 4 ? 32 : 128); bit++) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return new Int32Array(bytes.buffer);
}

/** Canonical text of raw words, as inet_ntop prints it. */
export function formatAddress(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): string {
  if (family === 4) return formatIpv4(w0);
  const groups = [w0, w1, w2, w3].flatMap((word) => {
    const host = swap32(word);
    return [host >>> 16, host & 0xffff];
  });
  const zeros = longestZeroRun(groups);
  const mapped = zeros.start === 0 && (zeros.length === 6 || (zeros.length === 5 && groups[5] === 0xffff));
  const tail = mapped ? [...groups.slice(zeros.length, 6).map(hex), formatIpv4(w3)] : groups.slice(zeros.start + zeros.length).map(hex);
  if (zeros.length < 2) return groups.map(hex).join(':');
  return `${groups.slice(0, zeros.start).map(hex).join(':')}::${tail.join(':')}`;
}

/** Raw words -> the host-order words schedulers use (IPv4 in word 3). */
export function hostWords(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, out: Int32Array = new Int32Array(4)): Int32Array {
  if (family === 4) {
    out[0] = out[1] = out[2] = 0;
    out[3] = swap32(w0);
  } else {
    out[0] = swap32(w0);
    out[1] = swap32(w1);
    out[2] = swap32(w2);
    out[3] = swap32(w3);
  }
  return out;
}

/** Reverse the bytes of a word: raw <-> host order. */
export function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Reverse the bytes of a half word: raw port <-> number. */
export function swap16(half: number): number {
  return ((half & 0xff) << 8) | ((half >>> 8) & 0xff);
}

/** The raw ports word of a frame: source in the low half. */
export function portsWord(sourcePort: number, destinationPort: number): number {
  return swap16(sourcePort) | (swap16(destinationPort) << 16);
}

function hex(group: number): string {
  return group.toString(16);
}

function formatIpv4(word: number): string {
  return `${word & 0xff}.${(word >>> 8) & 0xff}.${(word >>> 16) & 0xff}.${word >>> 24}`;
}

function parseIpv4(text: string, bytes: Uint8Array, at: number): boolean {
  const parts = text.split('.');
  if (parts.length !== 4) return false;
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return false;
    bytes[at + i] = Number(part);
  }
  return true;
}

function parseIpv6(text: string, bytes: Uint8Array): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = parseGroups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] as string, true) : [];
  if (head === null || tail === null) return false;
  const count = head.length + tail.length;
  if (halves.length === 1 ? count !== 8 : count > 7) return false;
  const groups = [...head, ...new Array<number>(8 - count).fill(0), ...tail];
  for (const [i, group] of groups.entries()) {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  }
  return true;
}

/** Groups between colons; the last may be a dotted quad where the text ends. */
function parseGroups(text: string, endsText: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (endsText && i === parts.length - 1 && part.includes('.')) {
      const quad = new Uint8Array(4);
      if (!parseIpv4(part, quad, 0)) return null;
      groups.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
