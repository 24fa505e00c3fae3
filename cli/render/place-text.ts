/**
 * Addresses and ports as listings show them: numbers with -n, otherwise the names that the resolver knows. Names are asked for
 * once, before anything is printed.
 */
import { numericPlace } from '../../lib/config/rules.ts';
import type { NameResolver } from '../../lib/config/ipvsadm/name-resolver.ts';
import type { Protocol } from '../../lib/model/protocol.ts';

/** ipvsadm prints address:port into 60 bytes, so a long name loses its port. */
const MAX_PLACE_CHARACTERS = 59;

export class PlaceText {
  readonly #names: NameResolver | null;
  readonly #hosts = new Map<string, string>();

  private constructor(names: NameResolver | null) {
    this.#names = names;
  }

  static numeric(): PlaceText {
    return new PlaceText(null);
  }

  /** Knows the names of these addresses. */
  static async named(names: NameResolver, addresses: Iterable<string>): Promise<PlaceText> {
    const text = new PlaceText(names);
    await Promise.all([...new Set(addresses)].map(async (address) => {
      const host = await names.hostOf(address);
      if (host !== null) text.#hosts.set(address, host);
    }));
    return text;
  }

  /** `protocol` null: the port has no name (firewall marks). */
  of(address: string, port: number, protocol: Protocol | null): string {
    if (this.#names === null) return numericPlace(address, port);
    const host = this.#hosts.get(address) ?? address;
    const service = protocol === null ? null : this.#names.serviceOf(port, protocol);
    return `${address.includes(':') ? `[${host}]` : host}:${service ?? port}`.slice(0, MAX_PLACE_CHARACTERS);
  }
}
