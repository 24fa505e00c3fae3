/**
 * What health checking costs: CPU of many monitors in one process against real servers in another one, and the time to read and compare a
 * large keepalived.conf. Prints a table; --json FILE writes it too; --quick measures for a shorter time; --assert ends with 1 where a bound
 * is missed. The peer in the same run is a bare loop of connects by Node's own sockets: what the same number of connections costs at least.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { MonitorPool } from '../../lib/health/monitor-pool.ts';
import { hostClock } from '../../lib/health/clock.ts';
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import type { CheckKind, HealthCheck } from '../../lib/model/health-check.ts';
import { readLargeConfiguration } from './large-configuration.ts';
import { PORTS, serve, type Ports } from './real-servers.ts';

const MONITORS = 2_000;
/** A TLS handshake costs both ends so much that more would measure the server's process, or fail on a machine that has other work. */
const SECURE_MONITORS = 200;
const INTERVAL_SEC = 5;
/** Percent of one core. */
const CPU_BOUND = 10;
const PARSE_BOUND_MS = 1_000;
/** Different targets each: identical checks of one target would be probed once for all. */
const ADDRESSES = 250;

const HTTP: CheckKind = { kind: 'http', tls: false, urls: [{ path: '/' }], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };
const HTTPS: CheckKind = { ...HTTP, tls: true };

/** A sixth each; what is asked differs where the target does not, so that every monitor has a probe of its own. */
const MIXED: readonly ((n: number, ports: Ports) => Probed)[] = [
  (n, { web }) => ({ check: { kind: 'tcp' }, target: targetOf(n, web) }),
  (n, { web }) => ({ check: HTTP, target: targetOf(n, web) }),
  (n, { mail }) => ({ check: { kind: 'smtp', helo: 'smtpchecker.keepalived.org' }, target: targetOf(n, mail) }),
  (n, { dns }) => ({ check: { kind: 'dns', name: `n${n}.example.org`, type: 'SOA' }, target: { address: '127.0.0.1', port: dns[n % PORTS]! } }),
  (n, { echo }) => ({ check: { kind: 'udp', payload: n.toString(16).padStart(8, '0'), requireReply: true, minLength: 4, maxLength: 4 }, target: { address: '127.0.0.1', port: echo[n % PORTS]! } }),
  (n) => ({ check: { kind: 'ping' }, target: { address: `127.0.${1 + (n >> 8)}.${n & 255}`, port: 0 } }),
];

interface Probed { readonly check: CheckKind; readonly target: { readonly address: string; readonly port: number } }
interface Row { readonly what: string; readonly value: number; readonly unit: string; readonly bound: number | null }

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === '--server') return serve();
  const seconds = args.includes('--quick') ? 10 : 30;
  const server = fork(join(import.meta.dirname, 'run.js'), ['--server'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    process.stdout.write(`${row.what.padEnd(64)} ${row.value.toFixed(1).padStart(8)} ${row.unit}${row.bound === null ? '' : row.value <= row.bound ? `  (bound ${row.bound}: holds)` : `  (bound ${row.bound}: MISSED)`}\n`);
  };
  try {
    const [ports] = await once(server, 'message') as [Ports];
    const all = (check: CheckKind, at: readonly number[]) => (n: number): Probed => ({ check, target: targetOf(n, at) });
    add({ what: `peer: ${MONITORS} connects each ${INTERVAL_SEC} s by node:net and nothing else`, value: await peerCpu(ports.web, seconds), unit: '% CPU', bound: null });
    add({ what: `${MONITORS} TCP_CHECK monitors, interval ${INTERVAL_SEC} s`, value: await monitorsCpu(all({ kind: 'tcp' }, ports.web), seconds), unit: '% CPU', bound: CPU_BOUND });
    add({ what: `${MONITORS} HTTP_GET monitors, interval ${INTERVAL_SEC} s`, value: await monitorsCpu(all(HTTP, ports.web), seconds), unit: '% CPU', bound: CPU_BOUND });
    add({ what: `${MONITORS} monitors: TCP, HTTP, SMTP, DNS, UDP, ping, a sixth each`, value: await monitorsCpu((n) => MIXED[n % MIXED.length]!(n, ports), seconds), unit: '% CPU', bound: CPU_BOUND });
    if (ports.secureWeb === null) process.stdout.write('no openssl here to make a certificate with: SSL_GET is not measured\n');
    else add({ what: `${SECURE_MONITORS} SSL_GET monitors (TLS 1.3, a whole handshake each)`, value: await monitorsCpu(all(HTTPS, ports.secureWeb), seconds, SECURE_MONITORS), unit: '% CPU', bound: null });
  } finally {
    server.kill();
  }
  for (const { what, ms } of readLargeConfiguration()) add({ what, value: ms, unit: 'ms', bound: what.startsWith('all') ? PARSE_BOUND_MS : null });
  const at = args.indexOf('--json');
  if (at >= 0) writeFileSync(args[at + 1] ?? 'bench-health.json', `${JSON.stringify(rows, null, 2)}\n`);
  if (args.includes('--assert') && rows.some(({ value, bound }) => bound !== null && value > bound)) process.exitCode = 1;
}

/** Percent of a core over `seconds`, once every monitor has probed, and the code is as warm as that makes it. */
async function monitorsCpu(probed: (n: number) => Probed, seconds: number, monitors = MONITORS): Promise<number> {
  const pool = new MonitorPool({ clock: hostClock, random: Math.random, probe: (what, target, step, controller) => runProbe(what, target, step, hostSockets, controller) });
  for (let n = 0; n < monitors; n++) {
    const { check, target } = probed(n);
    pool.watch(checkOf(check, n), target, () => {});
  }
  await pause(INTERVAL_SEC * 1000 + 500);
  const before = pool.statistics.passed;
  const percent = await cpuOver(seconds);
  const { passed, failed } = pool.statistics;
  pool.close();
  const expected = (monitors / INTERVAL_SEC) * seconds;
  if (failed > 0 || passed - before < expected * 0.9) throw new Error(`${failed} probes failed, ${passed - before} of ${expected} passed: this measured something else`);
  return percent;
}

function checkOf(check: CheckKind, n: number): HealthCheck {
  return { name: String(n), check, target: {}, timing: { intervalSec: INTERVAL_SEC, timeoutSec: 3, retries: 1, delayBeforeRetrySec: 1, rise: 1, warmupSec: INTERVAL_SEC, alpha: false, reentrySec: 0 } };
}

function targetOf(n: number, ports: readonly number[]): { address: string; port: number } {
  return { address: `127.0.1.${1 + (n % ADDRESSES)}`, port: ports[Math.floor(n / ADDRESSES) % PORTS]! };
}

async function peerCpu(ports: readonly number[], seconds: number): Promise<number> {
  let n = 0;
  const timer = setInterval(() => {
    for (let one = 0; one < MONITORS / INTERVAL_SEC / 20; one++) {
      const { address, port } = targetOf(n++ % MONITORS, ports);
      const socket = connect(port, address, () => socket.destroy());
    }
  }, 50);
  await pause(1000);
  const percent = await cpuOver(seconds);
  clearInterval(timer);
  return percent;
}

async function cpuOver(seconds: number): Promise<number> {
  const before = process.cpuUsage();
  const started = performance.now();
  await pause(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - started);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await main(process.argv.slice(2));
