import t from 'tap';
import { readdirSync } from 'node:fs';
import { failed, PASSED, type ProbeOutcome } from '../../lib/health/checker.ts';
import { runProbe } from '../../lib/health/index.ts';
import { MonitorPool } from '../../lib/health/monitor-pool.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import { hostClock } from '../../lib/health/clock.ts';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { HOSTILE, healthCheck, TcpTarget } from './checker-cases.ts';
import { VirtualClock } from './virtual-clock.ts';

const TCP: HealthCheck = healthCheck({ kind: 'tcp' });

t.test('identical probes are shared; each user hears, and the last one to leave ends them', async (t) => {
  const clock = new VirtualClock();
  let probes = 0;
  let outcome: ProbeOutcome = PASSED;
  const pool = new MonitorPool({ clock, random: () => 0, probe: async () => (probes++, outcome) });
  const heard: string[] = [];
  const target = { address: '10.1.0.1', port: 80 };
  const first = pool.watch(TCP, target, (change) => void heard.push(`first ${change}`));
  const second = pool.watch(TCP, target, (change) => void heard.push(`second ${change}`));
  pool.watch(TCP, { ...target, port: 81 }, () => {}).release();
  t.equal(first.monitor, second.monitor);
  await clock.advanceTo(12_000);
  t.equal(probes, 3, 'at 0, 5 and 10 s, once for both');
  outcome = failed('no');
  await clock.advanceTo(16_000);
  t.same(heard, ['first down', 'second down']);
  first.release();
  outcome = PASSED;
  await clock.advanceTo(21_000);
  t.same(heard, ['first down', 'second down', 'second up']);
  second.release();
  const before = probes;
  await clock.advanceTo(100_000);
  t.equal(probes, before);
  t.match(pool.statistics, { monitors: 0, running: 0, passed: 4, failed: 1 });
});

t.test('2,000 monitors keep their intervals while some probes never end', async (t) => {
  const clock = new VirtualClock();
  const probed = new Map<string, number[]>();
  const pool = new MonitorPool({
    clock, random: Math.random,
    probe: async (_check, { address }) => {
      probed.set(address, [...(probed.get(address) ?? []), clock.nowMs()]);
      return address.startsWith('10.9.') ? new Promise<ProbeOutcome>(() => {}) : PASSED;
    },
  });
  const check = { ...TCP, timing: { ...TCP.timing, warmupSec: 5 } };
  for (let n = 0; n < 2000; n++) pool.watch(check, { address: `10.${n % 10 === 0 ? 9 : 1}.${n >> 8}.${n & 255}`, port: 80 }, () => {});
  await clock.advanceTo(21_000);
  const healthy = [...probed].filter(([address]) => address.startsWith('10.1.'));
  t.equal(healthy.length, 1800);
  t.ok(healthy.every(([, times]) => times.length >= 4 && times.slice(1).every((time, n) => time - times[n]! >= 5000 && time - times[n]! <= 5000 + 64 + 17)), 'never early, late by a group and a tick of the wheel at most');
  t.ok(new Set(healthy.flatMap(([, times]) => times.slice(1))).size <= 16_000 / 64 + 5, 'in groups');
  t.equal(pool.statistics.running, 200);
  pool.close();
});

t.test('a target is probed a few times at once at most; the rest wait their turn', async (t) => {
  const clock = new VirtualClock();
  let running = 0;
  let most = 0;
  const pool = new MonitorPool({
    clock, random: () => 0,
    probe: () => {
      most = Math.max(most, ++running);
      return new Promise((resolve) => clock.after(100, () => {
        running--;
        resolve(PASSED);
      }));
    },
  });
  for (let n = 1; n <= 50; n++) pool.watch({ ...TCP, timing: { ...TCP.timing, timeoutSec: n } }, { address: '10.1.0.1', port: 80 }, () => {});
  await clock.advanceTo(2000);
  t.equal(most, 8);
  t.equal(pool.statistics.passed, 50);
  for (let port = 1; port <= 50; port++) pool.watch(TCP, { address: '10.1.0.2', port }, () => {});
  await clock.advanceTo(2050);
  t.equal(most, 50, 'another port is another target: one that hangs delays nobody there');
  pool.close();
});

t.test('500 hostile targets: a good one beside them is probed on time, and every bad one gets its verdict', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const targets = Object.values(HOSTILE).map((behave) => new TcpTarget(behave));
  const ports = await Promise.all(targets.map((target) => target.listen()));
  const good = new TcpTarget((socket) => void socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n')));
  const goodPort = await good.listen();
  const http: HealthCheck['check'] = { kind: 'http', tls: false, urls: [{ path: '/', digest: 'd41d8cd98f00b204e9800998ecf8427e' }], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };
  const pool = new MonitorPool({ clock: hostClock, random: () => 0, probe: (check, target, step, controller) => runProbe(check, target, step, hostSockets, controller) });
  const hold = setInterval(() => {}, 1000);
  const check = (intervalSec: number, timeoutSec: number): HealthCheck => ({ ...healthCheck(http, timeoutSec), timing: { ...healthCheck(http, timeoutSec).timing, intervalSec } });
  const bad = Array.from({ length: 500 }, (_, n) => pool.watch(check(600, 2), { address: `127.1.${n >> 8}.${n & 255}`, port: ports[n % ports.length]! }, () => {}));
  t.teardown(() => {
    clearInterval(hold);
    pool.close();
    for (const target of [...targets, good]) target.close();
  });
  const fine = pool.watch(check(0.2, 30), { address: '127.0.0.1', port: goodPort }, () => {});
  while (!bad.every(({ monitor }) => monitor.hasRun) || fine.monitor.passed < 5) await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(bad.every(({ monitor }) => !monitor.up && monitor.results.every(({ error }) => error !== '')));
  t.same([fine.monitor.up, fine.monitor.failed], [true, 0]);
  pool.close();
  for (const target of [...targets, good]) target.close();
  for (let wait = 0; wait < 100 && readdirSync('/proc/self/fd').length > before + 2; wait++) await new Promise((resolve) => setTimeout(resolve, 20));
  t.ok(readdirSync('/proc/self/fd').length <= before + 2, 'no descriptor is left but the epoll set');
});
