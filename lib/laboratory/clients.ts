/**
 * Who connects: clients drawn by Zipf's law, each with an IPv4 address, many of them perhaps behind the same gateway, and a source port for each
 * connection. Addresses are spread over the whole unicast space by a seeded bijection, so that hashing schedulers meet no pattern of ours.
 */
import type { RandomStream } from './random.ts';
import type { Clients } from './scenario.ts';

const FIRST_PORT = 1024;
const PORTS = 65536 - FIRST_PORT;
const HOSTS_PER_NETWORK = 254;
/** First bytes: 10/8 is where the servers are, 192/8 where the service is. */
const NO_CLIENTS: readonly number[] = [10, 127, 192];
const FIRST_BYTES = Array.from({ length: 223 }, (_, n) => n + 1).filter((byte) => !NO_CLIENTS.includes(byte));

export class ClientPopulation {
  readonly count: number;
  /** Address of each client, as a number (most significant byte first), and which address of `addresses` that is. */
  readonly #address: Int32Array;
  readonly #slot: Int32Array;
  readonly #nextPort: Uint16Array;
  /** Null: all alike. */
  readonly #alias: AliasTable | null;

  constructor({ count, skew, networks, gateways }: Clients, seed: number, random: RandomStream) {
    this.count = count;
    const hidden = gateways.count === 0 ? 0 : Math.round(count * gateways.share);
    this.#address = new Int32Array(count);
    this.#slot = new Int32Array(count);
    const inNetworks = networks === 0 ? null : new Networks(networks, seed);
    for (let client = 0; client < count; client++) {
      // Spread the hidden ones over all ranks of the skew.
      const behind = Math.floor(((client + 1) * hidden) / count) > Math.floor((client * hidden) / count);
      const slot = behind ? count + random.below(gateways.count) : client;
      this.#slot[client] = slot;
      this.#address[client] = behind || inNetworks === null ? clientAddress(slot, seed) : inNetworks.takeAddress(random);
    }
    this.#nextPort = new Uint16Array(count + gateways.count);
    for (let slot = 0; slot < this.#nextPort.length; slot++) this.#nextPort[slot] = random.below(PORTS);
    this.#alias = skew === 0 ? null : aliasTable(count, (rank) => (rank + 1) ** -skew);
  }

  draw(random: RandomStream): number {
    return this.#alias === null ? random.below(this.count) : drawAlias(this.#alias, random);
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

/** /24 networks that clients are put into: the k-th in proportion to 1/k. One with more clients than addresses gives them out again. */
class Networks {
  readonly #seed: number;
  readonly #sizes: AliasTable;
  readonly #clients: Int32Array;

  constructor(count: number, seed: number) {
    this.#seed = seed;
    this.#sizes = aliasTable(count, (rank) => 1 / (rank + 1));
    this.#clients = new Int32Array(count);
  }

  takeAddress(random: RandomStream): number {
    const network = drawAlias(this.#sizes, random);
    return (clientAddress(network, this.#seed) & ~0xff) | (1 + (this.#clients[network]!++ % HOSTS_PER_NETWORK));
  }
}

/** The n-th client address, as an int32: another one for each n (up to 3.6 thousand million), never one that no client has. */
export function clientAddress(n: number, seed: number): number {
  const key = Math.imul(seed, 0x9e3779b1);
  // NB: the walk keeps addresses apart only if it begins at one that a client can have.
  let address = (FIRST_BYTES[n % FIRST_BYTES.length]! << 24) | (Math.floor(n / FIRST_BYTES.length) & 0xffffff);
  do address = scrambled(address ^ key) ^ key; while (!isClient(address));
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
  return first > 0 && first < 224 && !NO_CLIENTS.includes(first);
}

/** Alias method (Walker 1977, Vose 1991): draws in any proportion with one comparison. */
interface AliasTable { readonly keep: Float64Array; readonly other: Int32Array }

function drawAlias({ keep, other }: AliasTable, random: RandomStream): number {
  const drawn = random.below(keep.length);
  return random.next() < (keep[drawn] as number) ? drawn : other[drawn] as number;
}

function aliasTable(count: number, weight: (rank: number) => number): AliasTable {
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
