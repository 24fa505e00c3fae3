/** The director with two data-plane workers, on real interfaces: what it does alone, it does with a forwarder beside it. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { endpoint } from '../../lib/lab/demo.ts';
import { isAlive } from '../../lib/lab/lab-state.ts';
import { reproducibleSha256 } from '../../lib/lab/reproducible-bytes.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { ECHO_PORT } from '../../lib/lab/topology.ts';
import { hostCounters } from './host-counters.ts';
import { FULL, labCase, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';
import { makeAnew } from './make-anew.ts';

const PREFIX = 'tsipvs-twork';
const TWO = { args: ['--workers', '2'] };
const MEBIBYTE = 1 << 20;

for (const [mode, method] of [['nat', '-m'], ['dr', '-g'], ['tun', '-i']] as const) {
  t.test(`two workers, ${mode}: connections are shared out as by one, and a download arrives whole`, { skip: SKIP, timeout: 180_000 }, async (t) => {
    await labCase(t, { mode, prefix: PREFIX }, async (lab) => {
      await lab.startDaemon(TWO);
      const { topology } = lab;
      const tcp = `-t ${endpoint(topology.vip4, 80)}`, udp = `-u ${endpoint(topology.vip4, ECHO_PORT)}`;
      const real = (port: number): string[] => topology.servers.map(({ address4 }) => `${endpoint(address4, port)} ${method}`);
      await lab.command(['-R'], { input: [`-A ${tcp} -s rr`, ...real(80).map((words) => `-a ${tcp} -r ${words}`), `-A ${udp} -s rr`, ...real(ECHO_PORT).map((words) => `-a ${udp} -r ${words}`), ''].join('\n') });
      for (const [kind, port] of [['http', 80], ['udp', ECHO_PORT]] as const) {
        const { answers, failures } = await lab.send({ kind, address: topology.vip4, port, count: 60, timeoutMs: 8_000 });
        t.same({ answers, failures }, { answers: { rs1: 20, rs2: 20, rs3: 20 }, failures: {} }, kind);
      }
      const { stdout } = await lab.command(['-L', '-n', '--stats', '--exact', tcp.slice(0, 2), tcp.slice(3)]);
      t.match(stdout, /TCP +\S+ +60 /, 'every connection is counted');
      await lab.command(['-C']);
      const size = (FULL ? 200 : 20) * MEBIBYTE, expected = reproducibleSha256(size);
      const [service] = await setUpServices(lab);
      const { failures, sha256, bytes } = await lab.send({ kind: 'download', address: service!.address, port: service!.port, count: size, timeoutMs: 20_000 }, 120_000);
      t.same({ failures, sha256, bytes }, { failures: {}, sha256: expected, bytes: size }, service!.title);
      for (const host of ['client', 'rs1']) t.equal((await hostCounters(lab, host)).tcpChecksumErrors, 0, host);
    });
  });
}

/** What the forwarder received and forwarded by itself so far. */
async function forwarder(lab: RunningLab): Promise<{ frames: number; fast: number }> {
  const { stdout } = await lab.run('director', ['curl', '-s', 'http://127.0.0.1:9117/metrics']);
  const figure = (name: string): number => Number(new RegExp(`^tsipvs_worker_${name}_total\\{worker="1"\\} (\\d+)`, 'm').exec(stdout)?.[1] ?? NaN);
  return { frames: figure('frames'), fast: figure('fast_frames') };
}

t.test('two workers: an interface that goes down and up, or is made anew under its name, is shared again', { skip: SKIP, timeout: 120_000 }, async (t) => {
  await labCase(t, { mode: 'nat', prefix: PREFIX }, async (lab) => {
    const daemon = await lab.startDaemon({ args: [...TWO.args, '--metrics', '9117'] });
    const balances = async (what: string): Promise<void> => {
      await lab.command(['-C']);
      const before = await forwarder(lab);
      for (const service of await setUpServices(lab)) {
        const { answers, failures } = await lab.send({ kind: 'http', address: service.address, port: service.port, count: 60 });
        t.same({ answers, failures }, { answers: { rs1: 30, rs2: 20, rs3: 10 }, failures: {} }, `${what}: ${service.title}`);
      }
      const after = await forwarder(lab);
      t.ok(after.frames - before.frames > 60 && after.fast > before.fast, `${what}: the forwarder got ${after.frames - before.frames} frames and sent on ${after.fast - before.fast}`);
    };
    await balances('at first');
    const { topology } = lab;
    await lab.run('director', ['ip', 'link', 'set', 'eth0', 'down']);
    await lab.run('director', ['ip', 'link', 'set', 'eth0', 'up']);
    for (const address of topology.director.interfaces[0]!.addresses.filter((one) => one.includes(':'))) await lab.run('director', ['ip', 'addr', 'replace', address, 'dev', 'eth0', 'nodad']);
    await balances('after down and up');
    await makeAnew(lab, 1);
    for (let waits = 0; !/eth1 is back/.test(readFileSync(lab.daemonLog, 'utf8')) && waits < 100; waits++) await sleep(50);
    await balances('after being made anew');
    t.ok(isAlive(daemon));
  });
});
