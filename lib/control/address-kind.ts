/**
 * What an address is to this host, as far as it decides whether it can be a real server: the kernel's inet_addr_type() and
 * ipv6_addr_type(). Broadcast addresses are those of own subnets, so the answer needs the host's interfaces.
 */
import { Address4 } from 'ip-address';
import type { NetworkState } from '../model/network-state.ts';
import { formatAddress, parseAddress, parsePrefix, type ParsedAddress, type ParsedPrefix } from '../wire/address.ts';

export type AddressKind = 'unicast' | 'local' | 'broadcast' | 'multicast' | 'linkLocal' | 'unspecified' | 'mapped';

/** From this prefix length on an IPv4 subnet has no broadcast address. */
const NO_BROADCAST_LENGTH = 31;

export class HostAddresses {
  readonly #local = new Set<string>();
  readonly #broadcast = new Set<string>();
  /** "ip route add local NET dev lo", and 127.0.0.0/8. */
  readonly #localNets: ParsedPrefix[] = [];

  constructor(state: NetworkState | null) {
    for (const own of state?.interfaces.flatMap((one) => one.addresses) ?? []) {
      const address = parseAddress(own.split('/')[0]!);
      const prefix = parsePrefix(own);
      if (address === null || prefix === null) continue;
      this.#local.add(textOf(address));
      if (prefix.family === 4 && prefix.length < NO_BROADCAST_LENGTH) this.#broadcast.add(new Address4(own).endAddress().correctForm());
    }
    for (const route of state?.routes ?? []) {
      const prefix = parsePrefix(route.prefix);
      if (prefix === null) continue;
      if (route.type === 'broadcast') this.#broadcast.add(textOf(prefix));
      else if (route.type === 'local') this.#localNets.push(prefix);
    }
  }

  #isLocal(address: string, { family, words }: ParsedAddress): boolean {
    return this.#local.has(address) || this.#localNets.some((net) => net.family === family && net.words.every((word, i) => word === (words[i]! & net.mask[i]!)));
  }

  /** `address` is canonical text. */
  kind(address: string): AddressKind {
    const parsed = parseAddress(address);
    if (parsed === null) return 'unspecified';
    const bytes = new Uint8Array(parsed.words.buffer, 0, 16);
    if (parsed.family === 6) return this.#kind6(address, parsed, bytes);
    if (parsed.words[0] === 0) return 'unspecified';
    if (parsed.words[0] === -1 || this.#broadcast.has(address)) return 'broadcast';
    if (bytes[0]! >= 224 && bytes[0]! < 240) return 'multicast';
    return this.#isLocal(address, parsed) ? 'local' : 'unicast';
  }

  #kind6(address: string, parsed: ParsedAddress, bytes: Uint8Array): AddressKind {
    if (bytes.every((byte) => byte === 0)) return 'unspecified';
    if (bytes[0] === 0xff) return 'multicast';
    if (this.#isLocal(address, parsed)) return 'local';
    if (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80) return 'linkLocal';
    if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff) return 'mapped';
    return 'unicast';
  }
}

function textOf({ family, words }: ParsedAddress): string {
  return formatAddress(family, words[0]!, words[1]!, words[2]!, words[3]!);
}
