/**
 * Live bench: the same traffic through each contender in interleaved rounds of one run, on namespaces of its own.
 *   pps    60-byte UDP packets that reach the real server per second, offered by an in-kernel generator, 1024 flows
 *   gbit   one bulk TCP stream (iperf3), all offloads on
 *   conn   new TCP connections per second (wrk, "Connection: close", 32 at a time)
 *   req    HTTP requests per second on 32 kept-alive connections (wrk) and their p99 latency
 * Usage: run.js [--quick] [--only NAME,NAME] [--json FILE]. Medians over the rounds; ratios beside nft are per round.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CONTENDERS, HTTP_PORT, IPERF_PORT, SINK_PORT, type Contender } from './contenders.ts';
import { CIP, down, macOf, on, received, start, stop, up } from './topology.ts';

const NEEDED = ['ip', 'nft', 'ethtool', 'gcc', 'iperf3', 'haproxy', 'nginx', 'wrk', 'ss', 'taskset'];

type Measure = 'pps' | 'gbit' | 'conn' | 'req' | 'p99ms';
const UNITS: Readonly<Record<Measure, string>> = { pps: 'packets/s', gbit: 'Gbit/s', conn: 'connections/s', req: 'requests/s', p99ms: 'ms p99' };

function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function packetRate(contender: Contender, generator: string, seconds: number): Promise<number> {
  const child = start('client', 'taskset', ['-c', '0', generator, 'c0', macOf('director', 'l0'), macOf('client', 'c0'), CIP, contender.target, String(SINK_PORT), '1024', String(seconds + 1)]);
  try {
    await pause(500);
    const from = received('server', 's0'), began = process.hrtime.bigint();
    await pause(seconds * 1000);
    const packets = received('server', 's0') - from;
    return packets / (Number(process.hrtime.bigint() - began) / 1e9);
  } finally {
    await new Promise<void>((resolve) => { if (child.exitCode !== null) resolve(); else child.once('exit', () => resolve()); });
    await stop(child);
  }
}

function bulkRate(contender: Contender, seconds: number): number {
  const result = JSON.parse(on('client', 'iperf3', ['-J', '-c', contender.target, '-p', String(IPERF_PORT), '-t', String(seconds)])) as { end: { sum_received: { bits_per_second: number } } };
  return result.end.sum_received.bits_per_second / 1e9;
}

function wrk(contender: Contender, seconds: number, close: boolean): { rate: number; p99ms: number } {
  const text = on('client', 'wrk', ['-t', '1', '-c', '32', '-d', `${seconds}s`, '--latency', ...(close ? ['-H', 'Connection: close'] : []), `http://${contender.target}:${HTTP_PORT}/`]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(text);
  return { rate, p99ms: p99 === null ? NaN : Number(p99[1]) * (p99[2] === 'us' ? 1e-3 : p99[2] === 's' ? 1e3 : 1) };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

function show(measure: Measure, value: number): string {
  return measure === 'gbit' || measure === 'p99ms' ? value.toFixed(2) : Math.round(value).toLocaleString('en-US');
}

async function main(args: string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the live bench needs root: it makes network namespaces');
  const missing = NEEDED.filter((name) => { try { execFileSync('sh', ['-c', `command -v ${name}`]); return false; } catch { return true; } });
  if (missing.length > 0) throw new Error(`missing commands: ${missing.join(' ')}; on Debian: apt-get install iproute2 nftables ethtool gcc libc6-dev iperf3 haproxy nginx libnginx-mod-stream wrk`);
  const quick = args.includes('--quick');
  const option = (name: string): string | undefined => { const at = args.indexOf(name); return at < 0 ? undefined : args[at + 1]; };
  const only = option('--only')?.split(',');
  const chosen = CONTENDERS.filter((c) => only === undefined || only.includes(c.name));
  const rounds = quick ? 1 : 5, seconds = quick ? 2 : 3;
  const figures = new Map<string, Map<Measure, number[]>>(chosen.map((c) => [c.name, new Map()]));
  const work = mkdtempSync(join(tmpdir(), 'tsbench-'));
  const servers = [];
  try {
    const generator = join(work, 'generator');
    execFileSync('gcc', ['-O2', '-o', generator, join(projectRoot(), 'bench/system/generator.c')], { stdio: 'inherit' });
    up();
    writeFileSync(join(work, 'nginx.conf'), `daemon off; pid ${work}/pid; error_log stderr crit; worker_processes 1; events { worker_connections 16384; }\nhttp { access_log off; keepalive_requests 1000000; server { listen ${HTTP_PORT} backlog=4096; location / { return 200 "hello world\\n"; } } }\n`);
    servers.push(start('server', 'iperf3', ['-s', '-p', String(IPERF_PORT)]), start('server', 'nginx', ['-e', 'stderr', '-c', join(work, 'nginx.conf')]));
    for (const server of servers) { server.stdout!.resume(); server.stderr!.resume(); }
    await pause(500);
    for (let round = 0; round < rounds; round++) {
      for (const contender of chosen) {
        const remove = await contender.up();
        try {
          const record = (measure: Measure, value: number): void => {
            const of = figures.get(contender.name)!;
            of.set(measure, [...(of.get(measure) ?? []), value]);
            process.stderr.write(`round ${round + 1}/${rounds} ${contender.name} ${show(measure, value)} ${UNITS[measure]}\n`);
          };
          record('gbit', bulkRate(contender, seconds));
          const kept = wrk(contender, seconds, false);
          record('req', kept.rate);
          record('p99ms', kept.p99ms);
          record('conn', wrk(contender, seconds, true).rate);
          if (contender.udp) record('pps', await packetRate(contender, generator, seconds));
        } finally {
          await remove();
        }
      }
    }
  } finally {
    for (const server of servers) await stop(server);
    down();
    rmSync(work, { recursive: true, force: true });
  }
  const base = figures.get('nft');
  const measures: Measure[] = ['pps', 'gbit', 'conn', 'req', 'p99ms'];
  process.stdout.write(`${'contender'.padEnd(10)}${measures.map((m) => UNITS[m].padStart(24)).join('')}\n`);
  for (const [name, of] of figures) {
    const cells = measures.map((m) => {
      const values = of.get(m);
      if (values === undefined) return '-';
      const peers = base?.get(m);
      const ratio = peers === undefined ? '' : ` (${median(values.map((v, i) => v / peers[i]!)).toFixed(2)} x nft)`;
      return `${show(m, median(values))}${ratio}`;
    });
    process.stdout.write(`${name.padEnd(10)}${cells.map((cell) => cell.padStart(24)).join('')}\n`);
  }
  const json = option('--json');
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(Object.fromEntries([...figures].map(([name, of]) => [name, Object.fromEntries(of)])), null, 2)}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
