/**
 * How packets find their connections: the first four words of each entry (connection-layout.ts), in the hash index. Of IPv6 the index knows hashes of addresses only, so
 * the addresses are compared behind it.
 */
import type { HashIndex } from '../structures/hash-index.ts';
import type { PopulateAhead } from '../structures/populate-ahead.ts';
import { hashWords } from '../structures/seeded-hash.ts';
import * as at from './connection-layout.ts';
import type { Flow } from './flow.ts';
import type { Packet } from './packet.ts';

export interface IndexedConnections {
  /** All as connection-layout.ts has them. */
  readonly words: Int32Array;
  readonly cold: Int32Array;
  readonly addresses: Int32Array;
  /** Makes `addresses` resident ahead of their use. */
  readonly addressesAhead: PopulateAhead;
  /** Over `words`. */
  readonly table: HashIndex;
  readonly seed: number;
}

export class ConnectionIndex {
  readonly #words: Int32Array;
  readonly #cold: Int32Array;
  readonly #addresses: Int32Array;
  readonly #addressesAhead: PopulateAhead;
  readonly #table: HashIndex;
  readonly #seed: number;

  constructor({ words, cold, addresses, addressesAhead, table, seed }: IndexedConnections) {
    this.#words = words;
    this.#cold = cold;
    this.#addresses = addresses;
    this.#addressesAhead = addressesAhead;
    this.#table = table;
    this.#seed = seed;
  }

  /** The entry this packet belongs to: 2i from the client, 2i+1 from the real server; -1 none. */
  lookup(p: Packet): number {
    const key = p.protocol | at.KEY_USED;
    if (p.family === 4) return this.#table.lookup(hashWords(this.#seed, p.s0, p.d0, p.ports, key), p.s0, p.d0, p.ports, key);
    return this.#lookup6(p.protocol, p.s0, p.s1, p.s2, p.s3, p.d0, p.d1, p.d2, p.d3, p.ports, 0);
  }

  /** The same for a flow given by its words. */
  find(family: 4 | 6, protocol: number, s0: number, s1: number, s2: number, s3: number, d0: number, d1: number, d2: number, d3: number, ports: number, flags: number): number {
    if (family === 6) return this.#lookup6(protocol, s0, s1, s2, s3, d0, d1, d2, d3, ports, flags);
    const key = protocol | at.KEY_USED | flags;
    return this.#table.lookup(hashWords(this.#seed, s0, d0, ports, key), s0, d0, ports, key);
  }

  /** What the client's packets are found by, not in the index yet. */
  writeRequestKey(conn: number, flow: Flow, template: boolean): void {
    const words = this.#words;
    const base = conn * at.CONN_WORDS;
    const six = flow.family === 6;
    if (six) this.#storeAddresses(conn, flow);
    words[base + at.SOURCE] = six ? this.#hash6(flow.c0, flow.c1, flow.c2, flow.c3) : flow.c0;
    words[base + at.TARGET] = six ? this.#hash6(flow.v0, flow.v1, flow.v2, flow.v3) : flow.v0;
    words[base + at.PORTS] = flow.clientPort | (flow.virtualPort << 16);
    words[base + at.KEY] = flow.protocol | at.KEY_USED | (six ? at.KEY_IPV6 : 0) | (template ? at.KEY_TEMPLATE : 0);
  }

  /** What the answers are found by, given the destination's raw address and port. */
  writeAnswerKey(conn: number, flow: Flow, raw: Int32Array, rawPort: number): void {
    const words = this.#words;
    const base = conn * at.CONN_WORDS;
    const out = base + at.ENTRY_WORDS;
    words[out + at.SOURCE] = flow.family === 4 ? raw[0] as number : this.#hash6(raw[0] as number, raw[1] as number, raw[2] as number, raw[3] as number);
    words[out + at.TARGET] = words[base + at.SOURCE] as number;
    words[out + at.PORTS] = rawPort | (flow.clientPort << 16);
    words[out + at.KEY] = words[base + at.KEY] as number;
  }

  /** From now on packets find it, so all else of it is in place. */
  insertRequest(conn: number): void {
    this.#insert(2 * conn, at.HASH_IN);
  }

  insertAnswer(conn: number): void {
    this.#insert(2 * conn + 1, at.HASH_OUT);
  }

  /** Take both entries out, as far as they are in. */
  remove(conn: number): void {
    const cold = conn * at.COLD_WORDS;
    this.#table.remove(this.#cold[cold + at.HASH_IN] as number, conn * 2);
    if (this.#words[conn * at.CONN_WORDS + at.ENTRY_WORDS + at.KEY] !== 0) this.#table.remove(this.#cold[cold + at.HASH_OUT] as number, conn * 2 + 1);
  }

  #insert(entry: number, hashAt: number): void {
    const words = this.#words;
    const own = entry * at.ENTRY_WORDS;
    const hash = hashWords(this.#seed, words[own] as number, words[own + 1] as number, words[own + 2] as number, words[own + 3] as number);
    this.#cold[(entry >> 1) * at.COLD_WORDS + hashAt] = hash;
    this.#table.insert(hash, entry);
  }

  #storeAddresses(conn: number, flow: Flow): void {
    if (conn >= this.#addressesAhead.at) this.#addressesAhead.use(conn);
    const base = conn * at.ADDRESS_WORDS;
    const addresses = this.#addresses;
    addresses[base] = flow.c0; addresses[base + 1] = flow.c1; addresses[base + 2] = flow.c2; addresses[base + 3] = flow.c3;
    addresses[base + 4] = flow.v0; addresses[base + 5] = flow.v1; addresses[base + 6] = flow.v2; addresses[base + 7] = flow.v3;
  }

  #hash6(w0: number, w1: number, w2: number, w3: number): number {
    return hashWords(this.#seed, w0, w1, w2, w3);
  }

  #lookup6(protocol: number, s0: number, s1: number, s2: number, s3: number, d0: number, d1: number, d2: number, d3: number, ports: number, flags: number): number {
    const key = protocol | at.KEY_USED | at.KEY_IPV6 | flags;
    const source = this.#hash6(s0, s1, s2, s3);
    const target = this.#hash6(d0, d1, d2, d3);
    const entry = this.#table.lookup(hashWords(this.#seed, source, target, ports, key), source, target, ports, key);
    if (entry < 0) return -1;
    const addresses = this.#addresses;
    const own = (entry >> 1) * at.ADDRESS_WORDS;
    if ((entry & 1) === 0) return same(addresses, own, s0, s1, s2, s3) && same(addresses, own + 4, d0, d1, d2, d3) ? entry : -1;
    const real = (entry >> 1) * at.COLD_WORDS + at.DESTINATION_ADDRESS;
    return same(this.#cold, real, s0, s1, s2, s3) && same(addresses, own, d0, d1, d2, d3) ? entry : -1;
  }
}

function same(words: Int32Array, begin: number, w0: number, w1: number, w2: number, w3: number): boolean {
  return words[begin] === w0 && words[begin + 1] === w1 && words[begin + 2] === w2 && words[begin + 3] === w3;
}
