/**
 * This machine's names: /etc/services read here (as getservbyname and getservbyport read it), hosts by the C library's resolver, so
 * that nsswitch.conf, /etc/hosts and DNS count as they do for ipvsadm. Nothing is read before a name is asked for.
 *
 * NB: ipvsadm asks for one address after the other and waits for each; with a name server that does not answer, a listing of a thousand
 * real servers takes hours. Here a few are asked for at a time, and after the first time-out /etc/hosts alone answers.
 */
import { readFileSync } from 'node:fs';
import { parseAddress } from '../../wire/address.ts';
import { filesResolver, ServiceNames, type NameResolver } from './name-resolver.ts';

const SERVICES_FILE = '/etc/services';
const HOSTS_FILE = '/etc/hosts';
/** The C library's calls block threads of a pool of four. */
const MAX_ASKED_AT_ONCE = 4;
/** lookupService() wants a port; its service name is not used. */
const ANY_PORT = 0;

export function systemResolver(): NameResolver {
  let services: ServiceNames | null = null;
  const known = (): ServiceNames => (services ??= new ServiceNames(readText(SERVICES_FILE)));
  const hosts = new HostNames();
  return {
    addressOf: async (name) => {
      const { lookup } = await import('node:dns/promises');
      const answer = await lookup(name, { family: 4 }).catch(() => null);
      return answer === null || parseAddress(answer.address)?.family !== 4 ? null : answer.address;
    },
    hostOf: (address) => hosts.of(address),
    portOf: (service, protocol) => known().portOf(service, protocol),
    serviceOf: (port, protocol) => known().serviceOf(port, protocol),
  };
}

class HostNames {
  /** Set after a time-out. */
  #files: NameResolver | null = null;
  #asked = 0;
  readonly #waiting: (() => void)[] = [];

  async of(address: string): Promise<string | null> {
    if (this.#asked >= MAX_ASKED_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#asked++;
    try {
      return await (this.#files?.hostOf(address) ?? this.#ask(address));
    } finally {
      this.#asked--;
      this.#waiting.shift()?.();
    }
  }

  async #ask(address: string): Promise<string | null> {
    const { lookupService } = await import('node:dns/promises');
    try {
      const { hostname } = await lookupService(address, ANY_PORT);
      return parseAddress(hostname) === null ? hostname : null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAI_AGAIN') this.#files ??= filesResolver(readText(HOSTS_FILE), '');
      return null;
    }
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
