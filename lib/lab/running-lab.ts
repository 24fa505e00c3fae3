/**
 * A laboratory that stands: real servers serving, client ready, a director whose daemon can be started, killed and commanded.
 * What `tsipvs lab`, the demo and the system tests all use.
 */
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClientOrder, ClientResult } from './client-order.ts';
import { programPath, startProcess, stopProcesses } from './lab-process.ts';
import { isAlive, labDirectory, type LabProcess, type LabState, processStartTicks, readLabState, removeLabState, writeLabState } from './lab-state.ts';
import { buildNamespaces, listNamespaces, namespaceExists, removeNamespaces } from './namespaces.ts';
import { logOf, setupRealServer } from './realserver/realserver.ts';
import { savedChangesFile } from './realserver/saved-changes.ts';
import { type CommandResult, LabError, runCommand } from './run-command.ts';
import { allHosts, describeTopology, isLabNamespace, type LabServer, type LabTopology, MAX_SERVERS, type TopologyOptions, DEFAULT_PREFIX } from './topology.ts';

/** Source ports of requests: below the kernel's ephemeral ones. */
const FIRST_PORT = 1_100, LAST_PORT = 32_000;
const READY_TIMEOUT_MS = 20_000;

export interface DaemonOptions {
  readonly args?: readonly string[];
  /** Interfaces of the director to listen on; default: all it has. */
  readonly interfaces?: readonly string[];
}

export class RunningLab {
  readonly topology: LabTopology;
  /** Words that every daemon started here gets, e.g. --device. */
  daemonArgs: readonly string[] = [];
  #state: LabState;
  #daemons = 0;
  #nextPort = FIRST_PORT;
  #daemon: LabProcess | null = null;

  private constructor(topology: LabTopology, state: LabState) {
    this.topology = topology;
    this.#state = state;
  }

  /** Build everything but the daemon. What fails half-way is taken down again. */
  static async start(options: TopologyOptions): Promise<RunningLab> {
    requireMeans(options);
    const prefix = options.prefix ?? DEFAULT_PREFIX;
    const topology = describeTopology({ ...options, prefix });
    const namespaces = allHosts(topology).map((h) => h.namespace);
    if (readLabState(prefix) !== null) throw new LabError(`a laboratory is up already (${prefix}): "tsipvs lab down" removes it`);
    const taken = namespaces.find(namespaceExists);
    if (taken !== undefined) throw new LabError(`namespace ${taken} exists already, left by an earlier laboratory: "tsipvs lab down" removes it`);
    const owner: LabProcess = { what: 'owner', pid: process.pid, startTicks: processStartTicks(process.pid) ?? '' };
    const state: LabState = { options: { ...options, prefix }, owner, namespaces, processes: [] };
    writeLabState(state);
    const lab = new RunningLab(topology, state);
    try {
      await buildNamespaces(topology);
      await Promise.all(topology.servers.map((server) => lab.#prepareServer(server)));
      if (topology.mode === 'local') await lab.startServer('director', topology.director.namespace, [topology.vip4, topology.vip6, topology.director4, topology.director6]);
    } catch (error) {
      await removeLab(prefix);
      throw error;
    }
    return lab;
  }

  get socket(): string {
    return join(labDirectory(this.topology.prefix), 'tsipvsd.sock');
  }

  get daemon(): LabProcess | null {
    return this.#daemon;
  }

  /** Where the daemon started last writes. */
  get daemonLog(): string {
    return this.#log(`tsipvsd-${this.#daemons}`);
  }

  get environment(): NodeJS.ProcessEnv {
    return labEnvironment(this.topology.prefix);
  }

  async startServer(name: string, namespace: string, udpAddresses: readonly string[]): Promise<LabProcess> {
    const argv = [process.execPath, programPath('lib/lab/server-process.js'), name, ...udpAddresses];
    return this.#remember(await startProcess({ what: `server-${name}`, log: this.#log(`server-${name}`), namespace, argv, readyPattern: /serving/ }));
  }

  async startDaemon(options: DaemonOptions = {}): Promise<LabProcess> {
    const interfaces = options.interfaces ?? this.topology.director.interfaces.map((i) => i.name);
    const argv = [process.execPath, commandPath('tsipvsd'), '--socket', this.socket, ...interfaces.flatMap((i) => ['--interface', i]), ...this.daemonArgs, ...(options.args ?? [])];
    this.#daemons++;
    this.#daemon = this.#remember(await startProcess({
      what: 'tsipvsd', log: this.daemonLog, namespace: this.topology.director.namespace, argv, readyPattern: / ready: /, readyTimeoutMs: READY_TIMEOUT_MS,
    }));
    return this.#daemon;
  }

  /** SIGTERM, as an administrator would. */
  async stopDaemon(): Promise<void> {
    if (this.#daemon !== null) await stopProcesses([this.#daemon], 5_000);
    this.#daemon = null;
  }

  /** kill -9. */
  killDaemon(): void {
    if (this.#daemon !== null && isAlive(this.#daemon)) process.kill(this.#daemon.pid, 'SIGKILL');
    this.#daemon = null;
  }

  /** Run tsipvsadm against this laboratory's daemon. */
  command(args: readonly string[], options: { readonly input?: string; readonly mayFail?: boolean; readonly as?: string } = {}): Promise<CommandResult> {
    return runCommand([process.execPath, commandPath('tsipvsadm'), ...args], { ...options, env: this.environment });
  }

  async send(order: ClientOrder, timeoutMs?: number): Promise<ClientResult> {
    return (await this.sendAll([order], timeoutMs))[0]!;
  }

  /** Several orders side by side. */
  async sendAll(orders: readonly ClientOrder[], timeoutMs = 60_000): Promise<ClientResult[]> {
    const numbered = orders.map((order) => ({ firstPort: this.#takePorts(order), ...order }));
    const argv = [process.execPath, programPath('lib/lab/client-process.js'), JSON.stringify(numbered)];
    const { stdout } = await runCommand(argv, { namespace: this.topology.client.namespace, timeoutMs });
    return JSON.parse(stdout) as ClientResult[];
  }

  /** Run a program on a host of the laboratory ("client", "director", "rs1"). */
  run(host: string, argv: readonly string[], options: { readonly mayFail?: boolean; readonly timeoutMs?: number } = {}): Promise<CommandResult> {
    return runCommand(argv, { ...options, namespace: namespaceOf(this.topology, host), env: this.environment });
  }

  async stop(): Promise<void> {
    await removeLab(this.topology.prefix);
  }

  async stopProcess(target: LabProcess): Promise<void> {
    await stopProcesses([target]);
  }

  async #prepareServer(server: LabServer): Promise<void> {
    const { mode, vip4, vip6 } = this.topology;
    const direct = mode === 'dr' || mode === 'tun';
    if (direct) await setupRealServer({ mode, vips: [vip4, vip6], tunnel: 'any', namespace: server.namespace });
    await this.startServer(server.name, server.namespace, [server.address4, server.address6, ...(direct ? [vip4, vip6] : [])]);
  }

  #takePorts(order: ClientOrder): number {
    const needed = order.kind === 'http' || order.kind === 'udp' ? order.count : 0;
    const first = this.#nextPort + needed > LAST_PORT ? FIRST_PORT : this.#nextPort;
    this.#nextPort = first + needed;
    return first;
  }

  #log(what: string): string {
    return join(labDirectory(this.topology.prefix), `${what}.log`);
  }

  #remember(started: LabProcess): LabProcess {
    this.#state = { ...this.#state, processes: [...this.#state.processes, started] };
    writeLabState(this.#state);
    return started;
  }
}

/** Remove every trace of a laboratory, also one whose state file is gone or whose build broke off. Returns what was removed. */
export async function removeLab(prefix: string): Promise<string[]> {
  const state = readLabState(prefix);
  const removed: string[] = [];
  const running = (state?.processes ?? []).filter(isAlive);
  await stopProcesses(running);
  removed.push(...running.map((p) => `${p.what} (process ${p.pid})`));
  const namespaces = [...new Set([...(state?.namespaces ?? []), ...listNamespaces().filter((n) => isLabNamespace(prefix, n))])].filter(namespaceExists);
  const saved = namespaces.map((n) => savedChangesFile(n));
  await removeNamespaces(namespaces);
  for (const file of saved) for (const f of [file, logOf(file)]) rmSync(f, { force: true });
  removed.push(...namespaces.map((n) => `namespace ${n}`));
  if (existsSync(labDirectory(prefix))) removed.push(labDirectory(prefix));
  removeLabState(prefix);
  return removed;
}

/** Environment in which tsipvsadm, tsipvs and ipvsadm by name work on a laboratory. */
export function labEnvironment(prefix: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${dirname(commandPath('tsipvs'))}:${process.env['PATH'] ?? ''}`, TSIPVS_SOCKET: join(labDirectory(prefix), 'tsipvsd.sock') };
}

export function namespaceOf(topology: LabTopology, host: string): string {
  const found = allHosts(topology).find((h) => h.name === host || h.namespace === host);
  if (found === undefined) throw new LabError(`no host "${host}" in this laboratory; there are ${allHosts(topology).map((h) => h.name).join(', ')}`);
  return found.namespace;
}

/** One of our own commands, bundled or as compiled. */
export function commandPath(name: 'tsipvs' | 'tsipvsadm' | 'tsipvsd'): string {
  return programPath(`bin/${name}.js`, `cli/${name}.js`);
}

function requireMeans(options: TopologyOptions): void {
  const servers = options.servers ?? 3;
  if (!Number.isInteger(servers) || servers < 1 || servers > MAX_SERVERS) throw new LabError(`--servers must be 1 to ${MAX_SERVERS}`);
  if (process.getuid?.() !== 0) throw new LabError('the laboratory needs root (network namespaces); "tsipvs lab demo --memory" shows the same without');
}

/** Whether anything of a laboratory exists, complete or not. */
export function isLabPresent(prefix: string): boolean {
  return existsSync(labDirectory(prefix)) || listNamespaces().some((n) => isLabNamespace(prefix, n));
}
