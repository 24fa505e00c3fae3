/** What a run was made on: figures without it mean little. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export function environment(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model.trim() ?? '', processors: availableParallelism(), memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(), node: process.version,
    congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    haproxy: version('haproxy', '-v'), nginx: version('nginx', '-v'), iperf3: version('iperf3', '--version'), nft: version('nft', '--version'),
  };
}

function version(command: string, option: string): string {
  try {
    return execFileSync('sh', ['-c', `${command} ${option} 2>&1`], { encoding: 'utf8' }).split('\n', 1)[0]!;
  } catch {
    return '';
  }
}
