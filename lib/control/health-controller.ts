/**
 * Health checking meets the service table: it owns the managed services (those of the configuration), runs their monitors, brings the table
 * in line with what policy decides through the same commands that tsipvsadm sends, and tells the world afterwards. The table is compared
 * again on a timer, so what others changed by hand in managed services is put right and reported; services it does not manage are left alone.
 */
import { ManagedService, type ManagedServer, type ServiceChange } from '../health/managed-service.ts';
import type { HealthClock } from '../health/clock.ts';
import { MonitorPool, type RunProbe } from '../health/monitor-pool.ts';
import { idText, serviceText } from '../health/notice.ts';
import type { Notifier } from '../health/notifier.ts';
import { LOAD_INTERVAL_MS } from '../health/load-weight.ts';
import { repeatedly } from '../health/repeatedly.ts';
import type { ControlCommand } from '../model/control-command.ts';
import { destinationFor, type DesiredConfiguration, type DesiredService, type LoadMonitor } from '../model/desired-configuration.ts';
import { destinationKey, type Destination } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import type { AdminState, HealthEvent, HealthReport, RefusedReload } from '../model/health-state.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';
import { AdminOverrides } from './admin-overrides.ts';
import type { ApiCaller } from './api/message.ts';
import { applyAll } from './apply-all.ts';
import { DrainWatch } from './drain-watch.ts';
import { HealthAnnouncements } from './health-announcements.ts';
import type { AdminRequest, HealthApi } from './health-api.ts';
import { syncCommands, timeoutCommands } from './plan.ts';
import type { Log } from './log.ts';
import { describeCommand, ManagedTable, type TableView } from './managed-table.ts';
import { UnmanagedAdmin } from './unmanaged-admin.ts';

/** How often the table is compared with what it should hold. */
const REPAIR_INTERVAL_MS = 30_000;
/** How often drained servers are looked at. */
const DRAIN_INTERVAL_MS = 2_000;

type Configuration = Pick<DesiredConfiguration, 'services' | 'globals'>;

export interface UseOptions {
  /** Services of the table that the configuration does not have go, whoever made them; else only those of the configuration before it. */
  readonly alone: boolean;
}

export interface HealthControllerOptions {
  readonly table: TableView;
  readonly api: ApiCaller;
  readonly clock: HealthClock;
  readonly probe: RunProbe;
  /** [0, 1) */
  readonly random: () => number;
  readonly notifier: Notifier;
  /** The load average of a real server, null where it cannot be told. */
  readonly readLoad: (monitor: LoadMonitor, address: string) => Promise<number | null>;
  /** Whether an address is on this host, for ha_suspend. */
  readonly hasAddress: (address: string) => boolean;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
}

export class HealthController implements HealthApi {
  readonly #options: HealthControllerOptions;
  readonly #pool: MonitorPool;
  readonly #overrides = new AdminOverrides();
  readonly #unmanaged: UnmanagedAdmin;
  readonly #announce: HealthAnnouncements;
  #services: readonly ManagedService[] = [];
  #managed = new ManagedTable([]);
  #source: string | null = null;
  #foreignChanges = 0;
  #refusedReload: RefusedReload | null = null;
  readonly #draining = new DrainWatch();
  #stopTimers: (() => void)[] = [];
  #closed = false;

  constructor(options: HealthControllerOptions) {
    this.#options = options;
    this.#pool = new MonitorPool(options);
    this.#announce = new HealthAnnouncements(options);
    this.#unmanaged = new UnmanagedAdmin(options.api, options.table);
  }

  /** Run this configuration from now on; the commands that took. On a refusal everything is as before, and the refusal is thrown. */
  async use(configuration: Configuration, source: string, options: UseOptions = { alone: false }): Promise<readonly ControlCommand[]> {
    const isFirst = this.#source === null;
    const old = this.#services;
    const { next, managed, commands } = await this.#next(configuration, options);
    const refusal = await this.#refused(commands);
    if (refusal !== null) {
      for (const service of next) service.release();
      throw refusal;
    }
    this.#services = next;
    this.#managed = managed;
    this.#source = source;
    this.#refusedReload = null;
    for (const service of old) service.release();
    this.#options.notifier.use(configuration.globals);
    this.addressesChanged();
    for (const service of old) this.#tellRemoved(service, next);
    if (isFirst && configuration.globals.rsInitNotifies) {
      for (const service of next) for (const server of service.servers) if (server.up && !server.desired.disabled) this.#announce.startsUp(service, server);
    }
    const sync = await this.#startSync(configuration.globals);
    for (const service of next) {
      // What monitors found out while the table was being changed.
      const late = await this.#converge(service);
      if (late !== null) this.#announce.problem(service, late.message);
    }
    for (const service of next) this.#settle(service, isFirst ? 'starts' : 'configuration read again');
    this.#restartTimers();
    const removed = old.filter(({ desired }) => !next.some((service) => service.desired.ids.some((id) => desired.ids.some((other) => serviceKey(id) === serviceKey(other)))));
    this.#announce.taken(source, next.length, commands.length, removed.length);
    return [...commands, ...sync];
  }

  /** What use() would do to the table. */
  async preview(configuration: Configuration, options: UseOptions): Promise<readonly ControlCommand[]> {
    const { next, commands } = await this.#next(configuration, options);
    for (const service of next) service.release();
    return [...commands, ...await this.#syncCommands(configuration.globals)];
  }

  /** A configuration was to be read again and was not taken: told, and part of the report until one is. */
  refused(source: string, message: string): void {
    this.#refusedReload = { timeMs: this.#options.clock.wallMs(), source, message };
    this.#announce.refused(source, message);
  }

  /** Whether a configuration file says what this service holds. */
  manages(id: ServiceId): boolean {
    return this.#managed.sharing(serviceKey(id)).length > 0;
  }

  /** Services that run and that this configuration does not have. */
  missingFrom({ services }: Pick<DesiredConfiguration, 'services'>): string[] {
    const wanted = new Set(services.flatMap(({ ids }) => ids.map(serviceKey)));
    return this.#managed.keys.filter((key) => !wanted.has(key));
  }

  report(): HealthReport {
    return {
      source: this.#source, probes: this.#pool.statistics, foreignChanges: this.#foreignChanges, lostNotifications: this.#options.notifier.lost, refusedReload: this.#refusedReload, timeline: this.#announce.timeline,
      services: this.#services.map((service) => {
        const configured = this.#options.table.service(service.desired.ids[0]!);
        const weights = new Map(configured?.destinations.map(({ address, port, weight }) => [destinationKey(address, port), weight]));
        return service.report((key) => weights.get(key) ?? null);
      }),
    };
  }

  subscribe(listener: (event: HealthEvent) => void): () => void {
    return this.#announce.subscribe(listener);
  }

  async administer(request: AdminRequest): Promise<AdminState> {
    const { id, address, port } = request;
    const managed = this.#managed.sharing(serviceKey(id));
    const service = managed.find((one) => one.servers.some(({ desired }) => isServer(desired.destination, one.desired, id, address, port)));
    if (service === undefined) {
      if (managed.length > 0) throw new LvsError('NoSuchDestination', `${serviceKey(id)} has no real server ${destinationKey(address, port)} in ${this.#source}`);
      const state = await this.#unmanaged.administer(request);
      this.#administered(idText(id), request, state);
      return state;
    }
    const server = service.servers.find(({ desired }) => isServer(desired.destination, service.desired, id, address, port))!;
    const first = service.desired.ids[0]!;
    const before = this.#overrides.of(first, server.key);
    this.#overrides.change(first, server.key, changesOf(request));
    const state = this.#overrides.of(first, server.key);
    if (state.checks !== before.checks) service.forced(server);
    const refusal = await this.#converge(service);
    if (refusal !== null) {
      this.#overrides.change(first, server.key, before);
      throw refusal;
    }
    this.#settle(service, 'administrator');
    this.#administered(serviceText(service.desired), request, state);
    return state;
  }

  /** Addresses came or went: services with ha_suspend are checked only while theirs is here. */
  addressesChanged(): void {
    for (const service of this.#services) {
      const { ids, policy } = service.desired;
      if (!policy.haSuspend) continue;
      const suspended = !ids.some((id) => id.kind === 'fwmark' || this.#options.hasAddress(id.address));
      if (suspended === service.suspended) continue;
      service.suspend(suspended);
      this.#announce.suspended(service, suspended);
    }
  }

  /** Compare the table with what it should hold, and put right what others changed. How many commands that took. */
  async repair(): Promise<number> {
    let repaired = 0;
    for (const service of this.#services) {
      const commands = this.#managed.difference(service, this.#options.table);
      if (commands.length === 0) continue;
      const refusal = await this.#refused(commands);
      if (refusal !== null) {
        this.#announce.problem(service, `cannot be put right: ${refusal.message}`);
        continue;
      }
      repaired += commands.length;
      this.#foreignChanges += commands.length;
      this.#announce.putRight(service, commands.map(describeCommand).join(', '), this.#source);
    }
    return repaired;
  }

  /** The end: with omega, servers and services are told down. The table is left to its owner. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stopTimers) stop();
    this.#pool.close();
    for (const service of this.#services) if (service.desired.policy.omega) this.#announce.ends(service);
    for (const service of this.#services) service.release();
    await this.#options.notifier.close();
  }

  #manage(desired: DesiredService, previous: ManagedService | null): ManagedService {
    const { clock } = this.#options;
    return new ManagedService({
      desired, clock, pool: this.#pool, previous, reload: this.#source !== null, adminOf: (serverKey) => this.#overrides.of(desired.ids[0]!, serverKey),
      onChange: (service, change) => this.#changed(service, change),
    });
  }

  /** The service of before the reload: the same first address or mark. */
  #counterpart({ ids }: DesiredService): ManagedService | null {
    const key = serviceKey(ids[0]!);
    return this.#services.find(({ desired }) => serviceKey(desired.ids[0]!) === key) ?? null;
  }

  /** What the new configuration does not have any more ends as if it had failed: so keepalived tells it. */
  #tellRemoved(service: ManagedService, next: readonly ManagedService[]): void {
    const key = serviceKey(service.desired.ids[0]!);
    const successor = next.find(({ desired }) => serviceKey(desired.ids[0]!) === key);
    const cause = 'not in the configuration any more';
    for (const server of service.servers) {
      if (!server.up || server.desired.disabled || successor?.servers.some((one) => one.key === server.key && !one.desired.disabled) === true) continue;
      this.#announce.serverRemoved(service, server, cause);
    }
    if (successor === undefined && service.announcedQuorum === true) this.#announce.serviceRemoved(service, cause);
  }

  #changed(service: ManagedService, change: ServiceChange): void {
    if (this.#closed || !this.#services.includes(service)) return;
    const { kind, server, cause } = change;
    if (kind === 'still-down') return this.#announce.stillDown(service, server, cause);
    const ended = kind === 'server' && !change.up ? this.#endsOf(service, server) : [];
    void this.#refused([...ended, ...this.#managed.difference(service, this.#options.table)]).then((refusal) => {
      if (refusal !== null) this.#announce.problem(service, refusal.message);
    });
    if (kind === 'server') this.#announce.serverChanged(service, server, change.up, cause);
    else this.#announce.weightChanged(service, server, cause);
    this.#settle(service, cause);
  }

  /** With endFailed: what ends the connections of a server that failed, unless it serves all the same. */
  #endsOf(service: ManagedService, { desired: { destination } }: ManagedServer): ControlCommand[] {
    const { ids, policy } = service.desired;
    if (!policy.endFailed || service.decide().panic) return [];
    return ids.flatMap((id) => {
      const { address, port } = destinationFor(id, destination);
      const present = this.#options.table.service(id)?.destinations.some((one) => one.address === address && one.port === port) === true;
      return present ? [{ op: 'endConnections', id, address, port }] : [];
    });
  }

  async #next(configuration: Configuration, { alone }: UseOptions): Promise<{ readonly next: readonly ManagedService[]; readonly managed: ManagedTable; readonly commands: readonly ControlCommand[] }> {
    const { table, api } = this.#options;
    const timeouts = timeoutCommands(await api.call('timeouts', {}), configuration.globals.timeouts);
    const next = configuration.services.map((desired) => this.#manage(desired, this.#counterpart(desired)));
    const managed = new ManagedTable(next);
    return { next, managed, commands: [...managed.changesFrom(alone ? null : this.#managed, table), ...timeouts] };
  }

  /** Announce what is new about the quorum and the sorry server. */
  #settle(service: ManagedService, cause: string): void {
    const isFirst = service.announcedQuorum === null;
    const decision = service.decide();
    const { quorumChanged, sorryChanged } = service.settle(decision);
    // keepalived says nothing of a quorum that was never there, unless everything is to start down.
    if (quorumChanged) this.#announce.quorumChanged(service, decision.quorumUp, decision.liveWeight, cause, decision.quorumUp || !isFirst || service.desired.policy.alpha);
    if (sorryChanged) this.#announce.sorryChanged(service, decision.sorryInUse);
    service.wakeAfter(decision.nextChangeMs, () => void this.#converge(service).then(() => this.#settle(service, 'slow start')));
  }

  /** Bring the table in line with one service. Null, or why that was refused. */
  #converge(service: ManagedService): Promise<LvsError | null> {
    return this.#refused(this.#managed.difference(service, this.#options.table));
  }

  #refused(commands: readonly ControlCommand[]): Promise<LvsError | null> {
    return applyAll(this.#options.api, commands);
  }

  /** A daemon that cannot be started (its interface may come later) does not keep the services from running. */
  async #startSync(globals: DesiredConfiguration['globals']): Promise<readonly ControlCommand[]> {
    const done: ControlCommand[] = [];
    for (const command of await this.#syncCommands(globals)) {
      const refusal = await this.#refused([command]);
      if (refusal === null) done.push(command);
      else this.#options.log.error(`synchronisation daemon not started: ${refusal.message}`);
    }
    return done;
  }

  async #syncCommands({ syncDaemon }: DesiredConfiguration['globals']): Promise<readonly ControlCommand[]> {
    return syncDaemon === null ? [] : syncCommands((await this.#options.api.call('daemons', {})).daemons, syncDaemon);
  }

  #restartTimers(): void {
    const every = (intervalMs: number, act: () => Promise<unknown>): () => void => repeatedly(this.#options.clock, intervalMs, act, (error) => this.#options.log.error(error.message));
    for (const stop of this.#stopTimers) stop();
    this.#stopTimers = [every(REPAIR_INTERVAL_MS, () => this.repair()), every(DRAIN_INTERVAL_MS, () => this.#watchDraining())];
    if (this.#services.some(({ servers }) => servers.some(({ desired }) => desired.loadMonitor !== null))) this.#stopTimers.push(every(LOAD_INTERVAL_MS, () => this.#readLoads()));
  }

  async #readLoads(): Promise<void> {
    const read = async (service: ManagedService, server: ManagedServer): Promise<void> => {
      const { loadMonitor, destination } = server.desired;
      if (loadMonitor === null || !server.up) return;
      const load = await this.#options.readLoad(loadMonitor, destination.address);
      if (load !== null) service.useLoad(server, load);
    };
    await Promise.all(this.#services.flatMap((service) => service.servers.map((server) => read(service, server))));
  }

  async #watchDraining(): Promise<void> {
    for (const { service, ...place } of await this.#draining.look(this.#options.api)) this.#announce.drained(service, place);
  }

  #administered(service: string, request: AdminRequest, state: AdminState): void {
    const { id, address, port } = request;
    this.#draining[state.state === 'enabled' ? 'remove' : 'add']({ service, id, address, port });
    if (this.#stopTimers.length === 0) this.#restartTimers();
    this.#announce.administered(service, request, state);
  }
}

function isServer(destination: Destination, { ids }: DesiredService, id: ServiceId, address: string, port: number): boolean {
  const own = destinationFor(ids.find((one) => serviceKey(one) === serviceKey(id)) ?? id, destination);
  return own.address === address && own.port === port;
}

function changesOf({ state, weight, checks }: AdminRequest): Partial<AdminState> {
  return { ...(state === undefined ? {} : { state }), ...(weight === undefined ? {} : { weight }), ...(checks === undefined ? {} : { checks }) };
}
