/**
 * What lblc and lblcr remember: an entry for each destination address seen, found by its text-free key, aged out by a sweep about
 * once a minute. Sweeps normally do nothing; when there are more than 16384 entries, those unused for six minutes go; every
 * thirtieth sweep removes what has not been used for net.ipv4.vs.lblc_expiration (kernel: ip_vs_lblc_check_expire).
 *
 * Entries name destinations by address and port, not by object: a destination that was removed and added again is the same
 * one to them, because in the kernel an entry's reference keeps the removed destination ready to be revived.
 */
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

const MAX_ENTRIES = 1024 * 16;
const ENTRY_TIMEOUT_MS = 6 * 60_000;
const SWEEPS_TO_FULL = 30;

export interface CacheEntry { lastUseMs: number }

export class AddressCache<E extends CacheEntry> {
  readonly #entries = new Map<string, E>();
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

  /** A function that makes this address's entry, or its absence, what it is now. */
  checkpoint(address: Int32Array): () => void {
    const entry = this.lookup(address);
    if (entry === undefined) return () => this.#entries.delete(addressKey(address));
    const before = { ...entry };
    return () => Object.assign(entry, before);
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

/** Which destinations are in the service now, by address and port. */
export class PresentDestinations<D extends SchedulerDestination> {
  readonly #present = new Map<string, D>();

  constructor(service: SchedulerService<D>) {
    for (const destination of service.destinations) this.add(destination);
  }

  add(destination: D): void {
    this.#present.set(destinationKey(destination), destination);
  }

  remove(destination: D): void {
    this.#present.delete(destinationKey(destination));
  }

  /** The destination with this one's address and port as it is now, if there is one. */
  current(destination: D): D | undefined {
    return this.#present.get(destinationKey(destination));
  }
}

/** lblc's idea of overload: more active connections than weight, while another one is not even half full. */
export function isOverfull<D extends SchedulerDestination>(destination: D, { destinations }: SchedulerService<D>): boolean {
  return destination.activeConns > destination.weight && destinations.some((other) => other.activeConns * 2 < other.weight);
}

function addressKey(words: Int32Array): string {
  return words.join();
}

function destinationKey(destination: SchedulerDestination): string {
  return `${destination.words.join()} ${destination.family} ${destination.port}`;
}
