/**
 * What the guard must keep from the host's stack, as a table that follows the data plane's edits:
 *
 *   service      (VIP, protocol, port)   packets to it, and ICMP errors about its answers
 *   vip          (VIP, protocol)         fragments, which do not all show a port
 *   real server  (RIP, protocol, port)   answers of NAT real servers that are not for the host itself
 *   real address (RIP, protocol)         their fragments
 *   own          prefixes of the host    what "for the host itself" means
 *   marks        ordered rules, and the firewall marks that have a service
 *
 * Several destinations may need the same entry; it stays while one does. Both the eBPF guard and the predicate in the data-plane thread are
 * fed by this table, which is why they agree.
 */
import type { Destination } from '../model/destination.ts';
import type { MarkRule } from '../model/mark-rule.ts';
import type { NetworkState } from '../model/network-state.ts';
import { protocolNumber, type Family } from '../model/protocol.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';
import { parseAddress, parsePrefix, type ParsedPrefix } from '../wire/address.ts';

export const SERVICE = 0x10;
export const VIP = 0x20;
export const REAL_SERVER = 0x30;
export const REAL_ADDRESS = 0x40;

/** Protocols that IPVS balances. */
export const BALANCED_PROTOCOLS: readonly number[] = [6, 17, 132];

/** Never forwarded, hence never an un-NATed answer: multicast, limited broadcast, link-local. */
const ALWAYS_OWN = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8', 'fe80::/10'];

export interface GuardEntry {
  /** SERVICE, VIP, REAL_SERVER or REAL_ADDRESS. */
  readonly kind: number;
  readonly family: Family;
  /** Raw address words; IPv4 in word 0. */
  readonly words: Int32Array;
  /** Host order; 0 = all ports. */
  readonly port: number;
  readonly protocol: number;
  /** One string per entry. */
  readonly key: string;
}

/** A mark rule as the guard evaluates it. */
export interface GuardRule {
  readonly family: Family | null;
  readonly source: ParsedPrefix | null;
  readonly destination: ParsedPrefix | null;
  readonly protocol: number | null;
  readonly sourcePorts: readonly [number, number] | null;
  readonly destinationPorts: readonly [number, number] | null;
  /** Name of the input interface, or null. */
  readonly interface: string | null;
  /** Whether a service of this family has the rule's mark. */
  readonly selects4: boolean;
  readonly selects6: boolean;
}

export interface GuardListener {
  entryAdded(entry: GuardEntry): void;
  entryRemoved(entry: GuardEntry): void;
  ownAdded(prefix: ParsedPrefix): void;
  ownRemoved(prefix: ParsedPrefix): void;
  /** The rules, the services they select, or the interfaces changed. `wider`: more may be selected than before. */
  rulesChanged(wider: boolean): void;
}

export class GuardPolicy {
  readonly #listener: GuardListener;
  readonly #entries = new Map<string, { entry: GuardEntry; users: number }>();
  readonly #services = new Map<string, { id: ServiceId; destinations: Map<string, Destination> }>();
  #own = new Map<string, ParsedPrefix>();
  #rules: readonly MarkRule[] = [];
  #network: NetworkState | null = null;

  constructor(listener: GuardListener) {
    this.#listener = listener;
    this.#replaceOwn([]);
  }

  has(entry: GuardEntry): boolean {
    return this.#entries.has(entry.key);
  }

  hasOwn(prefix: ParsedPrefix): boolean {
    return this.#own.has(prefixKey(prefix));
  }

  get network(): NetworkState | null {
    return this.#network;
  }

  /** Rules in order, up to the last one that matters. Empty when no rule selects a service. */
  get rules(): GuardRule[] {
    const rules = this.#rules.map((rule) => this.#rule(rule));
    const last = rules.findLastIndex((rule) => rule.selects4 || rule.selects6);
    return rules.slice(0, last + 1);
  }

  apply(edit: TableEdit): void {
    switch (edit.op) {
      case 'addService': return this.#addService(edit.service.id);
      case 'deleteService': return this.#deleteService(serviceKey(edit.id));
      case 'addDestination':
      case 'editDestination': return this.#setDestination(edit.id, edit.destination);
      case 'deleteDestination': return this.#deleteDestination(edit.id, `${edit.address} ${edit.port}`);
      case 'flush': return [...this.#services.keys()].forEach((key) => this.#deleteService(key));
      case 'marks': {
        this.#rules = edit.rules;
        return this.#listener.rulesChanged(true);
      }
      case 'network': return this.#setNetwork(edit.state);
      default:
    }
  }

  #addService(id: ServiceId): void {
    const key = serviceKey(id);
    if (this.#services.has(key)) return;
    this.#services.set(key, { id, destinations: new Map() });
    this.#entriesOf(id).forEach((entry) => this.#use(entry));
    if (id.kind === 'fwmark') this.#listener.rulesChanged(true);
  }

  #deleteService(key: string): void {
    const service = this.#services.get(key);
    if (!service) return;
    this.#services.delete(key);
    this.#entriesOf(service.id).forEach((entry) => this.#drop(entry));
    for (const destination of service.destinations.values()) realServerEntries(service.id, destination).forEach((entry) => this.#drop(entry));
    if (service.id.kind === 'fwmark') this.#listener.rulesChanged(false);
  }

  #setDestination(id: ServiceId, destination: Destination): void {
    const service = this.#services.get(serviceKey(id));
    if (!service) return;
    const key = `${destination.address} ${destination.port}`;
    const old = service.destinations.get(key);
    service.destinations.set(key, destination);
    realServerEntries(id, destination).forEach((entry) => this.#use(entry));
    if (old) realServerEntries(id, old).forEach((entry) => this.#drop(entry));
  }

  #deleteDestination(id: ServiceId, key: string): void {
    const service = this.#services.get(serviceKey(id));
    const old = service?.destinations.get(key);
    if (!old) return;
    service!.destinations.delete(key);
    realServerEntries(id, old).forEach((entry) => this.#drop(entry));
  }

  #entriesOf(id: ServiceId): GuardEntry[] {
    return id.kind === 'fwmark' ? [] : entriesOf([protocolNumber[id.protocol]], id.address, id.port, SERVICE, VIP);
  }

  #setNetwork(state: NetworkState): void {
    const interfaces = (of: NetworkState | null): string => JSON.stringify(of?.interfaces.map(({ ifindex, name, mac, mtu, attached }) => [ifindex, name, mac, mtu, attached]));
    const changed = interfaces(this.#network) !== interfaces(state);
    this.#network = state;
    this.#replaceOwn(state.routes.filter((route) => route.type === 'local' || route.type === 'broadcast').map((route) => route.prefix));
    if (changed) this.#listener.rulesChanged(true);
  }

  #replaceOwn(prefixes: readonly string[]): void {
    const old = this.#own;
    const parsed = [...ALWAYS_OWN, ...prefixes].map((text) => parsePrefix(text)).filter((prefix) => prefix !== null);
    this.#own = new Map(parsed.map((prefix) => [prefixKey(prefix), prefix]));
    for (const [key, prefix] of this.#own) if (!old.has(key)) this.#listener.ownAdded(prefix);
    for (const [key, prefix] of old) if (!this.#own.has(key)) this.#listener.ownRemoved(prefix);
  }

  #rule(rule: MarkRule): GuardRule {
    const selects = (family: Family): boolean =>
      (rule.family === undefined || rule.family === family) && this.#services.has(serviceKey({ kind: 'fwmark', fwmark: rule.mark, family }));
    const source = rule.source === undefined ? null : parsePrefix(rule.source);
    const destination = rule.destination === undefined ? null : parsePrefix(rule.destination);
    return {
      family: rule.family ?? source?.family ?? destination?.family ?? null,
      source, destination,
      protocol: rule.protocol ?? null,
      sourcePorts: rule.sourcePorts ?? null,
      destinationPorts: rule.destinationPorts ?? null,
      interface: rule.interface ?? null,
      selects4: selects(4),
      selects6: selects(6),
    };
  }

  #use(entry: GuardEntry): void {
    const known = this.#entries.get(entry.key);
    if (known) known.users++;
    else {
      this.#entries.set(entry.key, { entry, users: 1 });
      this.#listener.entryAdded(entry);
    }
  }

  #drop(entry: GuardEntry): void {
    const known = this.#entries.get(entry.key);
    if (!known || --known.users > 0) return;
    this.#entries.delete(entry.key);
    this.#listener.entryRemoved(entry);
  }
}

/** What a NAT real server's answers look like. A firewall-mark service may carry any balanced protocol. */
function realServerEntries(id: ServiceId, { method, address, port }: Destination): GuardEntry[] {
  if (method !== 'masq') return [];
  const protocols = id.kind === 'fwmark' ? BALANCED_PROTOCOLS : [protocolNumber[id.protocol]];
  return entriesOf(protocols, address, port, REAL_SERVER, REAL_ADDRESS);
}

/** For each protocol one entry with the port, and one for fragments without. */
function entriesOf(protocols: readonly number[], address: string, port: number, kind: number, fragmentKind: number): GuardEntry[] {
  const parsed = parseAddress(address);
  if (parsed === null) return [];
  const { family, words } = parsed;
  const entries: GuardEntry[] = [];
  for (const protocol of protocols) {
    entries.push({ kind, family, words, port, protocol, key: `${kind} ${protocol} ${port} ${address}` });
    entries.push({ kind: fragmentKind, family, words, port: 0, protocol, key: `${fragmentKind} ${protocol} 0 ${address}` });
  }
  return entries;
}

export function prefixKey(prefix: ParsedPrefix): string {
  return `${prefix.family} ${prefix.length} ${prefix.words.join(' ')}`;
}

