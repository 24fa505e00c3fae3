/**
 * Builds a described laboratory out of network namespaces, veth pairs and bridges, and takes it down again. One `ip -batch` a host:
 * a laboratory stands in about half a second. All bridges live in the network namespace, so the host's own namespace gains nothing.
 */
import { existsSync, readdirSync } from 'node:fs';
import { killProcesses } from './lab-process.ts';
import { processStartTicks } from './lab-state.ts';
import { LabError, runCommand } from './run-command.ts';
import { allHosts, type LabHost, type LabTopology } from './topology.ts';

const NAMESPACE_DIRECTORY = '/run/netns';

/** Namespaces start without duplicate address detection, router advertisements and reverse-path filters: addresses work at once. */
const BASE_SYSCTLS: readonly (readonly [string, string])[] = [
  ['net/ipv6/conf/all/accept_dad', '0'], ['net/ipv6/conf/default/accept_dad', '0'],
  ['net/ipv6/conf/all/accept_ra', '0'], ['net/ipv6/conf/default/accept_ra', '0'],
  ['net/ipv4/conf/all/rp_filter', '0'], ['net/ipv4/conf/default/rp_filter', '0'],
];

/** Why network namespaces cannot be made here, or null: as root in a container they often cannot. */
export async function whyNoNamespaces(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'without root there are no network namespaces';
  try {
    const { status, stderr } = await runCommand(['unshare', '--net', '--mount', 'ip', 'link', 'set', 'lo', 'up'], { mayFail: true });
    return status === 0 ? null : `network namespaces cannot be made here (${stderr.trim().split('\n')[0] ?? 'unshare failed'})`;
  } catch (error) {
    return (error as Error).message;
  }
}

export function namespaceExists(namespace: string): boolean {
  return existsSync(`${NAMESPACE_DIRECTORY}/${namespace}`);
}

export function listNamespaces(): string[] {
  return existsSync(NAMESPACE_DIRECTORY) ? readdirSync(NAMESPACE_DIRECTORY) : [];
}

export async function buildNamespaces(topology: LabTopology): Promise<void> {
  const hosts = allHosts(topology);
  for (const host of hosts) await runCommand(['ip', 'netns', 'add', host.namespace]);
  await Promise.all(hosts.map((host) => writeSysctls(host.namespace, BASE_SYSCTLS)));
  await batch(topology.network.namespace, networkCommands(topology, hosts.slice(1)));
  if (topology.network.interfaces.some((i) => i.addresses.length > 0)) {
    await writeSysctls(topology.network.namespace, [['net/ipv4/ip_forward', '1'], ['net/ipv6/conf/all/forwarding', '1']]);
  }
  await Promise.all(hosts.slice(1).map((host) => batch(host.namespace, hostCommands(host))));
}

/** Removes namespaces; whoever still runs in them is told to end first, because it would keep them alive unseen. */
export async function removeNamespaces(namespaces: readonly string[]): Promise<void> {
  for (const namespace of namespaces) {
    if (!namespaceExists(namespace)) continue;
    const { stdout } = await runCommand(['ip', 'netns', 'pids', namespace], { mayFail: true });
    const pids = stdout.split('\n').map(Number).filter((pid) => pid > 1 && pid !== process.pid);
    await killProcesses(pids.map((pid) => ({ what: `in ${namespace}`, pid, startTicks: processStartTicks(pid) ?? '' })));
    await runCommand(['ip', 'netns', 'del', namespace], { mayFail: true });
    if (namespaceExists(namespace)) throw new LabError(`namespace ${namespace} could not be removed: try "ip netns del ${namespace}"`);
  }
}

/** Write sysctls, given as paths below /proc/sys, in a namespace. */
export async function writeSysctls(namespace: string | null, settings: readonly (readonly [string, string])[]): Promise<void> {
  if (settings.length === 0) return;
  const script = 'while [ $# -gt 1 ]; do echo "$2" > "/proc/sys/$1" || exit 1; shift 2; done';
  await runCommand(['sh', '-c', script, 'sh', ...settings.flat()], { namespace });
}

function networkCommands(topology: LabTopology, hosts: readonly LabHost[]): string[] {
  const commands = ['link set lo up'];
  for (const bridge of topology.network.interfaces) {
    commands.push(`link add ${bridge.name} address ${bridge.mac} type bridge forward_delay 0 mcast_snooping 0`, `link set ${bridge.name} up`);
    for (const address of bridge.addresses) commands.push(`addr add ${address} dev ${bridge.name}${noDad(address)}`);
  }
  for (const host of hosts) {
    for (const iface of host.interfaces) {
      const port = `${host.name}.${iface.name}`;
      commands.push(`link add ${port} type veth peer name ${iface.name} address ${iface.mac} netns ${host.namespace}`,
        `link set ${port} master ${iface.segment}`, `link set ${port} up`);
    }
  }
  return commands;
}

function hostCommands(host: LabHost): string[] {
  const commands = ['link set lo up'];
  for (const iface of host.interfaces) {
    commands.push(`link set ${iface.name} up`);
    for (const address of iface.addresses) commands.push(`addr add ${address} dev ${iface.name}${noDad(address)}${asVip(address)}`);
  }
  for (const route of host.routes) commands.push(`${route.via.includes(':') ? '-6 ' : ''}route add ${route.to} via ${route.via}`);
  return commands;
}

async function batch(namespace: string, commands: readonly string[]): Promise<void> {
  // `ip -batch` takes no family per line, so IPv6 routes go in a second run.
  const six = commands.filter((c) => c.startsWith('-6 ')).map((c) => c.slice(3));
  await runCommand(['ip', '-n', namespace, '-batch', '-'], { input: `${commands.filter((c) => !c.startsWith('-6 ')).join('\n')}\n` });
  if (six.length > 0) await runCommand(['ip', '-n', namespace, '-6', '-batch', '-'], { input: `${six.join('\n')}\n` });
}

function noDad(address: string): string {
  return address.includes(':') ? ' nodad' : '';
}

/** A VIP must not become the source of the host's own connections: deprecated, as keepalived adds IPv6 VIPs too (RFC 6724 rule 3). */
function asVip(address: string): string {
  return address.endsWith('/128') ? ' preferred_lft 0' : '';
}
