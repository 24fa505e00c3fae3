/**
 * Who else is measured: each contender sets the director up to answer for VIP and takes itself away again.
 *   route    plain ip_forward to the real server's own address: what the topology can do without any director
 *   nft      nftables DNAT with connection tracking: the kernel's NAT (ip_vs is missing in many kernels)
 *   haproxy  TCP mode, two threads
 *   nginx    stream module, two workers
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from './contender.ts';
import { HTTP_PORT, IPERF_PORT, RIP, VIP } from './hosts.ts';
import { listening, on, start, stop } from './processes.ts';

const HAPROXY = [
  'global', ' nbthread 2', ' maxconn 8000', 'defaults', ' mode tcp', ' timeout connect 5s', ' timeout client 60s', ' timeout server 60s',
  ...[IPERF_PORT, HTTP_PORT].flatMap((port) => [`listen p${port}`, ` bind ${VIP}:${port}`, ` server s1 ${RIP}:${port}`]), '',
].join('\n');

const nginx = (dir: string): string => [
  'load_module /usr/lib/nginx/modules/ngx_stream_module.so;', 'daemon off;', 'worker_processes 2;', `pid ${dir}/pid;`, 'error_log stderr crit;',
  'events { worker_connections 8192; }', 'stream {',
  ...[IPERF_PORT, HTTP_PORT].map((port) => ` server { listen ${VIP}:${port} backlog=4096; proxy_pass ${RIP}:${port}; }`), '}', '',
].join('\n');

export const PEERS: readonly Contender[] = [
  { name: 'route', title: 'plain routing', target: RIP, udp: true, ours: null, up: async () => ({ pid: 0, down: async () => {} }) },
  {
    name: 'nft', title: 'nftables DNAT', target: VIP, udp: true, ours: null,
    async up() {
      on('director', 'nft', ['-f', '-'], `table ip bench {\n chain pre {\n  type nat hook prerouting priority -100;\n  ip daddr ${VIP} meta l4proto { tcp, udp } dnat to ${RIP}\n }\n}\n`);
      return { pid: 0, down: async () => { on('director', 'nft', ['delete', 'table', 'ip', 'bench']); } };
    },
  },
  proxy('haproxy', 'haproxy, TCP mode', 'haproxy', (file) => ['-db', '-f', file], () => HAPROXY),
  proxy('nginx', 'nginx stream', 'nginx', (file) => ['-e', 'stderr', '-c', file], nginx),
];

function proxy(name: string, title: string, command: string, args: (file: string) => string[], config: (dir: string) => string): Contender {
  return {
    name, title, target: VIP, udp: false, ours: null,
    async up() {
      const dir = mkdtempSync(join(tmpdir(), `tsbench-${name}-`));
      const down = async (): Promise<void> => { await stop(child); rmSync(dir, { recursive: true, force: true }); };
      const file = join(dir, 'config');
      writeFileSync(file, config(dir));
      const child = start('director', command, args(file));
      let log = '';
      child.stderr!.on('data', (data: Buffer) => { log += data.toString(); });
      child.stdout!.resume();
      try {
        for (const port of [IPERF_PORT, HTTP_PORT]) await listening('director', port);
      } catch (error) {
        await down();
        throw new Error(`${name}: ${(error as Error).message}: ${log.trim()}`);
      }
      return { pid: child.pid!, down };
    },
  };
}
