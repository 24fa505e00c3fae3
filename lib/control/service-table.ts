/**
 * What is configured: virtual services, destinations, timeouts, sysctls, marks, synchronisation settings. A command is checked with
 * the kernel's rules in the kernel's order (ip_vs_ctl.c: ip_vs_genl_set_cmd and what it calls), so that the same command draws the
 * same refusal; one that passes changes the table and yields the edits the data plane must make. Pure and synchronous.
 */
import { destinationKey, type Destination } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import type { MarkRule } from '../model/mark-rule.ts';
import type { NetworkState } from '../model/network-state.ts';
import { SYSCTLS, sysctlDefaults, type SysctlName, type SysctlValues } from '../model/sysctl.ts';
import type { TableEdit, Timeouts } from '../model/table-edit.ts';
import { PERSISTENCE_ENGINES, serviceFamily, serviceKey, type ServiceId, type VirtualService } from '../model/virtual-service.ts';
import { isSchedulerName } from '../schedulers/names.ts';
import { parseAddress } from '../wire/address.ts';
import { HostAddresses } from './address-kind.ts';
import type { ControlCommand, SyncDaemon } from './api/message.ts';
import type { ConfiguredService } from './reconcile.ts';
import { SyncSettings } from './sync-settings.ts';

export const DEFAULT_TIMEOUTS: Timeouts = { tcp: 900, tcpFin: 120, udp: 300 };

/** INT_MAX / HZ of the kernel: the longest timeout it takes, in seconds. */
const MAX_TIMEOUT_SEC = Math.floor(0x7fffffff / 250);

export interface ServiceTableOptions {
  /** Whether a scheduler exists here; all of ours unless said otherwise. */
  readonly hasScheduler?: (name: string) => boolean;
}

interface Entry {
  service: VirtualService;
  /** Oldest first; the kernel's order is the reverse. An edit keeps its place. */
  readonly destinations: Map<string, Destination>;
}

interface Contents {
  readonly services: Map<string, Entry>;
  timeouts: Timeouts;
  sysctls: SysctlValues;
  marks: readonly MarkRule[];
  sync: SyncSettings;
}

type CommandOf<Op extends ControlCommand['op']> = Extract<ControlCommand, { op: Op }>;

export class ServiceTable {
  readonly #hasScheduler: (name: string) => boolean;
  #contents: Contents = { services: new Map(), timeouts: DEFAULT_TIMEOUTS, sysctls: sysctlDefaults(), marks: [], sync: new SyncSettings() };
  #network: NetworkState | null = null;
  #addresses = new HostAddresses(null);

  constructor(options: ServiceTableOptions = {}) {
    this.#hasScheduler = options.hasScheduler ?? isSchedulerName;
  }

  get timeouts(): Timeouts { return this.#contents.timeouts; }
  get sysctls(): SysctlValues { return { ...this.#contents.sysctls }; }
  get marks(): readonly MarkRule[] { return this.#contents.marks; }
  get daemons(): readonly SyncDaemon[] { return this.#contents.sync.list(); }

  /** In the order they were added; destinations newest first. */
  services(): readonly ConfiguredService[] {
    return [...this.#contents.services.values()].map(configured);
  }

  service(id: ServiceId): ConfiguredService | undefined {
    const entry = this.#contents.services.get(serviceKey(id));
    return entry && configured(entry);
  }

  /** The host's interfaces and addresses: which addresses are broadcast, which interfaces a synchronisation daemon can use. */
  useNetwork(state: NetworkState): void {
    this.#network = state;
    this.#addresses = new HostAddresses(state);
  }

  /** Edits for the data plane, or an LvsError and nothing changed. */
  execute(command: ControlCommand): readonly TableEdit[] {
    switch (command.op) {
      case 'addService': return this.#addService(command);
      case 'editService': return this.#editService(command);
      case 'deleteService': return this.#deleteService(command);
      case 'addDestination': return this.#addDestination(command);
      case 'editDestination': return this.#editDestination(command);
      case 'deleteDestination': return this.#deleteDestination(command);
      case 'endConnections':
        this.#existingDestination(command);
        return [command];
      case 'flush':
        this.#contents.services.clear();
        return [command];
      case 'zero':
        if (command.id !== null) this.#existing(command.id);
        return [command];
      case 'timeouts': return this.#setTimeouts(command);
      case 'sysctl': return this.#setSysctl(command);
      case 'marks':
        this.#contents.marks = command.rules;
        return [command];
      case 'startDaemon': return this.#startDaemon(command);
      case 'stopDaemon':
        this.#contents.sync.stop(command.role);
        return [this.#daemonsEdit()];
    }
  }

  /** All of them or none: on a refusal the table is as before, and `position` says which command it was. */
  executeAll(commands: readonly ControlCommand[]): { readonly edits: readonly TableEdit[] } | { readonly error: LvsError; readonly position: number } {
    const before = copyContents(this.#contents);
    const edits: TableEdit[] = [];
    for (const [position, command] of commands.entries()) {
      try {
        edits.push(...this.execute(command));
      } catch (error) {
        this.#contents = before;
        if (error instanceof LvsError) return { error, position };
        throw error;
      }
    }
    return { edits };
  }

  /** Everything configured, as edits that bring an empty data plane to this state. */
  edits(): readonly TableEdit[] {
    const { services, timeouts, sysctls, marks } = this.#contents;
    const edits: TableEdit[] = [{ op: 'timeouts', timeouts }, { op: 'marks', rules: marks }, this.#daemonsEdit()];
    for (const [name, value] of Object.entries(sysctls) as [SysctlName, number][]) edits.push({ op: 'sysctl', name, value });
    for (const { service, destinations } of services.values()) {
      edits.push({ op: 'addService', service });
      for (const destination of destinations.values()) edits.push({ op: 'addDestination', id: service.id, destination });
    }
    return edits;
  }

  #addService(command: CommandOf<'addService'>): readonly TableEdit[] {
    const key = serviceKey(command.service.id);
    if (this.#contents.services.has(key)) throw new LvsError('ServiceExists', `${key} exists already`);
    this.#checkService(command.service);
    this.#contents.services.set(key, { service: command.service, destinations: new Map() });
    return [command];
  }

  #editService(command: CommandOf<'editService'>): readonly TableEdit[] {
    const entry = this.#existing(command.service.id);
    this.#checkService(command.service);
    entry.service = command.service;
    return [command];
  }

  #deleteService(command: CommandOf<'deleteService'>): readonly TableEdit[] {
    this.#existing(command.id);
    this.#contents.services.delete(serviceKey(command.id));
    return [command];
  }

  #addDestination(command: CommandOf<'addDestination'>): readonly TableEdit[] {
    const { id, destination } = command;
    const entry = this.#existing(id, 'ServiceNotDefined');
    this.#checkDestination(id, destination);
    const key = destinationKey(destination.address, destination.port);
    if (entry.destinations.has(key)) throw new LvsError('DestinationExists', `${serviceKey(id)} has a destination ${key} already`);
    this.#checkReachable(id, destination);
    entry.destinations.set(key, destination);
    return [command];
  }

  #editDestination(command: CommandOf<'editDestination'>): readonly TableEdit[] {
    const { id, destination } = command;
    const entry = this.#existing(id, 'ServiceNotDefined');
    this.#checkDestination(id, destination);
    const key = destinationKey(destination.address, destination.port);
    if (!entry.destinations.has(key)) throw new LvsError('NoSuchDestination', `${serviceKey(id)} has no destination ${key}`);
    entry.destinations.set(key, destination);
    return [command];
  }

  #deleteDestination(command: CommandOf<'deleteDestination'>): readonly TableEdit[] {
    const { entry, key } = this.#existingDestination(command);
    entry.destinations.delete(key);
    return [command];
  }

  #existingDestination({ id, address, port }: CommandOf<'deleteDestination' | 'endConnections'>): { readonly entry: Entry; readonly key: string } {
    const entry = this.#existing(id, 'ServiceNotDefined');
    const key = destinationKey(address, port);
    if (!entry.destinations.has(key)) throw new LvsError('NoSuchDestination', `${serviceKey(id)} has no destination ${key}`);
    return { entry, key };
  }

  #setTimeouts(command: CommandOf<'timeouts'>): readonly TableEdit[] {
    const { tcp, tcpFin, udp } = command.timeouts;
    for (const seconds of [tcp, tcpFin, udp]) {
      if (seconds < 0 || seconds > MAX_TIMEOUT_SEC) throw new LvsError('InvalidOperation', `timeout ${seconds} is not 0..${MAX_TIMEOUT_SEC} seconds`);
    }
    const old = this.#contents.timeouts;
    this.#contents.timeouts = { tcp: tcp || old.tcp, tcpFin: tcpFin || old.tcpFin, udp: udp || old.udp };
    return [command];
  }

  #setSysctl(command: CommandOf<'sysctl'>): readonly TableEdit[] {
    const known = SYSCTLS.find(([name]) => name === command.name);
    if (known === undefined) throw new LvsError('BadRequest', `no sysctl net.ipv4.vs.${command.name}`);
    const [name, , low, high] = known;
    if (command.value < low || command.value > high) throw new LvsError('InvalidOperation', `net.ipv4.vs.${name} takes ${low} to ${high}, not ${command.value}`);
    this.#contents.sysctls[name] = command.value;
    return [command];
  }

  #startDaemon({ daemon }: CommandOf<'startDaemon'>): readonly TableEdit[] {
    for (const { service, destinations } of this.#contents.services.values()) {
      const family = serviceFamily(service.id);
      for (const { address } of destinations.values()) {
        if (familyOf(address) !== family) throw new LvsError('InvalidOperation', `no synchronisation while ${serviceKey(service.id)} has a destination of the other address family (${address})`);
      }
    }
    this.#contents.sync.start(daemon, this.#network);
    return [this.#daemonsEdit()];
  }

  #daemonsEdit(): TableEdit {
    const daemons = this.#contents.sync.list();
    return { op: 'daemons', master: daemons.find(({ role }) => role === 'master') ?? null, backup: daemons.find(({ role }) => role === 'backup') ?? null };
  }

  #existing(id: ServiceId, code: 'NoSuchService' | 'ServiceNotDefined' = 'NoSuchService'): Entry {
    const entry = this.#contents.services.get(serviceKey(id));
    if (entry === undefined) throw new LvsError(code, `no service ${serviceKey(id)}`);
    return entry;
  }

  #checkService(service: VirtualService): void {
    if (!this.#hasScheduler(service.scheduler)) throw new LvsError('NoScheduler', `no scheduler ${JSON.stringify(service.scheduler)}`);
    const engine = service.persistenceEngine;
    if (engine !== null && !PERSISTENCE_ENGINES.includes(engine)) throw new LvsError('NoScheduler', `no persistence engine ${JSON.stringify(engine)}`);
    if (!isPersistenceMask(service)) throw new LvsError('InvalidOperation', `${JSON.stringify(service.persistenceMask)} is not a persistence mask for ${serviceKey(service.id)}`);
  }

  /** What the kernel checks of a destination before it looks whether there is one. */
  #checkDestination(id: ServiceId, destination: Destination): void {
    if (familyOf(destination.address) !== serviceFamily(id)) {
      if (this.#contents.sync.list().length > 0) throw new LvsError('InvalidOperation', `${destination.address} is of another address family than ${serviceKey(id)}: not while a synchronisation daemon runs`);
      if (destination.method !== 'tunnel') throw new LvsError('InvalidOperation', `${destination.address} is of another address family than ${serviceKey(id)}: only tunnelling reaches it`);
    }
    if (destination.lowerThreshold > destination.upperThreshold) {
      throw new LvsError('OutOfRange', `lower threshold ${destination.lowerThreshold} of ${destination.address} is above its upper threshold ${destination.upperThreshold}`);
    }
    if (destination.tunnel.type === 'gue' && destination.tunnel.port === 0) throw new LvsError('InvalidOperation', `gue tunnel to ${destination.address} needs a port`);
  }

  #checkReachable(id: ServiceId, { address }: Destination): void {
    const kind = this.#addresses.kind(address);
    if (kind !== 'unicast' && kind !== 'local') throw new LvsError('InvalidOperation', `${address} is not a unicast address (${kind})`);
    // NB: the kernel takes this one, and the packets then circle; our users asked to be told.
    if (id.kind === 'address' && id.address === address && this.#network !== null && kind !== 'local') {
      throw new LvsError('Unsupported', `${address} is the virtual service itself and no address of this host: add it to an interface (local node), or name a real server`);
    }
  }
}

function configured({ service, destinations }: Entry): ConfiguredService {
  return { service, destinations: [...destinations.values()].reverse() };
}

function copyContents(contents: Contents): Contents {
  const services = new Map<string, Entry>();
  for (const [key, { service, destinations }] of contents.services) services.set(key, { service, destinations: new Map(destinations) });
  return { ...contents, services, sysctls: { ...contents.sysctls }, sync: contents.sync.copy() };
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** IPv4: any dotted quad, contiguous or not. IPv6: a prefix length of 1 to 128. */
function isPersistenceMask({ id, persistenceMask }: VirtualService): boolean {
  if (serviceFamily(id) === 4) return parseAddress(persistenceMask)?.family === 4;
  return /^[1-9]\d{0,2}$/.test(persistenceMask) && Number(persistenceMask) <= 128;
}
