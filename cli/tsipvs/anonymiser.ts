/**
 * Stand-ins for client addresses: a keyed permutation of networks (/24, IPv6 /64), and within each network one of hosts. So two clients never become one,
 * neighbours stay neighbours, and the same key gives the same stand-ins in every recording. Feistel networks over HMAC-SHA256; what falls outside
 * ordinary unicast addresses is permuted again until it does not (cycle walking).
 */
import { createHmac } from 'node:crypto';
import { formatAddress, parseAddress, swap32 } from '../../lib/wire/address.ts';

const ROUNDS = 6;
const MOST_KEPT = 100_000;

export class Anonymiser {
  readonly #key: Buffer;
  readonly #kept = new Map<string, string>();

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** Canonical address text in, the same family out. */
  address(text: string): string {
    const known = this.#kept.get(text);
    if (known !== undefined) return known;
    const standIn = text.includes(':') ? this.#address6(text) : this.#address4(text);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(text, standIn);
    return standIn;
  }

  #address4(text: string): string {
    const number = BigInt(words(text)[0]! >>> 0);
    const network = number >> 8n;
    const standIn = this.#walk(network, 24, '4', (candidate) => isUnicast4(Number(candidate >> 16n)));
    const host = this.#permute(number & 0xffn, 8, `4 ${network}`);
    return formatAddress(4, swap32(Number((standIn << 8n) | host) | 0), 0, 0, 0);
  }

  #address6(text: string): string {
    const [w0, w1, w2, w3] = words(text).map((word) => BigInt(word >>> 0)) as [bigint, bigint, bigint, bigint];
    const network = (w0 << 32n) | w1;
    const standIn = this.#walk(network, 64, '6', (candidate) => candidate >> 61n === 1n);
    const host = this.#permute((w2 << 32n) | w3, 64, `6 ${network}`);
    const raw = [standIn >> 32n, standIn & 0xffffffffn, host >> 32n, host & 0xffffffffn].map((word) => swap32(Number(word) | 0)) as [number, number, number, number];
    return formatAddress(6, ...raw);
  }

  #walk(value: bigint, bits: number, label: string, fits: (candidate: bigint) => boolean): bigint {
    let candidate = this.#permute(value, bits, label);
    // NB: a value that does not fit itself need not lead back to one that does; those are left after the first round trip.
    for (let n = 0; !fits(candidate) && n < 1000; n++) candidate = this.#permute(candidate, bits, label);
    return candidate;
  }

  #permute(value: bigint, bits: number, label: string): bigint {
    const half = BigInt(bits / 2);
    const mask = (1n << half) - 1n;
    let left = value >> half;
    let right = value & mask;
    for (let round = 0; round < ROUNDS; round++) {
      const digest = createHmac('sha256', this.#key).update(`${label} ${round} ${right}`).digest();
      [left, right] = [right, left ^ (digest.readBigUInt64BE(0) & mask)];
    }
    return (left << half) | right;
  }
}

/** Host-order words. */
function words(text: string): number[] {
  return [...parseAddress(text)!.words].map((word) => swap32(word));
}

function isUnicast4(firstByte: number): boolean {
  return firstByte > 0 && firstByte < 224 && firstByte !== 127;
}
