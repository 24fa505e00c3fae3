/**
 * What lblc and lblcr remember: an entry for each destination address seen, found by a key that is a number for IPv4, aged out by a sweep about
 * once a minute. Sweeps normally do nothing; when there are more than 16384 entries, those unused for six minutes go; every
 * thirtieth sweep removes what has not been used for net.ipv4.vs.lblc_expiration (kernel: ip_vs_lblc_check_expire).
 */

const MAX_ENTRIES = 1024 * 16;
const ENTRY_TIMEOUT_MS = 6 * 60_000;
const SWEEPS_TO_FULL = 30;

export interface CacheEntry { lastUseMs: number }

export class AddressCache<E extends CacheEntry> {
  readonly #entries = new Map<number | string, E>();
  #sweeps = 1;

  get size(): number {
    return this.#entries.size;
  }

  lookup(address: Int32Array): E | undefined {
    return this.#entries.get(addressKey(address));
  }

  store(address: Int32Array, entry: E): void {
    this.#entries.set(addressKey(address), entry);
  }

  /** A function that makes this address's entry, or its absence, what it is now. `of`: such a function for an entry alone. */
  checkpoint(address: Int32Array, of: (entry: E) => () => void): () => void {
    const entry = this.lookup(address);
    return entry === undefined ? () => this.#entries.delete(addressKey(address)) : of(entry);
  }

  sweep(nowMs: number, expirationMs: number): void {
    const full = this.#sweeps % SWEEPS_TO_FULL === 0;
    const surplus = this.#entries.size - MAX_ENTRIES;
    this.#sweeps = full ? 1 : surplus <= 0 ? this.#sweeps + 1 : this.#sweeps;
    if (!full && surplus <= 0) return;
    const timeoutMs = full ? expirationMs : ENTRY_TIMEOUT_MS;
    let goal = full ? Infinity : Math.min(Math.trunc((surplus * 4) / 3), MAX_ENTRIES / 2);
    for (const [key, entry] of this.#entries) {
      if (goal <= 0) break;
      if (nowMs - entry.lastUseMs < timeoutMs) continue;
      this.#entries.delete(key);
      goal--;
    }
  }
}

function addressKey(words: Int32Array): number | string {
  return (words[0]! | words[1]! | words[2]!) === 0 ? words[3] as number : words.join();
}
