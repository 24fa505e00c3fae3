/**
 * The bench topology: three network namespaces in a row, client -- director -- real server, joined by two veth pairs.
 * The VIP stands on the director, as an administrator of kernel IPVS would have it. Everything is removed by `down`.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';

export const VIP = '192.0.2.10';
export const RIP = '10.1.0.1';
export const CIP = '198.51.100.2';

const CLIENT = 'tsbench-client', DIRECTOR = 'tsbench-director', SERVER = 'tsbench-server';
export const NAMESPACES = { client: CLIENT, director: DIRECTOR, server: SERVER } as const;
export type Host = keyof typeof NAMESPACES;

export function run(command: string, args: string[], input?: string): string {
  return execFileSync(command, args, { encoding: 'utf8', input, timeout: 120_000, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Run a command on one of the hosts and return its standard output. */
export function on(host: Host, command: string, args: string[] = [], input?: string): string {
  return run('ip', ['netns', 'exec', NAMESPACES[host], command, ...args], input);
}

/** Start a long-running command on one of the hosts. */
export function start(host: Host, command: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn('ip', ['netns', 'exec', NAMESPACES[host], command, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
}

export function macOf(host: Host, device: string): string {
  return on(host, 'cat', [`/sys/class/net/${device}/address`]).trim();
}

/** Packets received so far by a device. */
export function received(host: Host, device: string): number {
  return Number(on(host, 'cat', [`/sys/class/net/${device}/statistics/rx_packets`]));
}

export function up(): void {
  down();
  for (const name of Object.values(NAMESPACES)) {
    run('ip', ['netns', 'add', name]);
    run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  }
  run('ip', ['link', 'add', 'c0', 'netns', CLIENT, 'type', 'veth', 'peer', 'name', 'l0', 'netns', DIRECTOR]);
  run('ip', ['link', 'add', 'l1', 'netns', DIRECTOR, 'type', 'veth', 'peer', 'name', 's0', 'netns', SERVER]);
  const addresses: [string, string, string][] = [
    [CLIENT, 'c0', `${CIP}/24`], [DIRECTOR, 'l0', '198.51.100.1/24'], [DIRECTOR, 'l0', `${VIP}/32`],
    [DIRECTOR, 'l1', '10.1.0.254/24'], [SERVER, 's0', `${RIP}/24`],
  ];
  for (const [ns, device, address] of addresses) run('ip', ['-n', ns, 'addr', 'add', address, 'dev', device]);
  for (const [host, device] of [['client', 'c0'], ['director', 'l0'], ['director', 'l1'], ['server', 's0']] as [Host, string][]) {
    run('ip', ['-n', NAMESPACES[host], 'link', 'set', device, 'up']);
    on(host, 'ethtool', ['-K', device, 'gro', 'on']);    // a veth without NAPI refuses frames of the generator
  }
  run('ip', ['-n', CLIENT, 'route', 'add', 'default', 'via', '198.51.100.1']);
  run('ip', ['-n', SERVER, 'route', 'add', 'default', 'via', '10.1.0.254']);
  on('director', 'sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  // The sink of the packet-rate test: counted by the device, dropped before the stack answers.
  on('server', 'nft', ['-f', '-'], 'table netdev sink {\n chain in {\n  type filter hook ingress device "s0" priority 0;\n  udp dport 9 drop\n }\n}\n');
}

export function down(): void {
  for (const name of Object.values(NAMESPACES)) {
    try { run('ip', ['netns', 'del', name]); } catch { /* was not there */ }
  }
}

/** End a process we started and wait for it; kill it after two seconds. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    child.once('exit', () => { clearTimeout(timer); resolve(); });
    child.kill('SIGTERM');
  });
}
