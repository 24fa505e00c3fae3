/** tsipvs, NAT, in each shape this build has: every device of its own, with one data-plane worker and with two. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../lib/control/api/client.ts';
import type { Contender } from './contender.ts';
import { HTTP_PORT, IPERF_PORT, RIP, SINK_PORT, VIP } from './hosts.ts';
import { PROJECT_ROOT, start, stop } from './processes.ts';

const BIN = join(PROJECT_ROOT, 'dist/bin');
/** pcap is lab grade. */
const DEVICES = ['packet', 'xdp'];
const WORKERS = [1, 2];

const SERVICES: readonly (readonly [flag: string, port: number])[] = [['-t', IPERF_PORT], ['-t', HTTP_PORT], ['-u', SINK_PORT]];
const RULES = SERVICES.map(([flag, port]) => `-A ${flag} ${VIP}:${port} -s rr\n-a ${flag} ${VIP}:${port} -r ${RIP}:${port} -m\n`).join('');

/** Asks the daemon what it can do. */
export function ourContenders(): Contender[] {
  const help = execFileSync(process.execPath, [join(BIN, 'tsipvsd.js'), '--help'], { encoding: 'utf8' });
  const devices = /--device[\s\S]*?choices:([^\]]*)/.exec(help)?.[1] ?? '';
  const severalWorkers = help.includes('--workers');
  return DEVICES.filter((device) => devices.includes(`"${device}"`))
    .flatMap((device) => (severalWorkers ? WORKERS : [1]).map((workers) => ours(device, workers, severalWorkers ? ['--workers', String(workers)] : [])));
}

function ours(device: string, workers: number, args: readonly string[]): Contender {
  return {
    name: `${device}-${workers}`, title: `tsipvs ${device}, ${workers === 1 ? 'one worker' : `${workers} workers`}`, target: VIP, udp: true, ours: { device, workers },
    async up() {
      const dir = mkdtempSync(join(tmpdir(), 'tsbench-tsipvs-'));
      const down = async (): Promise<void> => { await stop(child); rmSync(dir, { recursive: true, force: true }); };
      const rules = join(dir, 'rules'), socket = join(dir, 'socket');
      writeFileSync(rules, RULES);
      const child = start('director', process.execPath, [
        join(BIN, 'tsipvsd.js'), '--interface', 'l0', '--interface', 'l1', '--device', device, ...args, '--rules', rules, '--socket', socket,
      ]);
      let log = '';
      child.stderr!.on('data', (data: Buffer) => { log += data.toString(); });
      try {
        await new Promise<void>((resolve, reject) => {
          child.stdout!.once('data', () => resolve());
          child.once('exit', (code) => reject(new Error(`tsipvsd --device ${device} ended with status ${code}: ${log.trim()}`)));
        });
      } catch (error) {
        await down();
        throw error;
      }
      const client = await ApiClient.connect(socket);
      const { device: chosen } = await client.call('info', {});
      if (chosen !== device) {
        client.close();
        await down();
        throw new Error(`tsipvsd works with ${chosen}, not with ${device}: ${log.trim()}`);
      }
      return {
        pid: child.pid!, connections: async () => (await client.call('stats', {})).connections,
        down: async () => {
          client.close();
          await down();
        },
      };
    },
  };
}
