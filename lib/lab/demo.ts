/**
 * `tsipvs lab demo`, what `npm start` ends in: every forwarding method with real packets, real tsipvsd and real tsipvsadm commands, and a
 * verdict that is exact: weighted round robin gives every server its weight's share to the last request.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientOrder, ClientResult } from './client-order.ts';
import { isAlive, readLabState } from './lab-state.ts';
import { drawTopology } from './picture.ts';
import { removeLab, RunningLab } from './running-lab.ts';
import { LabError } from './run-command.ts';
import { ECHO_PORT, HTTP_PORT, LAB_MODES, type LabMode, type LabTopology } from './topology.ts';

export interface DemoOptions {
  readonly mode: LabMode | 'all';
  readonly servers?: number;
  /** Requests through each virtual service. */
  readonly requests?: number;
  readonly prefix?: string;
  readonly print: (text: string) => void;
}

/** One virtual service of a demonstration. */
export interface DemoService {
  readonly title: string;
  readonly kind: 'http' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly destinations: readonly DemoDestination[];
}
export interface DemoDestination { readonly name: string; readonly address: string; readonly weight: number; readonly options: readonly string[] }

/** One round: services set up, used, checked and cleared. */
export interface DemoRound { readonly title: string; readonly services: readonly DemoService[] }

/** What a demonstration is played on: namespaces with the real programs, or the simulated network. */
export interface DemoStage {
  readonly topology: LabTopology;
  /** Run tsipvsadm with these arguments; what it prints. */
  command(argv: readonly string[]): Promise<string>;
  send(order: ClientOrder): Promise<ClientResult>;
  /** Wait until --stats shows all that was sent: it shows what the estimator last took, every 2 s, as the kernel does. */
  settle(): Promise<void>;
}

export const DEMO_PREFIX = 'tsipvs-demo';
const DEFAULT_REQUESTS = 300;
export const STATS_PERIOD_MS = 2_100;

/** Runs the demonstration; the number of things that did not hold. Leaves nothing behind. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const prefix = options.prefix ?? DEMO_PREFIX;
  const owner = readLabState(prefix)?.owner;
  if (owner !== undefined && isAlive(owner)) throw new LabError(`a demonstration is running already (process ${owner.pid})`);
  await removeLab(prefix);
  let failures = 0;
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  // NB: not `once`: a second Ctrl-C must not end us half-way through taking down.
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    for (const mode of options.mode === 'all' ? LAB_MODES : [options.mode]) {
      if (!interrupted.signal.aborted) failures += await demonstrate(mode, prefix, options, interrupted.signal);
    }
  } catch (error) {
    // A Ctrl-C reaches the commands we were running too; that they ended is no news then.
    if (!interrupted.signal.aborted) throw error;
  } finally {
    await removeLab(prefix);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  if (interrupted.signal.aborted) throw new LabError('interrupted; everything was taken down');
  return failures;
}

/** What is shown in a mode, as data; weights fall from the number of servers to 1. */
export function demoRounds(topology: LabTopology): DemoRound[] {
  const { mode } = topology;
  const weights = topology.servers.map((_, i) => topology.servers.length - i);
  const http = (title: string, family: 4 | 6, method: readonly string[]): DemoService =>
    ({ title, kind: 'http', address: family === 4 ? topology.vip4 : topology.vip6, port: HTTP_PORT, destinations: destinations(topology, weights, family, method) });
  const udp = (family: 4 | 6, method: readonly string[]): DemoService =>
    ({ ...http(`UDP, IPv${family}`, family, method), kind: 'udp', port: ECHO_PORT });
  const tcp = (method: readonly string[]): DemoService[] => [http('TCP, IPv4', 4, method), http('TCP, IPv6', 6, method)];
  switch (mode) {
    case 'nat': return [{ title: 'NAT', services: [...tcp(['-m']), udp(4, ['-m'])] }];
    case 'dr': return [{ title: 'direct routing', services: [...tcp(['-g']), udp(4, ['-g'])] }];
    case 'tun': return [
      { title: 'tunnel: IP in IP', services: tcp(['-i']) },
      { title: 'tunnel: GUE', services: tcp(['-i', '--tun-type', 'gue', '--tun-port', '6080']) },
      { title: 'tunnel: GRE', services: tcp(['-i', '--tun-type', 'gre']) },
    ];
    case 'local': return [{ title: 'local node', services: tcp(['-m']) }];
  }
}

/** Requests that every server gets, exact for whole turns of weighted round robin. */
export function expectedShares(service: DemoService, requests: number): Record<string, number> {
  const sum = service.destinations.reduce((total, d) => total + d.weight, 0);
  return Object.fromEntries(service.destinations.map((d) => [d.name, Math.floor(requests / sum) * d.weight]));
}

/** The tsipvsadm commands of a service, as one would type them. */
export function serviceCommands(service: DemoService): string[][] {
  const virtual = [service.kind === 'udp' ? '-u' : '-t', endpoint(service.address, service.port)];
  return [
    ['-A', ...virtual, '-s', 'wrr'],
    ...service.destinations.map((d) => ['-a', ...virtual, '-r', endpoint(d.address, service.port), ...d.options, '-w', String(d.weight)]),
  ];
}

export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** One line about what a service gave, and whether it is exactly right. */
export function judge(service: DemoService, requests: number, result: ClientResult): { readonly holds: boolean; readonly line: string } {
  const expected = expectedShares(service, requests);
  const total = Object.values(expected).reduce((a, b) => a + b, 0);
  const shares = service.destinations.map((d) => `${d.name} ${result.answers[d.name] ?? 0} (weight ${d.weight})`).join(', ');
  const strangers = Object.keys(result.answers).filter((name) => expected[name] === undefined);
  const lost = Object.entries(result.failures).map(([reason, n]) => `${n} ${reason}`);
  const holds = lost.length === 0 && strangers.length === 0 && Object.entries(expected).every(([name, n]) => result.answers[name] === n);
  const trouble = holds ? '' : `; expected ${Object.entries(expected).map(([n, c]) => `${n} ${c}`).join(', ')}${lost.length > 0 ? `; failed: ${lost.join(', ')}` : ''}`;
  return { holds, line: `${holds ? 'ok   ' : 'WRONG'} ${service.title}: ${total} requests in ${(result.elapsedMs / 1000).toFixed(1)} s: ${shares}${trouble}` };
}

async function demonstrate(mode: LabMode, prefix: string, options: DemoOptions, signal: AbortSignal): Promise<number> {
  const { print } = options;
  const lab = await RunningLab.start({ mode, prefix, ...(options.servers === undefined ? {} : { servers: options.servers }) });
  let failures = 0;
  try {
    print(`\n${'='.repeat(100)}\n${drawTopology(lab.topology)}`);
    print(`director# tsipvsd ${lab.topology.director.interfaces.map((i) => `--interface ${i.name}`).join(' ')} &`);
    await lab.startDaemon();
    const stage: DemoStage = {
      topology: lab.topology,
      command: async (argv) => (await lab.command(argv)).stdout,
      send: (order) => lab.send(order),
      settle: () => sleep(STATS_PERIOD_MS),
    };
    for (const round of demoRounds(lab.topology)) {
      if (!signal.aborted) failures += await playRound(stage, round, options, signal);
    }
    await lab.stopDaemon();
  } finally {
    await lab.stop();
  }
  return failures;
}

/** One round on a stage; the number of things that did not hold. */
export async function playRound(stage: DemoStage, round: DemoRound, options: Pick<DemoOptions, 'print' | 'requests'>, signal?: AbortSignal): Promise<number> {
  const { print, requests = DEFAULT_REQUESTS } = options;
  print(`--- ${round.title}`);
  for (const argv of round.services.flatMap(serviceCommands)) {
    print(`director# tsipvsadm ${argv.join(' ')}`);
    await stage.command(argv);
  }
  const lines: string[] = [];
  let failures = 0;
  for (const service of round.services) {
    if (signal?.aborted) return 0;
    const total = Object.values(expectedShares(service, requests)).reduce((a, b) => a + b, 0);
    const result = await stage.send({ kind: service.kind, address: service.address, port: service.port, count: total });
    const { holds, line } = judge(service, requests, result);
    if (!holds) failures++;
    lines.push(line);
  }
  await stage.settle();
  const table = await stage.command(['-Ln', '--stats']);
  print(`director# tsipvsadm -Ln --stats\n${table.trimEnd()}`);
  for (const service of round.services) {
    const miscounted = miscounts(table, service, expectedShares(service, requests));
    failures += miscounted.length;
    lines.push(...miscounted.map((m) => `WRONG ${service.title}: the table counts ${m}`));
  }
  for (const line of lines) print(line);
  await stage.command(['-C']);
  return failures;
}

function destinations(topology: LabTopology, weights: readonly number[], family: 4 | 6, method: readonly string[]): DemoDestination[] {
  return topology.servers.map((server, i): DemoDestination => {
    const isLocal = topology.mode === 'local' && i === 0;
    const address = isLocal ? (family === 4 ? topology.director4 : topology.director6) : family === 4 ? server.address4 : server.address6;
    return { name: isLocal ? 'director' : server.name, address, weight: weights[i]!, options: isLocal ? ['-g'] : method };
  });
}

/** Connections in the -Ln --stats table that are not what was sent. */
function miscounts(table: string, service: DemoService, expected: Readonly<Record<string, number>>): string[] {
  const virtual = `${service.kind === 'udp' ? 'UDP' : 'TCP'}  ${endpoint(service.address, service.port)} `;
  const lines = table.split('\n');
  const start = lines.findIndex((l) => l.startsWith(virtual));
  const rows = new Map<string, number>();
  for (let i = start + 1; start >= 0 && lines[i]?.startsWith('  -> '); i++) {
    const [, address = '', conns = ''] = lines[i]!.trim().split(/\s+/);
    rows.set(address, Number(conns));
  }
  return service.destinations.filter((d) => rows.get(endpoint(d.address, service.port)) !== expected[d.name])
    .map((d) => `${rows.get(endpoint(d.address, service.port)) ?? 'nothing'} for ${d.name} instead of ${expected[d.name]}`);
}
