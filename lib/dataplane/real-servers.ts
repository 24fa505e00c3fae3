/** NAT destinations by their own address and port, for packets that come from them (the kernel's rs_table). */
import { hashWords } from '../structures/seeded-hash.ts';
import type { DestinationEntry } from './destination-entry.ts';

export class RealServers {
  readonly #byAddressAndPort = new Map<number, Set<DestinationEntry>>();
  /** How many destinations have an address; by hash. */
  readonly #addresses = new Map<number, number>();

  /** Whether some NAT destination has this address (hash only: a rare false yes does no harm, it only looks closer). */
  hasAddress(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#addresses.has(hashWords(family, w0, w1, w2, w3));
  }

  /** The NAT destination at this address and port for packets of `protocol` (ip_vs_find_real_service), or null. */
  find(family: 4 | 6, protocol: number, w0: number, w1: number, w2: number, w3: number, rawPort: number): DestinationEntry | null {
    const set = this.#byAddressAndPort.get(keyOf(family, w0, w1, w2, w3, rawPort));
    if (set === undefined) return null;
    for (const destination of set) {
      const { raw, service } = destination;
      if (destination.family === family && destination.rawPort === rawPort && raw[0] === w0 && raw[1] === w1 && raw[2] === w2 && raw[3] === w3
        && (service.protocol === protocol || service.fwmark !== 0)) return destination;
    }
    return null;
  }

  /** Destinations with another method are none of ours. */
  add(destination: DestinationEntry): void {
    if (destination.method !== 'masq') return;
    const key = keyOfDestination(destination);
    const set = this.#byAddressAndPort.get(key);
    if (set === undefined) this.#byAddressAndPort.set(key, new Set([destination]));
    else set.add(destination);
    this.#count(destination, 1);
  }

  remove(destination: DestinationEntry): void {
    const key = keyOfDestination(destination);
    const set = this.#byAddressAndPort.get(key);
    if (set === undefined || !set.delete(destination)) return;
    if (set.size === 0) this.#byAddressAndPort.delete(key);
    this.#count(destination, -1);
  }

  #count({ family, raw }: DestinationEntry, by: number): void {
    const [w0, w1, w2, w3] = raw as unknown as [number, number, number, number];
    const key = hashWords(family, w0, w1, w2, w3);
    const count = (this.#addresses.get(key) ?? 0) + by;
    if (count > 0) this.#addresses.set(key, count);
    else this.#addresses.delete(key);
  }
}

function keyOfDestination({ family, raw, rawPort }: DestinationEntry): number {
  const [w0, w1, w2, w3] = raw as unknown as [number, number, number, number];
  return keyOf(family, w0, w1, w2, w3, rawPort);
}

function keyOf(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, rawPort: number): number {
  return hashWords(family, w0 ^ Math.imul(w3, 31), w1, w2, rawPort);
}
