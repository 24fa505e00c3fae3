/**
 * One configured service as it runs: its servers with their monitors, and the policy over them. Turns what monitors say into changes of
 * servers and of the quorum; whoever owns it brings the table in line and tells the world. All its services (a group's addresses) share
 * one set of checks.
 */
import { destinationFor, type DesiredDestination, type DesiredService } from '../model/desired-configuration.ts';
import { destinationKey, type Destination } from '../model/destination.ts';
import type { ServiceId } from '../model/virtual-service.ts';
import type { AdminState, CheckState, ServerState, ServiceHealth } from '../model/health-state.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { ProbeTarget } from './checker.ts';
import { targetText } from './checker.ts';
import type { HealthClock } from './clock.ts';
import { loadWeight } from './load-weight.ts';
import type { MonitorChange } from './monitor.ts';
import type { MonitorPool, WatchedCheck } from './monitor-pool.ts';
import { quorumArithmetic } from './quorum.ts';
import { decide, type PolicyDecision } from './service-policy.ts';

export interface ManagedServer {
  readonly desired: DesiredDestination;
  readonly key: string;
  checks: readonly WatchedCheck[];
  up: boolean;
  /** When it came in, for slow start; null: it need not start slowly (any more). */
  upSinceMs: number | null;
  load: number | null;
  /** Weight by load, null without a load monitor. */
  loadWeight: number | null;
}

export type ServiceChange =
  | { readonly kind: 'server'; readonly server: ManagedServer; readonly up: boolean; readonly cause: string }
  /** It was not up yet, and its first probe failed. */
  | { readonly kind: 'still-down'; readonly server: ManagedServer; readonly cause: string }
  | { readonly kind: 'weight'; readonly server: ManagedServer; readonly cause: string };

export interface ManagedServiceOptions {
  readonly desired: DesiredService;
  readonly clock: HealthClock;
  readonly pool: MonitorPool;
  readonly adminOf: (serverKey: string) => AdminState;
  readonly onChange: (service: ManagedService, change: ServiceChange) => void;
  /** The same service before the reload. */
  readonly previous: ManagedService | null;
  /** It comes by a reload, not at the start. */
  readonly reload: boolean;
}

export class ManagedService {
  readonly desired: DesiredService;
  readonly servers: readonly ManagedServer[];
  readonly #options: ManagedServiceOptions;
  /** As announced; null before the first announcement. */
  #quorumUp: boolean | null;
  #lastSorryInUse = false;
  #suspended = false;
  #stopTimer: () => void = () => {};

  constructor(options: ManagedServiceOptions) {
    const { desired, previous } = options;
    this.#options = options;
    this.desired = desired;
    this.#quorumUp = previous?.announcedQuorum ?? null;
    const kept = new Map(previous?.servers.map((server) => [server.key, server]));
    const seen = new Set<string>();
    const servers: ManagedServer[] = [];
    for (const one of desired.destinations) {
      const key = destinationKey(one.destination.address, one.destination.port);
      // The same server twice: the first counts.
      if (seen.has(key)) continue;
      seen.add(key);
      servers.push(this.#manage(one, key, kept.get(key)));
    }
    this.servers = servers;
  }

  get announcedQuorum(): boolean | null {
    return this.#quorumUp;
  }

  server(key: string): ManagedServer | undefined {
    return this.servers.find((server) => server.key === key || destinationKey(server.desired.destination.address, 0) === key);
  }

  /** What the table must hold now. Announces nothing. */
  decide(): PolicyDecision {
    const { policy } = this.desired;
    const { clock, adminOf } = this.#options;
    return decide(policy, this.#quorumUp, this.servers.filter(({ desired }) => !desired.disabled).map((server) => ({
      destination: server.desired.destination, up: server.up, weight: weightOf(server), inhibitOnFailure: server.desired.inhibitOnFailure,
      upForMs: server.upSinceMs === null ? null : clock.nowMs() - server.upSinceMs, admin: adminOf(server.key),
    })));
  }

  /** The quorum is as decided from now on; whether that is news (or the first word on it). */
  settle({ quorumUp, sorryInUse }: PolicyDecision): { quorumChanged: boolean; sorryChanged: boolean } {
    const news = { quorumChanged: this.#quorumUp !== quorumUp, sorryChanged: this.#lastSorryInUse !== sorryInUse };
    this.#quorumUp = quorumUp;
    this.#lastSorryInUse = sorryInUse;
    return news;
  }

  /** Call when the weight of a server that starts slowly rises next. */
  wakeAfter(delayMs: number, call: () => void): void {
    this.#stopTimer();
    this.#stopTimer = delayMs === Infinity ? () => {} : this.#options.clock.after(delayMs, call);
  }

  /** The administrator forced it up or down, or back to what the checks say (nanny's SIGUSR2, SIGUSR1, SIGHUP). */
  forced(server: ManagedServer): void {
    const { checks } = this.#options.adminOf(server.key);
    this.#refresh(server, checks === 'automatic' ? 'back to what the checks say' : `forced ${checks}`);
  }

  /** What a load command printed about a server. */
  useLoad(server: ManagedServer, load: number): void {
    const { loadMonitor, destination } = server.desired;
    if (loadMonitor === null) return;
    server.load = load;
    const weight = loadWeight(server.loadWeight ?? destination.weight, destination.weight, loadMonitor.scale, load);
    if (weight === (server.loadWeight ?? destination.weight)) return;
    server.loadWeight = weight;
    this.#options.onChange(this, { kind: 'weight', server, cause: `load ${load}` });
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** Stop probing, and keep what is known (ha_suspend: the address is at another director); or go on where it stopped. */
  suspend(suspended: boolean): void {
    if (this.#suspended === suspended) return;
    this.#suspended = suspended;
    for (const server of this.servers) {
      if (suspended) for (const check of server.checks) check.release();
      else server.checks = server.checks.map(({ check, target, monitor }) => this.#options.pool.watch(check, target, (change) => this.#heard(server, change), { up: monitor.up, hasRun: monitor.hasRun, joins: true }));
    }
  }

  release(): void {
    this.#stopTimer();
    for (const { checks } of this.servers) for (const check of checks) check.release();
  }

  report(weightInTable: (key: string) => number | null): ServiceHealth {
    const { desired } = this;
    const { policy, ids, name } = desired;
    const decision = this.decide();
    const { liveWeight, sorryInUse, panic } = decision;
    return {
      name, ids, quorumUp: decision.quorumUp, liveWeight, quorum: policy.quorum, hysteresis: policy.hysteresis, arithmetic: quorumArithmetic(decision.quorumUp, liveWeight, policy), panic,
      sorryServer: policy.sorryServer === null ? null : { address: policy.sorryServer.destination.address, port: policy.sorryServer.destination.port, inUse: sorryInUse },
      servers: this.servers.map((server): ServerState => {
        const { address, port, weight } = destinationFor(ids[0]!, server.desired.destination);
        return { address, port, up: server.up, configuredWeight: weight, weight: weightInTable(destinationKey(address, port)), admin: this.#options.adminOf(server.key), load: server.load, checks: server.checks.map(checkState) };
      }),
    };
  }

  #manage(desired: DesiredDestination, key: string, previous: ManagedServer | undefined): ManagedServer {
    const { pool } = this.#options;
    const server: ManagedServer = {
      desired, key, up: false, upSinceMs: previous?.upSinceMs ?? null, load: previous?.load ?? null, loadWeight: previous?.desired.destination.weight === desired.destination.weight ? previous.loadWeight : null,
      checks: desired.disabled ? [] : desired.checks.map((check) => {
        // A check that only changed its timing goes on with what it knew; a new one begins as its server stands.
        const same = previous?.checks.find((one) => JSON.stringify([one.check.check, one.check.target]) === JSON.stringify([check.check, check.target]))?.monitor;
        const joins = this.#options.reload;
        const inherited = same !== undefined ? { up: same.up, hasRun: same.hasRun, joins }
          : previous !== undefined ? { up: previous.up, hasRun: false, joins }
            : check.check.kind === 'file' ? { up: desired.startsUp, hasRun: false, joins }
              // Nothing is asked, so nothing has to be waited for.
              : { up: check.check.kind === 'fixed' ? check.check.up : !check.timing.alpha, hasRun: false, joins };
        return pool.watch(check, this.#targetOf(check, desired.destination), (change) => this.#heard(server, change), inherited);
      }),
    };
    server.up = this.#isUp(server);
    return server;
  }

  #isUp({ key, checks, desired }: ManagedServer): boolean {
    const forced = this.#options.adminOf(key).checks;
    if (forced !== 'automatic') return forced === 'up';
    // Without checks it stays as it starts: down, where a script that may not run was its only check (keepalived).
    return checks.length === 0 ? desired.startsUp : checks.every(({ monitor }) => monitor.up);
  }

  #targetOf({ target }: HealthCheck, destination: Destination): ProbeTarget {
    const [id] = this.desired.ids as [ServiceId, ...ServiceId[]];
    const { address, port } = destinationFor(id, destination);
    const { viaVip, ...rest } = target;
    const { method, tunnel } = destination;
    // Masqueraded to or local, the real server's own address is the path.
    if (viaVip === true && (method === 'route' || method === 'tunnel') && (target.address !== undefined || id.kind === 'address')) {
      const vip = id.kind === 'address' ? id : { address: target.address!, port };
      return { ...rest, address: target.address ?? vip.address, port: target.port ?? (vip.port === 0 ? port : vip.port), via: { address, method, tunnel } };
    }
    return { ...rest, address: target.address ?? address, port: target.port ?? (port === 0 && id.kind === 'address' ? id.port : port) };
  }

  #heard(server: ManagedServer, change: MonitorChange): void {
    const last = server.checks.flatMap(({ monitor }) => monitor.results.slice(-1)).filter(({ ok }) => !ok).at(-1);
    if (change === 'still-down') {
      if (!server.up) this.#options.onChange(this, { kind: 'still-down', server, cause: last?.error ?? '' });
    } else if (change !== 'weight') this.#refresh(server, last?.error ?? 'all checks pass');
    else if (server.up) this.#options.onChange(this, { kind: 'weight', server, cause: 'as its check says' });
  }

  #refresh(server: ManagedServer, cause: string): void {
    const up = this.#isUp(server);
    if (up === server.up) return;
    server.up = up;
    server.upSinceMs = up && server.desired.slowStart ? this.#options.clock.nowMs() : null;
    if (!up) server.loadWeight = null;
    this.#options.onChange(this, { kind: 'server', server, up, cause });
  }
}

/** Configured, or by load, and then what checks make of it: each adds its difference. */
function weightOf({ desired, loadWeight: byLoad, checks }: ManagedServer): number {
  const configured = desired.destination.weight;
  const added = checks.reduce((sum, { monitor }) => sum + monitor.weightOf(configured) - configured, 0);
  return Math.max(0, (byLoad ?? configured) + added);
}

function checkState({ check, target, monitor }: WatchedCheck): CheckState {
  return {
    name: check.name, kind: check.check.kind, target: targetText(target), up: monitor.up, hasRun: monitor.hasRun, intervalSec: check.timing.intervalSec, passed: monitor.passed, failed: monitor.failed,
    retry: monitor.retry, retries: check.timing.retries, successes: monitor.successes, successesNeeded: monitor.successesNeeded, results: monitor.results,
  };
}
