/**
 * Who is measured: each contender sets the director namespace up to answer for VIP (TCP and UDP) and takes itself away again.
 *   route    plain ip_forward to the real server's own address: what the topology can do without any director
 *   nft      nftables DNAT with connection tracking: the kernel's NAT (ip_vs is missing in many kernels)
 *   haproxy  TCP mode, two threads
 *   nginx    stream module, two workers
 *   tsipvs   this project, NAT
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { NAMESPACES, RIP, VIP, on, start, stop } from './topology.ts';

export interface Contender {
  readonly name: string;
  /** Address clients use. */
  readonly target: string;
  /** What it can carry: proxies do no UDP packets. */
  readonly udp: boolean;
  up(): Promise<() => Promise<void>>;
}

/** TCP ports that every contender forwards: iperf3, HTTP. */
export const IPERF_PORT = 5201;
export const HTTP_PORT = 80;
export const SINK_PORT = 9;

function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

async function listening(host: 'director' | 'server', port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (on(host, 'ss', ['-Htln', `sport = :${port}`]).trim() !== '') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port} of the ${host} after 5 s`);
}

function proxy(name: string, command: string, args: (file: string) => string[], config: (dir: string) => string): Contender {
  return {
    name, target: VIP, udp: false,
    async up() {
      const dir = mkdtempSync(join(tmpdir(), `tsbench-${name}-`));
      const file = join(dir, 'config');
      writeFileSync(file, config(dir));
      const child = start('director', command, args(file));
      let log = '';
      child.stderr!.on('data', (data: Buffer) => { log += data.toString(); });
      child.stdout!.resume();
      try {
        await listening('director', IPERF_PORT);
      } catch (error) {
        await stop(child);
        throw new Error(`${name}: ${(error as Error).message}: ${log.trim()}`);
      }
      return async () => { await stop(child); rmSync(dir, { recursive: true, force: true }); };
    },
  };
}

export const CONTENDERS: readonly Contender[] = [
  { name: 'route', target: RIP, udp: true, up: async () => async () => {} },
  {
    name: 'nft', target: VIP, udp: true,
    async up() {
      on('director', 'nft', ['-f', '-'], `table ip bench {\n chain pre {\n  type nat hook prerouting priority -100;\n  ip daddr ${VIP} meta l4proto { tcp, udp } dnat to ${RIP}\n }\n}\n`);
      return async () => { on('director', 'nft', ['delete', 'table', 'ip', 'bench']); };
    },
  },
  proxy('haproxy', 'haproxy', (file) => ['-db', '-f', file], () => [
    'global', ' nbthread 2', ' maxconn 4000', 'defaults', ' mode tcp', ' timeout connect 5s', ' timeout client 60s', ' timeout server 60s',
    ...[IPERF_PORT, HTTP_PORT].flatMap((port) => [`listen p${port}`, ` bind ${VIP}:${port}`, ` server s1 ${RIP}:${port}`]), '',
  ].join('\n')),
  proxy('nginx', 'nginx', (file) => ['-e', 'stderr', '-c', file], (dir) => [
    'load_module /usr/lib/nginx/modules/ngx_stream_module.so;', 'daemon off;', 'worker_processes 2;', `pid ${dir}/pid;`, 'error_log stderr crit;',
    'events { worker_connections 8192; }', 'stream {',
    ...[IPERF_PORT, HTTP_PORT].map((port) => ` server { listen ${VIP}:${port}; proxy_pass ${RIP}:${port}; }`), '}', '',
  ].join('\n')),
  {
    name: 'tsipvs', target: VIP, udp: true,
    async up() {
      const dir = mkdtempSync(join(tmpdir(), 'tsbench-tsipvs-'));
      const bin = join(projectRoot(), 'dist/bin');
      const socket = join(dir, 'socket');
      const rules = join(dir, 'rules');
      writeFileSync(rules, [['-t', IPERF_PORT], ['-t', HTTP_PORT], ['-u', SINK_PORT]].map(([flag, port]) =>
        `-A ${flag} ${VIP}:${port} -s rr\n-a ${flag} ${VIP}:${port} -r ${RIP}:${port} -m\n`).join(''));
      const child = start('director', process.execPath, [join(bin, 'tsipvsd.js'), '--interface', 'l0', '--interface', 'l1', '--rules', rules, '--socket', socket]);
      let log = '';
      child.stderr!.on('data', (data: Buffer) => { log += data.toString(); });
      await new Promise<void>((resolve, reject) => {
        child.stdout!.once('data', () => resolve());
        child.once('exit', (code) => reject(new Error(`tsipvsd ended with status ${code}: ${log.trim()}`)));
      });
      return async () => { await stop(child); rmSync(dir, { recursive: true, force: true }); };
    },
  },
];

export { NAMESPACES };
