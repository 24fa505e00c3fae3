/**
 * The bench topology: three network namespaces in a row, client -- director -- real server, joined by two veth pairs.
 * The VIP stands on the director, as an administrator of kernel IPVS would have it. Everything is removed by `down`.
 */
import { CIP, NAMESPACES, RIP, SINK_PORT, VIP, type Host } from './hosts.ts';
import { on, run } from './processes.ts';

export function macOf(host: Host, device: string): string {
  return on(host, 'cat', [`/sys/class/net/${device}/address`]).trim();
}

/** Packets received so far by a device. */
export function received(host: Host, device: string): number {
  return Number(on(host, 'cat', [`/sys/class/net/${device}/statistics/rx_packets`]));
}

export function up(): void {
  const { client, director, server } = NAMESPACES;
  for (const namespace of Object.values(NAMESPACES)) {
    run('ip', ['netns', 'add', namespace]);
    run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  }
  run('ip', ['link', 'add', 'c0', 'netns', client, 'type', 'veth', 'peer', 'name', 'l0', 'netns', director]);
  run('ip', ['link', 'add', 'l1', 'netns', director, 'type', 'veth', 'peer', 'name', 's0', 'netns', server]);
  const addresses: [string, string, string][] = [
    [client, 'c0', `${CIP}/24`], [director, 'l0', '198.51.100.1/24'], [director, 'l0', `${VIP}/32`],
    [director, 'l1', '10.1.0.254/24'], [server, 's0', `${RIP}/24`],
  ];
  for (const [namespace, device, address] of addresses) run('ip', ['-n', namespace, 'addr', 'add', address, 'dev', device]);
  for (const [host, device] of [['client', 'c0'], ['director', 'l0'], ['director', 'l1'], ['server', 's0']] as [Host, string][]) {
    run('ip', ['-n', NAMESPACES[host], 'link', 'set', device, 'up']);
    on(host, 'ethtool', ['-K', device, 'gro', 'on']);    // a veth without NAPI refuses frames of the generator
  }
  run('ip', ['-n', client, 'route', 'add', 'default', 'via', '198.51.100.1']);
  run('ip', ['-n', server, 'route', 'add', 'default', 'via', '10.1.0.254']);
  on('director', 'sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  // Clients, and proxies towards the real server, use many ports; queues of new connections must not be what is measured.
  for (const host of ['client', 'director', 'server'] as Host[]) on(host, 'sysctl', ['-qw', 'net.ipv4.ip_local_port_range=10000 65000', 'net.ipv4.tcp_max_syn_backlog=16384', 'net.core.somaxconn=65535']);
  on('server', 'nft', ['-f', '-'], `table netdev sink {\n chain in {\n  type filter hook ingress device "s0" priority 0;\n  udp dport ${SINK_PORT} drop\n }\n}\n`);
}

/** What is not there is no failure. */
export function down(): void {
  for (const namespace of Object.values(NAMESPACES)) {
    try { run('ip', ['netns', 'del', namespace]); } catch { /* was not there */ }
  }
}
