/**
 * Health checking meets the service table: it owns the managed services (those of the configuration), runs their monitors, brings the table
 * in line with what policy decides through the same commands that tsipvsadm sends, and tells the world afterwards. The table is compared
 * again on a timer, so what others changed by hand in managed services is put right and reported; services it does not manage are left alone.
 */
import { ManagedService, type ManagedServer, type ServiceChange } from '../health/managed-service.ts';
import type { HealthClock } from '../health/clock.ts';
import { MonitorPool, type RunProbe } from '../health/monitor-pool.ts';
import { idText, placeText, serverText, serviceText, type Notice } from '../health/notice.ts';
import type { Notifier } from '../health/notifier.ts';
import { quorumChangeText } from '../health/quorum.ts';
import { LOAD_INTERVAL_MS } from '../health/load-weight.ts';
import type { ControlCommand } from '../model/control-command.ts';
import { destinationFor, type DesiredConfiguration, type DesiredService, type LoadMonitor } from '../model/desired-configuration.ts';
import { destinationKey, type Destination } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import type { AdminState, HealthEvent, HealthReport, RefusedReload } from '../model/health-state.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';
import { AdminOverrides } from './admin-overrides.ts';
import type { ApiCaller } from './api/message.ts';
import { DrainWatch } from './drain-watch.ts';
import type { AdminRequest, HealthApi } from './health-api.ts';
import { syncCommands, timeoutCommands } from './plan.ts';
import type { Log } from './log.ts';
import { describeCommand, ManagedTable, type TableView } from './managed-table.ts';
import { UnmanagedAdmin } from './unmanaged-admin.ts';

/** How often the table is compared with what it should hold. */
const REPAIR_INTERVAL_MS = 30_000;
/** How often drained servers are looked at. */
const DRAIN_INTERVAL_MS = 2_000;
/** Of what happened, this much is kept for reports. */
const KEPT_EVENTS = 100;

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
  readonly #listeners = new Set<(event: HealthEvent) => void>();
  #services: readonly ManagedService[] = [];
  #managed = new ManagedTable([]);
  #source: string | null = null;
  #foreignChanges = 0;
  #refusedReload: RefusedReload | null = null;
  readonly #timeline: HealthEvent[] = [];
  readonly #draining = new DrainWatch();
  #stopTimers: (() => void)[] = [];
  #closed = false;

  constructor(options: HealthControllerOptions) {
    this.#options = options;
    this.#pool = new MonitorPool(options);
    this.#unmanaged = new UnmanagedAdmin(options.api, options.table);
  }

  /** Run this configuration from now on; the commands that took. On a refusal everything is as before, and the refusal is thrown. */
  async use(configuration: Configuration, source: string, options: UseOptions = { alone: false }): Promise<readonly ControlCommand[]> {
    const { notifier, log } = this.#options;
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
    notifier.use(configuration.globals);
    this.addressesChanged();
    for (const service of old) this.#tellRemoved(service, next);
    if (isFirst && configuration.globals.rsInitNotifies) {
      for (const service of next) for (const server of service.servers) if (server.up && !server.desired.disabled) this.#notify({ kind: 'server', up: true, service: service.desired, server: server.desired, cause: 'starts up' });
    }
    const sync = await this.#startSync(configuration.globals);
    for (const service of next) {
      // What monitors found out while the table was being changed.
      const late = await this.#converge(service);
      if (late !== null) this.#problem(service, late.message);
    }
    for (const service of next) this.#settle(service, isFirst ? 'starts' : 'configuration read again');
    this.#restartTimers();
    const removed = old.filter(({ desired }) => !next.some((service) => service.desired.ids.some((id) => desired.ids.some((other) => serviceKey(id) === serviceKey(other)))));
    this.#emit({ kind: 'reload', service: '', server: null, state: null, message: `${source}: ${count(next.length, 'service')}, ${count(commands.length, 'change')}${removed.length === 0 ? '' : `, ${count(removed.length, 'service')} removed`}` });
    log.info(`configuration from ${source}: ${count(next.length, 'service')}, ${count(commands.length, 'change')}`, { source, changes: commands.length });
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
    this.#emit({ kind: 'problem', service: '', server: null, state: null, message: `${source} was not taken: ${message}` });
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
      source: this.#source, probes: this.#pool.statistics, foreignChanges: this.#foreignChanges, lostNotifications: this.#options.notifier.lost, refusedReload: this.#refusedReload, timeline: [...this.#timeline],
      services: this.#services.map((service) => {
        const configured = this.#options.table.service(service.desired.ids[0]!);
        const weights = new Map(configured?.destinations.map(({ address, port, weight }) => [destinationKey(address, port), weight]));
        return service.report((key) => weights.get(key) ?? null);
      }),
    };
  }

  subscribe(listener: (event: HealthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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
      this.#options.log.info(`${suspended ? 'Suspending' : 'Activating'} health checks of VS ${serviceText(service.desired)}: its address is ${suspended ? 'not ' : ''}on this host`);
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
        this.#problem(service, `cannot be put right: ${refusal.message}`);
        continue;
      }
      repaired += commands.length;
      this.#foreignChanges += commands.length;
      const what = commands.map(describeCommand).join(', ');
      this.#options.log.warn(`${serviceText(service.desired)} was changed by others and put right (${what}): change ${this.#source}, or use tsipvs drain, disable, enable, weight`);
      this.#emit({ kind: 'foreign', service: serviceText(service.desired), server: null, state: null, message: what });
    }
    return repaired;
  }

  /** The end: with omega, servers and services are told down. The table is left to its owner. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stopTimers) stop();
    this.#pool.close();
    for (const { desired, servers, announcedQuorum } of this.#services) {
      if (!desired.policy.omega) continue;
      for (const server of servers) if (server.up && !server.desired.disabled) this.#notify({ kind: 'server', up: false, service: desired, server: server.desired, cause: 'the director ends' });
      // Also one that is down already: so keepalived does.
      if (announcedQuorum !== null) this.#notify({ kind: 'service', up: false, service: desired, cause: 'the director ends' });
    }
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
  #tellRemoved({ desired, servers, announcedQuorum }: ManagedService, next: readonly ManagedService[]): void {
    const key = serviceKey(desired.ids[0]!);
    const successor = next.find((service) => serviceKey(service.desired.ids[0]!) === key);
    const cause = 'not in the configuration any more';
    const name = serviceText(desired);
    for (const server of servers) {
      if (!server.up || server.desired.disabled || successor?.servers.some((one) => one.key === server.key && !one.desired.disabled) === true) continue;
      this.#notify({ kind: 'server', up: false, service: desired, server: server.desired, cause });
      this.#emit({ kind: 'server', service: name, server: serverText(desired, server.desired), state: 'down', message: cause });
    }
    if (successor !== undefined || announcedQuorum !== true) return;
    this.#notify({ kind: 'service', up: false, service: desired, cause });
    this.#emit({ kind: 'service', service: name, server: null, state: 'down', message: cause });
  }

  #changed(service: ManagedService, change: ServiceChange): void {
    if (this.#closed || !this.#services.includes(service)) return;
    const { desired } = service;
    const server = serverText(desired, change.server.desired);
    if (change.kind === 'still-down') {
      this.#notify({ kind: 'server', up: false, service: desired, server: change.server.desired, cause: change.cause });
      this.#emit({ kind: 'server', service: serviceText(desired), server, state: 'down', message: change.cause });
      this.#options.log.warn(`Service ${server} of VS ${serviceText(desired)} is not up: ${change.cause}`);
      return;
    }
    const ended = change.kind === 'server' && !change.up ? this.#endsOf(service, change.server) : [];
    void this.#refused([...ended, ...this.#managed.difference(service, this.#options.table)]).then((refusal) => {
      if (refusal !== null) this.#problem(service, refusal.message);
    });
    if (change.kind === 'server') {
      this.#notify({ kind: 'server', up: change.up, service: desired, server: change.server.desired, cause: change.cause });
      this.#emit({ kind: 'server', service: serviceText(desired), server, state: change.up ? 'up' : 'down', message: change.cause });
      this.#options.log[change.up ? 'info' : 'warn'](`${change.up ? 'Adding' : 'Removing'} service ${server} ${change.up ? 'to' : 'from'} VS ${serviceText(desired)}: ${change.cause}`);
    } else {
      this.#emit({ kind: 'weight', service: serviceText(desired), server, state: null, message: change.cause });
    }
    this.#settle(service, change.cause);
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
    const { desired } = service;
    const isFirst = service.announcedQuorum === null;
    const decision = service.decide();
    const { quorumChanged, sorryChanged } = service.settle(decision);
    if (quorumChanged) {
      const why = quorumChangeText(decision.quorumUp, decision.liveWeight, desired.policy);
      const text = `${why} for VS ${serviceText(desired)}`;
      // keepalived says nothing of a quorum that was never there, unless everything is to start down.
      if (decision.quorumUp || !isFirst || desired.policy.alpha) this.#notify({ kind: 'service', up: decision.quorumUp, service: desired, cause: `${why} (${cause})` });
      this.#emit({ kind: 'service', service: serviceText(desired), server: null, state: decision.quorumUp ? 'up' : 'down', message: text });
      this.#options.log[decision.quorumUp ? 'info' : 'warn'](text);
    }
    if (sorryChanged) this.#emit({ kind: 'sorry', service: serviceText(desired), server: null, state: decision.sorryInUse ? 'up' : 'down', message: decision.sorryInUse ? 'the sorry server serves' : 'the sorry server is not needed' });
    service.wakeAfter(decision.nextChangeMs, () => void this.#converge(service).then(() => this.#settle(service, 'slow start')));
  }

  /** Bring the table in line with one service. Null, or why that was refused. */
  #converge(service: ManagedService): Promise<LvsError | null> {
    return this.#refused(this.#managed.difference(service, this.#options.table));
  }

  async #refused(commands: readonly ControlCommand[]): Promise<LvsError | null> {
    if (commands.length === 0) return null;
    try {
      const { results } = await this.#options.api.call('apply', { commands, atomic: true });
      const refused = results.find((result) => !result.ok && !result.error.message.startsWith('not applied, because')) ?? results.find((result) => !result.ok);
      return refused === undefined || refused.ok ? null : new LvsError(refused.error.code, refused.error.message);
    } catch (error) {
      return error instanceof LvsError ? error : new LvsError('Internal', (error as Error).message);
    }
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
    for (const stop of this.#stopTimers) stop();
    this.#stopTimers = [this.#every(REPAIR_INTERVAL_MS, () => this.repair()), this.#every(DRAIN_INTERVAL_MS, () => this.#watchDraining())];
    if (this.#services.some(({ servers }) => servers.some(({ desired }) => desired.loadMonitor !== null))) this.#stopTimers.push(this.#every(LOAD_INTERVAL_MS, () => this.#readLoads()));
  }

  #every(intervalMs: number, act: () => Promise<unknown>): () => void {
    let stop = (): void => {};
    let stopped = false;
    const arm = (): void => {
      if (!stopped) stop = this.#options.clock.after(intervalMs, () => void act().catch((error: Error) => this.#options.log.error(error.message)).then(arm));
    };
    arm();
    return () => {
      stopped = true;
      stop();
    };
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
    for (const { service, id, address, port } of await this.#draining.look(this.#options.api)) {
      this.#emit({ kind: 'drained', service, server: placeText(id, address, port), state: null, message: 'no connection is left' });
    }
  }

  #administered(service: string, { id, address, port }: AdminRequest, state: AdminState): void {
    this.#draining[state.state === 'enabled' ? 'remove' : 'add']({ service, id, address, port });
    if (this.#stopTimers.length === 0) this.#restartTimers();
    const words = [state.state, ...(state.weight === null ? [] : [`weight ${state.weight}`]), ...(state.checks === 'automatic' ? [] : [`forced ${state.checks}`])];
    this.#emit({ kind: 'admin', service, server: placeText(id, address, port), state: null, message: words.join(', ') });
  }

  #notify(notice: Notice): void {
    this.#options.notifier.notify(notice);
  }

  #problem(service: ManagedService, message: string): void {
    this.#options.log.error(`${serviceText(service.desired)}: ${message}`);
    this.#emit({ kind: 'problem', service: serviceText(service.desired), server: null, state: null, message });
  }

  #emit(event: Omit<HealthEvent, 'timeMs'>): void {
    const stamped: HealthEvent = { timeMs: this.#options.clock.wallMs(), ...event };
    this.#timeline.push(stamped);
    if (this.#timeline.length > KEPT_EVENTS) this.#timeline.shift();
    for (const listener of [...this.#listeners]) listener(stamped);
  }
}

function isServer(destination: Destination, { ids }: DesiredService, id: ServiceId, address: string, port: number): boolean {
  const own = destinationFor(ids.find((one) => serviceKey(one) === serviceKey(id)) ?? id, destination);
  return own.address === address && own.port === port;
}

function changesOf({ state, weight, checks }: AdminRequest): Partial<AdminState> {
  return { ...(state === undefined ? {} : { state }), ...(weight === undefined ? {} : { weight }), ...(checks === undefined ? {} : { checks }) };
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
