/**
 * The daemon's life around a director: rules, control socket, metrics, reload, end. Order is the point. Everything that can be refused is
 * checked before packets are touched (rules file, socket, metrics address); requests that come early wait until the first rules are
 * applied; and whatever was taken is given back on any failure.
 */
import { resolve } from 'node:path';
import { readConfigurationFile, refuseForeignPrograms } from './configuration-file.ts';
import type { ApiMethod } from './control/api/message.ts';
import { ApiServer, type ApiHandlers } from './control/api/server.ts';
import type { ConfigurationSource, ConfigureRequest } from './control/health-api.ts';
import type { Log } from './control/log.ts';
import { reconcile } from './control/reconcile.ts';
import { Director, type DirectorOptions } from './director.ts';
import { FileWatch } from './file-watch.ts';
import { MetricsServer, type MetricsAddress } from './metrics/http.ts';
import type { ControlCommand } from './model/control-command.ts';
import type { DesiredConfiguration } from './model/desired-configuration.ts';
import { LvsError } from './model/errors.ts';
import type { NetworkState } from './model/network-state.ts';
import { readRulesFile, writeRulesFile, type RulesFile } from './rules-file.ts';

export interface DaemonOptions extends DirectorOptions {
  readonly socket: string;
  readonly socketGroup: string | null;
  readonly rules: string | null;
  /** Services with their checks, in any format; not together with rules. */
  readonly config: string | null;
  readonly saveOnExit: boolean;
  readonly metrics: MetricsAddress | null;
}

const METHODS: Readonly<Record<ApiMethod, true>> = {
  info: true, apply: true, list: true, connections: true, timeouts: true, daemons: true, sysctls: true, marks: true, stats: true, explain: true, trace: true, health: true,
  events: true, administer: true, configure: true, shadow: true, record: true, endRecording: true,
};

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #log: Log;
  readonly #server: ApiServer;
  #metrics: MetricsServer | null = null;
  #director: Director | null = null;
  #metricsPort = 0;
  #watch: FileWatch | null = null;
  #watched = '';
  /** Warnings of the configuration that runs, without their lines, which move. */
  #mistakes: readonly string[] = [];
  /** Where that came from: --config, or the last one applied. */
  #source: ConfigurationSource | null;
  #open!: (director: Director) => void;
  /** What early requests wait for. */
  readonly #ready = new Promise<Director>((resolve) => (this.#open = resolve));
  #reloading: Promise<void> = Promise.resolve();

  private constructor(options: DaemonOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#source = options.config === null ? null : { files: [options.config] };
    this.#server = new ApiServer(this.#waitingHandlers());
  }

  /** Resolves when packets are handled as the rules say. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#start();
      return daemon;
    } catch (error) {
      await daemon.#close();
      throw error;
    }
  }

  /** "packet on eth0, eth1; one worker (packet sockets have more only when asked for); 3 services; socket ...". */
  describe(): string {
    const { device, socket, metrics } = this.#options;
    const director = this.#director!;
    const { workers } = director;
    const count = director.table.services().length;
    return [
      device === 'none' ? 'no device, control plane only' : `${director.deviceKinds} on ${director.interfaces.join(', ')}`,
      ...(workers === null ? [] : [`${workers.count === 1 ? 'one worker' : `${workers.count} workers`} (${workers.why})`]),
      `${count} ${count === 1 ? 'service' : 'services'}`,
      `socket ${socket}`,
      ...(metrics === null ? [] : [`metrics http://${metrics.host.includes(':') ? `[${metrics.host}]` : metrics.host}:${this.#metricsPort}/metrics`]),
    ].join('; ');
  }

  /** Read the rules or the configuration again and apply what differs. A file that is wrong changes nothing. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload()).catch((error: Error) => {
      this.#log.error(`${this.#source === null ? 'rules' : 'configuration'} not read again: ${error.message}`);
      this.#director?.health.refused(this.#source?.files.join(', ') ?? this.#options.rules ?? '', error.message);
    });
  }

  /** Save if asked to, give everything back. */
  async stop(): Promise<void> {
    const { rules, saveOnExit } = this.#options;
    try {
      if (saveOnExit && rules !== null && this.#director !== null) writeRulesFile(rules, this.#director.table.services());
    } finally {
      await this.#close();
    }
  }

  async #start(): Promise<void> {
    const { rules, metrics, socket, socketGroup, log } = this.#options;
    if (rules !== null) await this.#readRules(rules, null);
    const source = this.#source;
    const configuration = source === null ? null : await readConfigurationFile(source, log);
    await this.#server.listen(socket, { group: socketGroup ?? undefined });
    if (metrics !== null) await this.#serveMetrics(metrics);
    const director = await Director.start(this.#options);
    this.#director = director;
    if (rules !== null) await applyAll(director, (await this.#readRules(rules, director.network)).commands);
    if (configuration !== null) {
      await director.health.use(configuration, nameOf(source!));
      this.#runs(configuration);
    }
    this.#open(director);
  }

  /** NB: imported only here, because loading prom-client takes longer than all the rest of a start. */
  async #serveMetrics(address: MetricsAddress): Promise<void> {
    const { PrometheusMetrics } = await import('./metrics/prometheus.ts');
    this.#metrics = new MetricsServer(new PrometheusMetrics(async () => (await this.#ready).metricsSnapshot()));
    this.#metricsPort = await this.#metrics.listen(address);
  }

  async #reload(): Promise<void> {
    const { rules } = this.#options;
    const director = await this.#ready;
    if (this.#source !== null) {
      await this.#reloadConfiguration(director, this.#source);
      return;
    }
    if (rules === null) {
      this.#log.warn('nothing to read again: started without --rules and --config');
      return;
    }
    const { table } = await this.#readRules(rules, director.network);
    const commands = reconcile(director.table.services(), table.services());
    await applyAll(director, commands);
    this.#log.info(`rules read again from ${rules}: ${commands.length} ${commands.length === 1 ? 'change' : 'changes'}`, { rules, changes: commands.length });
  }

  /** A file that lost services and gained mistakes was broken by an edit: what runs is better. */
  async #reloadConfiguration(director: Director, source: ConfigurationSource): Promise<void> {
    const configuration = await readConfigurationFile(source, this.#log);
    this.#refuseLoss(director, configuration, source);
    await director.health.use(configuration, nameOf(source));
    this.#runs(configuration);
  }

  /** Remember its mistakes, and watch its files if it asks for that. */
  #runs({ files, globals, diagnostics }: DesiredConfiguration): void {
    this.#mistakes = warningsOf({ diagnostics });
    const wanted = `${globals.watchFileSec} ${files.join()}`;
    // NB: one that goes on sees what changes while the file is being read.
    if (this.#watched === wanted) return;
    this.#watched = wanted;
    this.#watch?.close();
    this.#watch = globals.watchFileSec === 0 ? null : new FileWatch(files, globals.watchFileSec * 1000, () => {
      this.#log.info(`${files.join(', ')} changed, reading it again`);
      return this.reload();
    });
  }

  #refuseLoss(director: Director, configuration: DesiredConfiguration, source: ConfigurationSource): void {
    const lost = director.health.missingFrom(configuration);
    const [fresh] = warningsOf(configuration).filter((mistake) => !this.#mistakes.includes(mistake));
    if (lost.length > 0 && (fresh !== undefined || configuration.services.length === 0)) {
      throw new LvsError('BadRequest', `${nameOf(source)} has ${fresh === undefined ? 'no services' : `a new mistake (${fresh})`} and would remove ${lost.join(', ')}: what runs is kept; start again if that is meant`);
    }
  }

  /** Another configuration, or the same one changed, named by somebody at the socket. */
  async #configure({ keep, dryRun, ...source }: ConfigureRequest): Promise<{ commands: readonly ControlCommand[] }> {
    const director = await this.#ready;
    const configuration = await readConfigurationFile(source, dryRun ? { warn() {} } : this.#log);
    if (dryRun) return { commands: await director.health.preview(configuration, { alone: !keep }) };
    if (this.#options.socketGroup !== null) refuseForeignPrograms(configuration);
    // Of another file it is plain that it was meant.
    if (configuration.services.length === 0 || (this.#source !== null && isSame(this.#source, source))) this.#refuseLoss(director, configuration, source);
    const commands = await director.health.use(configuration, nameOf(source), { alone: !keep });
    this.#source = source;
    this.#runs(configuration);
    return { commands };
  }

  /** What reads configurations and makes them run happens one at a time. */
  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#reloading.then(act);
    this.#reloading = result.then(() => {}, () => {});
    return result;
  }

  #readRules(path: string, network: NetworkState | null): Promise<RulesFile> {
    return readRulesFile(path, { network, mayBeAbsent: this.#options.saveOnExit });
  }

  async #close(): Promise<void> {
    this.#watch?.close();
    await Promise.all([this.#server.close(), this.#metrics?.close()]);
    await this.#director?.close();
  }

  #waitingHandlers(): ApiHandlers {
    const handler = (method: ApiMethod) => async (params: never, session: never): Promise<never> =>
      (await (await this.#ready).controller.handlers[method](params, session)) as never;
    const handlers = Object.fromEntries((Object.keys(METHODS) as ApiMethod[]).map((method) => [method, handler(method)])) as unknown as ApiHandlers;
    return { ...handlers, configure: (request) => this.#inTurn(() => this.#configure(request)) };
  }
}

/** As reports and events name it. */
function nameOf({ files }: ConfigurationSource): string {
  return files.join(', ');
}

function isSame(one: ConfigurationSource, other: ConfigurationSource): boolean {
  return one.files.length === other.files.length && one.files.every((file, n) => resolve(file) === resolve(other.files[n]!));
}

function warningsOf({ diagnostics }: Pick<DesiredConfiguration, 'diagnostics'>): readonly string[] {
  return diagnostics.filter(({ severity }) => severity === 'warning').map(({ message }) => message);
}

/** All or none. */
async function applyAll(director: Director, commands: readonly ControlCommand[]): Promise<void> {
  const { results } = await director.controller.call('apply', { commands, atomic: true });
  const [refused] = results.filter((result) => !result.ok);
  if (refused !== undefined && !refused.ok) throw new LvsError(refused.error.code, refused.error.message);
}
