/** `tsipvs lab`: a network to learn and try things in. up, down, status, exec; the demo is in demo.ts. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { DEMO_PREFIX } from './demo.ts';
import { drawTopology } from './picture.ts';
import { isAlive, labDirectory, type LabState, readLabState } from './lab-state.ts';
import { commandPath, isLabPresent, labEnvironment, namespaceOf, removeLab, RunningLab } from './running-lab.ts';
import { inNamespace, LabError } from './run-command.ts';
import { DEFAULT_PREFIX, describeTopology, HTTP_PORT, LAB_MODES, type LabMode, type LabTopology } from './topology.ts';

export interface LabOptions {
  readonly mode: LabMode | 'all';
  readonly servers?: number;
  /** Put the VIP on the director's own stack (default), or only route it there. */
  readonly vipOnHost?: boolean;
  /** Leave starting tsipvsd to the user. */
  readonly noDaemon?: boolean;
}

export type Print = (text: string) => void;

/** One laboratory is called "tsipvs"; of all four at once each is called after its mode. */
function prefixes(mode: LabMode | 'all'): [LabMode, string][] {
  return mode === 'all' ? LAB_MODES.map((m) => [m, `${DEFAULT_PREFIX}-${m}`]) : [[mode, DEFAULT_PREFIX]];
}

/** Left by a demonstration that was killed. */
function brokenDemo(): string[] {
  const owner = readLabState(DEMO_PREFIX)?.owner;
  return isLabPresent(DEMO_PREFIX) && (owner === undefined || !isAlive(owner)) ? [DEMO_PREFIX] : [];
}

const ALL_PREFIXES = [DEFAULT_PREFIX, ...LAB_MODES.map((m) => `${DEFAULT_PREFIX}-${m}`)];

export async function up(options: LabOptions, print: Print): Promise<void> {
  for (const [mode, prefix] of prefixes(options.mode)) {
    const lab = await RunningLab.start({ mode, prefix, ...(options.servers === undefined ? {} : { servers: options.servers }), vipOnHost: options.vipOnHost ?? true });
    if (options.noDaemon !== true) {
      try {
        await lab.startDaemon();
      } catch (error) {
        await lab.stop();
        throw error;
      }
    }
    print(`${drawTopology(lab.topology)}\n${thingsToTry(lab.topology, options.noDaemon === true)}\n`);
  }
}

/** Removes the laboratories of `up`, running or half-built. */
export async function down(mode: LabMode | 'all' | null, print: Print): Promise<void> {
  let removed = 0;
  for (const prefix of [...ALL_PREFIXES, ...brokenDemo()]) {
    const state = readLabState(prefix);
    if (mode !== null && mode !== 'all' && state !== null && state.options.mode !== mode) continue;
    if (mode !== null && mode !== 'all' && state === null && prefix !== DEFAULT_PREFIX && !prefix.endsWith(mode)) continue;
    const lines = await removeLab(prefix);
    removed += lines.length;
    for (const line of lines) print(`removed ${line}`);
  }
  if (removed === 0) print('no laboratory is up');
}

export function status(print: Print): void {
  const present = ALL_PREFIXES.filter(isLabPresent);
  if (present.length === 0) print('no laboratory is up: "tsipvs lab up --mode nat" builds one');
  for (const prefix of present) {
    const state = readLabState(prefix);
    if (state === null) {
      print(`${prefix}: broken off while being built or removed; "tsipvs lab down" cleans up`);
      continue;
    }
    print(`${drawTopology(describeTopology(state.options))}`);
    for (const p of state.processes) print(`  ${p.what.padEnd(16)} process ${String(p.pid).padEnd(8)} ${isAlive(p) ? 'running' : 'ended'}`);
    print(`  logs in ${labDirectory(prefix)}\n`);
  }
}

/** Run a command on a host of a laboratory, with our commands on PATH and their socket set. Resolves with its exit status. */
export function exec(mode: LabMode | null, host: string, argv: readonly string[]): Promise<number> {
  const state = findLab(mode);
  const namespace = namespaceOf(describeTopology(state.options), host);
  const [program, ...args] = inNamespace(namespace, argv.length === 0 ? ['sh'] : argv);
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { stdio: 'inherit', env: { ...labEnvironment(state.options.prefix), PS1: `${host}# ` } });
    // The terminal sends Ctrl-C to the child too; it decides.
    const ignore = (): void => { /* wait for the child */ };
    process.on('SIGINT', ignore);
    child.once('error', (error) => reject(new LabError(`${argv.join(' ')}: ${error.message}`)));
    child.once('exit', (code, signal) => { process.off('SIGINT', ignore); resolve(code ?? (signal === 'SIGINT' ? 130 : 128)); });
  });
}

function findLab(mode: LabMode | null): LabState {
  const states = ALL_PREFIXES.map(readLabState).filter((s): s is LabState => s !== null);
  const fitting = states.filter((s) => mode === null || s.options.mode === mode);
  if (fitting.length === 0) throw new LabError(mode === null ? 'no laboratory is up: "tsipvs lab up --mode nat" builds one' : `no laboratory of mode ${mode} is up: "tsipvs lab up --mode ${mode}" builds one`);
  if (fitting.length > 1) throw new LabError(`several laboratories are up: say which with --mode ${fitting.map((s) => s.options.mode).join(', ')}`);
  return fitting[0]!;
}

function thingsToTry(topology: LabTopology, noDaemon: boolean): string {
  const { mode, vip4, vip6 } = topology;
  const method = { nat: '-m', dr: '-g', tun: '-i', local: '-m' }[mode];
  const on = (host: string, command: string): string => `  tsipvs lab exec --mode ${mode} ${host} -- ${command}`;
  const destinations = mode === 'local' ? [topology.director4, ...topology.servers.slice(0, 2).map((s) => s.address4)] : topology.servers.map((s) => s.address4);
  const first = topology.servers[0]!;
  return [
    ...(onPath('tsipvs') ? [] : [`In your shell: export PATH=${dirname(commandPath('tsipvs'))}:$PATH`]),
    'Try:',
    ...(noDaemon ? [on('director', `tsipvsd ${topology.director.interfaces.map((i) => `--interface ${i.name}`).join(' ')} &`)] : []),
    on('director', `tsipvsadm -A -t ${vip4}:${HTTP_PORT} -s wrr`),
    ...destinations.map((address, i) => on('director', `tsipvsadm -a -t ${vip4}:${HTTP_PORT} -r ${address}:${HTTP_PORT} ${mode === 'local' && i === 0 ? '-g' : method} -w ${destinations.length - i}`)),
    on('client', `curl http://${vip4}/`),
    on('director', 'tsipvsadm -Ln --stats'),
    on('director', `tsipvsadm -A -t [${vip6}]:${HTTP_PORT} -s wlc`),
    on('director', `tsipvsadm -a -t [${vip6}]:${HTTP_PORT} -r [${first.address6}]:${HTTP_PORT} ${method}`),
    on('client', `curl -g 'http://[${vip6}]/'`),
    on(first.name, 'tcpdump -ni eth0'),
    '  tsipvs lab down',
  ].join('\n');
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));
}
