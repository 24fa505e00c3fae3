/**
 * Who connects: clients drawn by Zipf's law, each with an IPv4 address, many of them perhaps behind the same gateway, and a source port for each
 * connection. Addresses are spread over the whole unicast space by a seeded bijection, so that hashing schedulers meet no pattern of ours.
 */
import type { RandomStream } from './random.ts';
import type { Clients } from './scenario.ts';

const FIRST_PORT = 1024;
const PORTS = 65536 - FIRST_PORT;

export class ClientPopulation {
  readonly count: number;
  /** Address of each client, as a number (most significant byte first), and which address of `addresses` that is. */
  readonly #address: Int32Array;
  readonly #slot: Int32Array;
  readonly #nextPort: Uint16Array;
  /** Alias method (Walker; Vose): even draws, one comparison. Null: all alike. */
  readonly #alias: { readonly keep: Float64Array; readonly other: Int32Array } | null;

  constructor({ count, skew, gateways }: Clients, seed: number, random: RandomStream) {
    this.count = count;
    const hidden = gateways.count === 0 ? 0 : Math.round(count * gateways.share);
    this.#address = new Int32Array(count);
    this.#slot = new Int32Array(count);
    for (let client = 0; client < count; client++) {
      // Spread the hidden ones over all ranks of the skew.
      const behind = Math.floor(((client + 1) * hidden) / count) > Math.floor((client * hidden) / count);
      const slot = behind ? count + random.below(gateways.count) : client;
      this.#slot[client] = slot;
      this.#address[client] = clientAddress(slot, seed);
    }
    this.#nextPort = new Uint16Array(count + gateways.count);
    for (let slot = 0; slot < this.#nextPort.length; slot++) this.#nextPort[slot] = random.below(PORTS);
    this.#alias = skew === 0 ? null : aliasTable(count, (rank) => (rank + 1) ** -skew);
  }

  draw(random: RandomStream): number {
    const client = random.below(this.count);
    if (this.#alias === null) return client;
    return random.next() < (this.#alias.keep[client] as number) ? client : this.#alias.other[client] as number;
  }

  address(client: number): number {
    return this.#address[client] as number;
  }

  /** The client's next source port: those of one address follow each other. */
  takePort(client: number): number {
    const slot = this.#slot[client] as number;
    const port = this.#nextPort[slot] as number;
    this.#nextPort[slot] = port + 1 === PORTS ? 0 : port + 1;
    return FIRST_PORT + port;
  }
}

/** The n-th client address, as an int32: another one for each n, never one that no client has. */
export function clientAddress(n: number, seed: number): number {
  let address = n | 0;
  do address = scrambled(address ^ Math.imul(seed, 0x9e3779b1)) ^ Math.imul(seed, 0x9e3779b1); while (!isClient(address));
  return address;
}

/** A bijection of 32-bit numbers (the finaliser of MurmurHash3), walked until the address can be a client's. */
function scrambled(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function isClient(address: number): boolean {
  const first = address >>> 24;
  // 10/8 is where the servers are, 192/8 where the service is.
  return first > 0 && first < 224 && first !== 10 && first !== 127 && first !== 192;
}

function aliasTable(count: number, weight: (rank: number) => number): { keep: Float64Array; other: Int32Array } {
  const keep = new Float64Array(count), other = new Int32Array(count);
  let total = 0;
  for (let n = 0; n < count; n++) total += keep[n] = weight(n);
  const small: number[] = [], large: number[] = [];
  for (let n = 0; n < count; n++) {
    keep[n]! *= count / total;
    (keep[n]! < 1 ? small : large).push(n);
  }
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!, more = large.at(-1)!;
    other[less] = more;
    keep[more] = keep[more]! + keep[less]! - 1;
    if (keep[more]! < 1) small.push(large.pop()!);
  }
  for (const n of [...small, ...large]) keep[n] = 1;
  return { keep, other };
}
