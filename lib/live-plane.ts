/**
 * The data plane on real interfaces: locks, guard, worker thread with its devices, and the netlink watch that keeps it informed. A
 * DataplaneLink like any other to the Controller.
 *
 *   NetworkWatch ──state, neighbours──> WorkerLink ──edits──> data plane in its thread ──frames── devices
 *   Controller ──edits──> guard (widened) ──> WorkerLink ──acknowledged──> guard (narrowed) ──> reply
 *
 * A packet for a service must never meet the host's stack, which would answer it with RST: the guard covers a service before the data
 * plane knows it, and a removed one until its connections have ended (guard-linger.ts).
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeFd, endPopulator, eventfd, eventfdSignal, nativeProblem, startPopulator, type Populator } from '../native-shims/index.ts';
import { InterfaceLock } from './control/interface-lock.ts';
import type { Log } from './control/log.ts';
import { SyncGroup } from './control/sync-group.ts';
import { WorkerLink, type WakeSignal } from './control/workers.ts';
import type { Guard } from './device/guard.ts';
import { openLocalInterface, type LocalInterface } from './device/local-interface.ts';
import { NetworkWatch, watchNetwork } from './device/netlink-watch.ts';
import { receiveQueues } from './device/ethtool.ts';
import { Offloads } from './device/offloads.ts';
import { openGuard } from './device/open-guard.ts';
import type { XdpFilter } from './device/xdp-filter.ts';
import { ConfiguredMirror } from './configured-mirror.ts';
import { GuardLinger } from './guard-linger.ts';
import { chooseDevices, type LiveDevice } from './live-devices.ts';
import { chooseInterfaces } from './live-interfaces.ts';
import { chooseWorkers, type WorkerChoice } from './live-workers.ts';
import type { DataplaneLink } from './model/dataplane-link.ts';
import { LvsError } from './model/errors.ts';
import type { NetworkInterface, NetworkState } from './model/network-state.ts';
import type { Answer, Asked, DataplaneQuestion } from './model/dataplane-question.ts';
import type { ConnectionRecord, DataplaneStats } from './model/stats.ts';
import type { TableEdit } from './model/table-edit.ts';
import type { TraceFilter, TraceRecord } from './model/trace-record.ts';
import type { DeviceReport } from './model/worker-message.ts';

/** Destinations are looked up in the routes once after a burst of commands. */
const KEEP_ALIVE_DELAY_MS = 20;

/** The kernel tells nobody when an interface's queues change. */
const QUEUES_EVERY_MS = 5_000;

/** In one network namespace, each on interfaces of its own. */
const MOST_DAEMONS = 32;

export interface LivePlaneOptions {
  readonly device: LiveDevice;
  /** Empty: all that carry a route. */
  readonly interfaces: readonly string[];
  readonly maxConnections: number;
  readonly connTabSize: number;
  /** Threads of the data plane; null: the default (live-workers.ts). */
  readonly workers: number | null;
  readonly ownVips: boolean;
  readonly log: Log;
  /** The host's network, at the start and on every change. */
  onNetwork(state: NetworkState): void;
  /** The data plane ended by itself. */
  onFailure(reason: string): void;
}

export class LivePlane implements DataplaneLink {
  readonly #options: LivePlaneOptions;
  readonly #locks: InterfaceLock[] = [];
  readonly #configured = new ConfiguredMirror();
  readonly #syncGroup: SyncGroup;
  readonly #linger = new GuardLinger({
    count: async () => (await this.stats()).connections,
    connections: () => this.connections(),
    isOwned: (record) => this.#configured.covers(record),
    narrow: () => this.#inOrder(() => this.#narrow()),
  });
  readonly #conditions = new Map<string, 'up' | 'down' | 'gone'>();
  readonly #ifindexes = new Map<string, number>();
  #names: readonly string[] = [];
  #hasWayToHost = false;
  #watch: NetworkWatch | null = null;
  #guard: Guard | null = null;
  /** Takes frames from the interfaces that have the xdp device. */
  #filter: XdpFilter | null = null;
  #queuesTimer: NodeJS.Timeout | null = null;
  #deviceKinds = '';
  #workers: WorkerChoice = { count: 0, why: '' };
  readonly #offloads = new Offloads();
  #worker: WorkerLink | null = null;
  #keepAliveTimer: NodeJS.Timeout | null = null;
  /** Batches go through guard and worker one after the other. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: LivePlaneOptions) {
    this.#options = options;
    this.#syncGroup = new SyncGroup(options.log);
  }

  /** Everything or nothing: what was taken is given back when a later step is refused. */
  static async start(options: LivePlaneOptions): Promise<LivePlane> {
    const problem = nativeProblem();
    if (problem !== null) throw new LvsError('Unsupported', problem);
    const plane = new LivePlane(options);
    try {
      await plane.#start();
      return plane;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  get interfaces(): readonly string[] {
    return this.#names;
  }

  /** Kinds of device in use: "packet", "xdp", "packet+xdp". */
  get deviceKinds(): string {
    return this.#deviceKinds;
  }

  /** Data-plane threads, and why so many. */
  get workers(): WorkerChoice {
    return this.#workers;
  }

  get network(): NetworkState | null {
    return this.#watch?.state ?? null;
  }

  apply(edits: readonly TableEdit[]): Promise<void> {
    return this.#inOrder(() => this.#apply(edits));
  }

  stats(): Promise<DataplaneStats> {
    return this.#running.stats();
  }

  devices(): Promise<readonly DeviceReport[]> {
    return this.#running.devices();
  }

  connections(): Promise<readonly ConnectionRecord[]> {
    return this.#running.connections();
  }

  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    return this.#running.ask(question, asked);
  }

  trace(filter: TraceFilter | null): Promise<void> {
    return this.#running.trace(filter);
  }

  onTrace(listener: (record: TraceRecord) => void): void {
    this.#running.onTrace(listener);
  }

  async close(): Promise<void> {
    if (this.#keepAliveTimer !== null) clearTimeout(this.#keepAliveTimer);
    if (this.#queuesTimer !== null) clearInterval(this.#queuesTimer);
    this.#linger.end();
    this.#watch?.close();
    this.#syncGroup.close();
    // The guard goes last: without it the host would answer what the data plane still receives.
    await this.#worker?.close();
    this.#filter?.close();
    this.#guard?.close();
    this.#offloads.restore();
    await Promise.all(this.#locks.map((lock) => lock.release()));
  }

  get #running(): WorkerLink {
    if (this.#worker === null) throw new LvsError('NotRunning', 'the data plane has not started');
    return this.#worker;
  }

  async #start(): Promise<void> {
    const { interfaces, device, maxConnections, connTabSize, workers, ownVips, log, onFailure } = this.#options;
    const watch = watchNetwork({}, (state) => this.#networkChanged(state), (neighbour) => this.#tell([{ op: 'neighbour', neighbour }]));
    this.#watch = watch;
    const chosen = chooseInterfaces(watch.state, interfaces);
    this.#names = chosen.map(({ name }) => name);
    for (const { name, ifindex } of chosen) this.#locks.push(await InterfaceLock.take(name, ifindex));
    watch.setAttached(this.#names);
    const local = this.#openLocal();
    this.#hasWayToHost = local !== null;
    const { filter, lines } = chooseDevices(device, chosen);
    this.#filter = filter;
    for (const { interface: name, line } of lines) log.info(line, { interface: name });
    this.#workers = chooseWorkers(workers, {
      device, processors: availableParallelism(), xdpQueues: this.#names.filter((name) => filter?.has(name) === true).map(receiveQueues),
    });
    this.#worker = await WorkerLink.start({
      file: workerFile('worker.js'), forwarderFile: workerFile('forwarder-worker.js'),
      forwarderWakes: Array.from({ length: this.#workers.count - 1 }, wakeSignal), device: device === 'pcap' ? 'pcap' : 'packet', maxConnections,
      interfaces: chosen.map(({ index, ifindex, name }) => ({ index, ifindex, name, socketsFd: filter?.has(name) === true ? filter.socketsFd(name) : null })), connTabSize, ownVips, local, onLine: (name, line) => log.info(line, { interface: name }),
      wake: wakeSignal(), populator: populator(), onCrash: onFailure, onResolve: (interfaceIdx, address) => watch.resolveNeighbour(interfaceIdx, address),
    });
    for (const name of this.#names) for (const line of this.#offloads.prepare(name)) log.info(line, { interface: name });
    const { guard, line } = openGuard({ redirectTo: local?.ifindex ?? 0 });
    this.#guard = guard;
    log[guard.kind === 'none' ? 'warn' : 'debug'](line);
    await this.#apply([{ op: 'network', state: watch.state }]);
    await this.#settleDevices();
  }

  /** Interfaces whose AF_XDP sockets could not be opened need no XDP program either; the others' queues are looked at now and then. */
  async #settleDevices(): Promise<void> {
    const reports = (await this.devices()).filter(({ interface: name }) => this.#names.includes(name));
    const withXdp = reports.filter(({ device }) => device === 'xdp').map(({ interface: name }) => name);
    this.#deviceKinds = [...new Set(this.#names.map((name) => (withXdp.includes(name) ? 'xdp' : reports.find((report) => report.interface === name)?.device ?? '')))].sort().join('+');
    for (const name of this.#names.filter((one) => !withXdp.includes(one))) this.#filter?.detach(name);
    if (withXdp.length === 0) return;
    const queues = (): string => withXdp.map(receiveQueues).join();
    let known = queues();
    this.#queuesTimer = setInterval(() => {
      const now = queues();
      if (now !== known && this.#watch !== null) this.#tell([{ op: 'network', state: this.#watch.state }]);
      known = now;
    }, QUEUES_EVERY_MS).unref();
  }

  /** Without a way into the host's stack all works but the local node. */
  #openLocal(): LocalInterface | null {
    for (let number = 0; ; number++) {
      try {
        return openLocalInterface(`tsipvs${number}`);
      } catch (error) {
        if (!(error instanceof LvsError)) throw error;
        // The name belongs to a daemon on other interfaces of this network namespace.
        if (error.code === 'DaemonRunning' && number < MOST_DAEMONS) continue;
        if (error.code === 'Permission') throw error;
        this.#options.log.warn(`${error.message}: real servers on this host (local node) cannot be reached`);
        return null;
      }
    }
  }

  async #apply(edits: readonly TableEdit[]): Promise<void> {
    this.#guard?.widen(edits);
    this.#filter?.widen(edits);
    for (const edit of edits) if (edit.op === 'daemons') this.#syncGroup.follow(edit.backup, this.network);
    await this.#running.apply(edits);
    const changes = edits.map((edit) => this.#configured.apply(edit));
    if (changes.some((change) => change !== 'none')) this.#keepAliveSoon();
    if (!changes.includes('removed')) return;
    // Without services the data plane leaves everything alone; without a way back to the host nothing may be covered needlessly.
    if (this.#configured.isEmpty || !this.#hasWayToHost) await this.#narrow();
    else this.#linger.begin();
  }

  /** The guard first: what is covered by the predicate alone reaches the host twice, what by the guard alone not at all. */
  async #narrow(): Promise<void> {
    this.#linger.end();
    this.#guard?.narrow();
    this.#filter?.narrow();
    await this.#running.narrow();
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(step);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  #networkChanged(state: NetworkState): void {
    this.#options.onNetwork(state);
    for (const entry of state.interfaces.filter(({ name }) => this.#names.includes(name))) {
      this.#note(entry.name, entry.up ? 'up' : entry.ifindex === 0 ? 'gone' : 'down');
      this.#followIfindex(entry);
    }
    this.#tell([{ op: 'network', state }]);
  }

  /** A new interface under the same name: the worker's device binds to it by itself, lock and offloads are ours. */
  #followIfindex({ name, ifindex }: NetworkInterface): void {
    const { log } = this.#options;
    if (ifindex === 0 || this.#ifindexes.get(name) === ifindex) return;
    const isNew = this.#ifindexes.has(name);
    this.#ifindexes.set(name, ifindex);
    if (!isNew) return;
    void this.#inOrder(async () => {
      this.#locks.push(await InterfaceLock.take(name, ifindex));
      for (const line of this.#offloads.prepare(name)) log.info(line, { interface: name });
      log.info(`${name} is back, as another interface`, { interface: name });
    }).catch((error: Error) => log.error(`${name} came back but cannot be used: ${error.message}`, { interface: name }));
  }

  #note(name: string, condition: 'up' | 'down' | 'gone'): void {
    const before = this.#conditions.get(name) ?? 'up';
    this.#conditions.set(name, condition);
    if (condition !== before) this.#options.log[condition === 'up' ? 'info' : 'warn'](`${name} is ${condition}`, { interface: name });
  }

  /** What the host reports is not acknowledged to anybody; a worker that has ended is reported by onFailure. */
  #tell(edits: readonly TableEdit[]): void {
    if (this.#worker !== null) this.apply(edits).catch((error: Error) => this.#options.log.debug(`network change not applied: ${error.message}`));
  }

  #keepAliveSoon(): void {
    this.#keepAliveTimer ??= setTimeout(() => {
      this.#keepAliveTimer = null;
      this.#watch?.keepAlive(this.#configured.destinationAddresses());
    }, KEEP_ALIVE_DELAY_MS).unref();
  }
}

function populator(): Populator & { close(): void } {
  const started = startPopulator();
  let open = true;
  return {
    ...started,
    close: () => {
      if (open) endPopulator(started);
      open = false;
    },
  };
}

function wakeSignal(): WakeSignal {
  const fd = eventfd();
  let open = true;
  return {
    fd,
    signal: () => {
      if (open) eventfdSignal(fd);
    },
    close: () => {
      if (open) closeFd(fd);
      open = false;
    },
  };
}

/** Beside this file in a bundle (dist/bin), in its folder otherwise (dist/lib). */
function workerFile(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const file = [join(here, name), join(here, 'dataplane', name)].find((candidate) => existsSync(candidate));
  if (file === undefined) throw new LvsError('Internal', `${name} is missing beside ${here}: run "npm run build"`);
  return file;
}
