/**
 * Host and service names, as the C library's resolver answers ipvsadm: names resolve to IPv4 only, addresses back to names, ports by
 * protocol. An interface, because goldens and tests bring their own /etc/hosts and /etc/services.
 */
import type { Protocol } from '../../model/protocol.ts';
import { parseAddress } from '../../wire/address.ts';

export interface NameResolver {
  /** IPv4 address of a host name, or null. */
  addressOf(name: string): Promise<string | null>;
  /** Name of an address, or null. */
  hostOf(address: string): Promise<string | null>;
  portOf(service: string, protocol: Protocol): number | null;
  serviceOf(port: number, protocol: Protocol): string | null;
}

/** Resolves nothing: every name is unknown, everything is printed as numbers. */
export const NUMBERS_ONLY: NameResolver = {
  addressOf: async () => null,
  hostOf: async () => null,
  portOf: () => null,
  serviceOf: () => null,
};

/** /etc/services: name and aliases to port, and port to its first name, per protocol. */
export class ServiceNames {
  readonly #ports = new Map<string, number>();
  readonly #names = new Map<string, string>();

  constructor(text: string) {
    for (const [name, portAndProtocol, ...aliases] of fields(text)) {
      const [port, protocol] = portAndProtocol?.split('/') ?? [];
      if (name === undefined || protocol === undefined) continue;
      if (!this.#names.has(`${port}/${protocol}`)) this.#names.set(`${port}/${protocol}`, name);
      for (const word of [name, ...aliases]) if (!this.#ports.has(`${word}/${protocol}`)) this.#ports.set(`${word}/${protocol}`, Number(port));
    }
  }

  portOf(service: string, protocol: Protocol): number | null {
    return this.#ports.get(`${service}/${protocol}`) ?? null;
  }

  serviceOf(port: number, protocol: Protocol): string | null {
    return this.#names.get(`${port}/${protocol}`) ?? null;
  }
}

/** A resolver that knows /etc/hosts and /etc/services texts and nothing else ("hosts: files"). */
export function filesResolver(hosts: string, services: string): NameResolver {
  const names = new ServiceNames(services);
  const addressOf = new Map<string, string>();
  const hostOf = new Map<string, string>();
  for (const [address, ...words] of fields(hosts)) {
    if (address === undefined || words.length === 0) continue;
    if (!hostOf.has(address)) hostOf.set(address, words[0]!);
    // NB: the C library answers ::1 as 127.0.0.1 when asked for IPv4.
    const ipv4 = address === '::1' ? '127.0.0.1' : address;
    if (parseAddress(ipv4)?.family !== 4) continue;
    for (const word of words) if (!addressOf.has(word.toLowerCase())) addressOf.set(word.toLowerCase(), ipv4);
  }
  return {
    addressOf: async (name) => addressOf.get(name.toLowerCase()) ?? null,
    hostOf: async (address) => hostOf.get(address) ?? null,
    portOf: (service, protocol) => names.portOf(service, protocol),
    serviceOf: (port, protocol) => names.serviceOf(port, protocol),
  };
}

/** The words of each line before its comment. */
function fields(text: string): string[][] {
  return text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
}
