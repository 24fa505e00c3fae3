/** What only the xdp device has to prove on a running director: interfaces that go and come, and falling back. */
import t, { type Test } from 'tap';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { reproducibleSha256 } from '../../lib/lab/reproducible-bytes.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { ECHO_PORT } from '../../lib/lab/topology.ts';
import { labCase, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';
import { makeAnew } from './make-anew.ts';

const PREFIX = 'tsipvs-txdp';
const OPTIONS = { skip: SKIP, timeout: 120_000 };

async function balances(t: Test, lab: RunningLab, what: string): Promise<void> {
  await lab.command(['-C']);
  for (const service of await setUpServices(lab)) {
    const { answers, failures } = await lab.send({ kind: 'http', address: service.address, port: service.port, count: 6 });
    t.same({ answers, failures }, { answers: { rs1: 3, rs2: 2, rs3: 1 }, failures: {} }, `${what}: ${service.title}`);
  }
}

/** Received frames by device, of both interfaces together. */
async function received(lab: RunningLab): Promise<Record<string, number>> {
  const { stdout } = await lab.run('director', ['curl', '-s', 'http://127.0.0.1:9117/metrics']);
  const counts: Record<string, number> = {};
  for (const [, device, count] of stdout.matchAll(/^tsipvs_device_received_frames_total\{interface="eth.",device="(\w+)"\} (\d+)/gm)) counts[device!] = (counts[device!] ?? 0) + Number(count);
  return counts;
}

t.test('interfaces that go down and up, lose and get back their address, or are made anew: xdp goes on', OPTIONS, async (t) => {
  await labCase(t, { mode: 'nat', device: 'xdp', prefix: PREFIX }, async (lab) => {
    await lab.startDaemon({ args: ['--metrics', '9117'] });
    await balances(t, lab, 'at first');
    const before = await received(lab);
    t.ok(before['xdp']! > 100, `${before['xdp']} frames by xdp`);
    const { topology } = lab;
    await lab.run('director', ['ip', 'link', 'set', 'eth0', 'down']);
    await lab.run('director', ['ip', 'link', 'set', 'eth0', 'up']);
    for (const address of topology.director.interfaces[0]!.addresses.filter((one) => one.includes(':'))) await lab.run('director', ['ip', 'addr', 'replace', address, 'dev', 'eth0', 'nodad']);
    await balances(t, lab, 'after down and up');
    await makeAnew(lab, 1);
    for (let waits = 0; !/eth1: xdp on queue 0/.test(readFileSync(lab.daemonLog, 'utf8')) && waits < 100; waits++) await sleep(50);
    const middle = await received(lab);
    await balances(t, lab, 'after being made anew');
    const after = await received(lab);
    t.ok(after['xdp']! - middle['xdp']! > 100, 'by xdp again, both ways');
  });
});

t.test('an interface that cannot have xdp says why; packet on one side and xdp on the other work together', OPTIONS, async (t) => {
  await labCase(t, { mode: 'nat', device: 'xdp', prefix: PREFIX }, async (lab) => {
    await lab.startServer('director', lab.topology.director.namespace, []);
    // A neighbour that sends on more queues than this end receives on.
    await makeAnew(lab, 2);
    await lab.startDaemon();
    t.match(readFileSync(lab.daemonLog, 'utf8'), /packet on eth1, not xdp: it receives on fewer queues than its peer sends on: make them as many with ethtool -L\n[\s\S]*ready: packet\+xdp on eth0, eth1/);
    await balances(t, lab, 'mixed');
    const { answers, failures } = await lab.send({ kind: 'echo', address: lab.topology.director4, port: ECHO_PORT, count: 3, durationMs: 200 });
    t.same({ answers, failures }, { answers: { director: 3 }, failures: {} }, 'connections to the director itself are unharmed');
    const size = 8 << 20;
    const { sha256 } = await lab.send({ kind: 'download', address: lab.topology.vip4, port: 80, count: size, timeoutMs: 20_000 });
    t.equal(sha256, reproducibleSha256(size), 'a download arrives whole');
  });
});

t.test('--device auto takes packet on veth; --device xdp-generic works', OPTIONS, async (t) => {
  await labCase(t, { mode: 'nat', prefix: PREFIX }, async (lab) => {
    await lab.startDaemon({ args: ['--device', 'auto'] });
    t.match(readFileSync(lab.daemonLog, 'utf8'), /packet on eth0, not xdp: veth: packet sockets carry super-frames\n[\s\S]*ready: packet on eth0, eth1/);
    await lab.stopDaemon();
    await lab.startDaemon({ args: ['--device', 'xdp-generic', '--metrics', '9117'] });
    t.match(readFileSync(lab.daemonLog, 'utf8'), /ready: xdp on eth0, eth1/);
    await balances(t, lab, 'xdp-generic');
    t.ok((await received(lab))['xdp']! > 60);
    // Super-frames: generic XDP sees them whole, leaves them to the packet socket, and the guard has to keep the host out all the same.
    const size = 8 << 20;
    for (const kind of ['download', 'upload'] as const) {
      const { failures, sha256 } = await lab.send({ kind, address: lab.topology.vip4, port: 80, count: size, timeoutMs: 20_000 });
      t.same({ failures, sha256 }, { failures: {}, sha256: reproducibleSha256(size) }, kind);
    }
    const { stdout } = await lab.run('director', ['curl', '-s', 'http://127.0.0.1:9117/metrics']);
    t.match(stdout, /^tsipvs_drops_total\{reason="tooBig"\} 0$/m, 'none lost what says how to cut it');
  });
});
