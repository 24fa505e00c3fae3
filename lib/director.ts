/**
 * The composition root: a Controller over its table and a data plane, live (LivePlane) or in this process without devices, where no frame
 * ever arrives. What the daemon runs, and what programs embed.
 */
import { API_VERSION, type DaemonInfo } from './control/api/message.ts';
import { Controller } from './control/controller.ts';
import { HealthController } from './control/health-controller.ts';
import { hostInterfaces } from './control/host-interfaces.ts';
import type { Log } from './control/log.ts';
import { ServiceTable } from './control/service-table.ts';
import { Dataplane } from './dataplane/dataplane.ts';
import { InProcessLink } from './dataplane/in-process-link.ts';
import { hostClock } from './health/clock.ts';
import { runProbe } from './health/index.ts';
import { HostNotifier } from './health/notifier.ts';
import { hostSockets } from './health/probe-sockets.ts';
import { readLoad } from './health/read-load.ts';
import type { LiveDevice } from './live-devices.ts';
import { LivePlane } from './live-plane.ts';
import type { WorkerChoice } from './live-workers.ts';
import type { MetricsSnapshot } from './metrics/definitions.ts';
import type { DataplaneLink } from './model/dataplane-link.ts';
import type { NetworkState } from './model/network-state.ts';
import type { DeviceReport } from './model/worker-message.ts';
import { packageVersion } from './package-version.ts';
import type { FrameSink } from './wire/frame.ts';

/** Connection hash buckets of the kernel's default build, shown as (size=4096). */
const DEFAULT_CONN_TAB_SIZE = 4096;

/** Without devices nothing is sent. */
const NOWHERE: FrameSink = { transmit() {}, pass() {}, deliver() {}, resolve() {} };

export interface DirectorOptions {
  readonly device: LiveDevice | 'none';
  /** Empty: all that carry a route. */
  readonly interfaces: readonly string[];
  readonly maxConnections: number;
  /** Threads of the data plane; null: the default (live-workers.ts). */
  readonly workers: number | null;
  /** Answer ARP and Neighbour Discovery for service addresses that the host does not have. */
  readonly ownVips: boolean;
  readonly log: Log;
  /** The data plane ended by itself; nothing is balanced any more. */
  onFailure(reason: string): void;
}

export class Director {
  readonly controller: Controller;
  readonly table: ServiceTable;
  readonly health: HealthController;
  readonly #link: DataplaneLink;
  readonly #live: LivePlane | null;

  private constructor(table: ServiceTable, link: DataplaneLink, live: LivePlane | null, { device, ownVips, log }: DirectorOptions) {
    const started = process.hrtime.bigint();
    const version = packageVersion();
    const info = (): DaemonInfo => ({
      version, apiVersion: API_VERSION, pid: process.pid, device: live?.deviceKinds ?? device, interfaces: live?.interfaces ?? [], workers: live?.workers ?? null, connTabSize: DEFAULT_CONN_TAB_SIZE,
      uptimeSec: Number((process.hrtime.bigint() - started) / 1_000_000_000n),
    });
    this.table = table;
    this.#link = link;
    this.#live = live;
    this.controller = new Controller({ table, link, info });
    this.health = new HealthController({
      table, api: this.controller, clock: hostClock, random: Math.random, readLoad, log, hasAddress: (address) => ownVips || live === null || hasAddress(live.network, address), notifier: new HostNotifier((problem) => log.warn(problem)),
      probe: (check, target, step, controller) => runProbe(check, target, step, hostSockets, controller),
    });
    this.controller.useHealth(this.health);
  }

  /** Resolves when packets are being handled (with an empty table). Nothing is left behind when it is refused. */
  static async start(options: DirectorOptions): Promise<Director> {
    const { device, interfaces, maxConnections, workers, ownVips, log, onFailure } = options;
    const table = new ServiceTable();
    if (device === 'none') {
      table.useNetwork(hostInterfaces());
      const link = new InProcessLink(
        new Dataplane({ maxConnections, connTabSize: DEFAULT_CONN_TAB_SIZE, startMs: performance.now() }), () => performance.now(), NOWHERE,
      );
      return new Director(table, link, null, options);
    }
    let director: Director | null = null;
    const live = await LivePlane.start({
      device, interfaces, maxConnections, connTabSize: DEFAULT_CONN_TAB_SIZE, workers, ownVips, log, onFailure, onNetwork: (state) => {
        table.useNetwork(state);
        director?.health.addressesChanged();
      },
    });
    director = new Director(table, live, live, options);
    return director;
  }

  /** "packet", "xdp", "packet+xdp", "pcap", or "none". */
  get deviceKinds(): string {
    return this.#live?.deviceKinds ?? 'none';
  }

  /** Data-plane threads, and why so many; null without devices. */
  get workers(): WorkerChoice | null {
    return this.#live?.workers ?? null;
  }

  get interfaces(): readonly string[] {
    return this.#live?.interfaces ?? [];
  }

  /** What the host's network looks like now; null without devices. */
  get network(): NetworkState | null {
    return this.#live?.network ?? null;
  }

  async metricsSnapshot(): Promise<MetricsSnapshot> {
    const [{ services }, stats, devices] = await Promise.all([this.controller.call('list', {}), this.#link.stats(), this.#devices()]);
    return { version: packageVersion(), services, stats, devices, health: this.health.report() };
  }

  /** Leaves the host as it was found. */
  async close(): Promise<void> {
    const told = this.health.close();
    await this.#link.close();
    await told;
  }

  async #devices(): Promise<readonly DeviceReport[]> {
    return this.#live === null ? [] : this.#live.devices();
  }
}

function hasAddress(network: NetworkState | null, address: string): boolean {
  return network?.interfaces.some(({ addresses }) => addresses.some((own) => own.split('/')[0] === address)) ?? false;
}
