/** The daemon on real interfaces: what it refuses, and that refusing disturbs nobody. Traffic is the laboratory's tests' business. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ApiClient } from '../../lib/control/api/client.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const DAEMON = fileURLToPath(new URL('../../cli/tsipvsd.js', import.meta.url));

class Running {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(namespace: string, socket: string, args: readonly string[], wrap: readonly string[] = []) {
    const argv = ['netns', 'exec', namespace, ...wrap, process.execPath, DAEMON, '--socket', socket, ...args];
    this.child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.on('data', (chunk) => (this.stdout += chunk));
    this.child.stderr!.on('data', (chunk) => (this.stderr += chunk));
    this.exited = new Promise((resolve) => this.child.on('close', (code) => resolve(code)));
  }

  async ready(): Promise<void> {
    await Promise.race([this.exited, (async () => { while (!this.stdout.includes('\n') && this.child.exitCode === null) await sleep(10); })()]);
    if (!this.stdout.includes('\n')) throw new Error(`ended before it was ready: ${this.stderr}`);
  }
}

t.test('the daemon on interfaces', SLOW, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dmn-'));
  const namespaces = new Namespaces('dmn');
  const running: Running[] = [];
  t.teardown(async () => {
    for (const daemon of running) daemon.child.kill('SIGKILL');
    await Promise.all(running.map((daemon) => daemon.exited));
    namespaces.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const director = namespaces.add('director');
  const peer = namespaces.add('peer');
  namespaces.link(director, 'cl0', peer, 'c0');
  namespaces.link(director, 'rs0', peer, 'r0');
  namespaces.ip(director, 'addr add 198.51.100.1/24 dev cl0');
  let sockets = 0;
  const start = (args: readonly string[], wrap: readonly string[] = []): Running => {
    const daemon = new Running(director, join(directory, `${++sockets}.sock`), args, wrap);
    running.push(daemon);
    return daemon;
  };
  /** It must end with status 1 and one line. */
  const refused = async (t: Test, args: readonly string[], message: RegExp, wrap: readonly string[] = []): Promise<void> => {
    const daemon = start(args, wrap);
    t.equal(await daemon.exited, 1, args.join(' '));
    t.match(daemon.stderr, message);
    t.equal(daemon.stderr.trimEnd().split('\n').length, 1, daemon.stderr);
    t.equal(daemon.stdout, '');
  };

  await t.test('an unknown interface, one that is no Ethernet, one with a tiny MTU, and missing privileges are refused by name', async (t) => {
    await refused(t, ['--interface', 'nope'], /no interface named nope/);
    await refused(t, ['--interface', 'cl0', '--interface', 'lo'], /lo is not an Ethernet interface/);
    namespaces.ip(director, 'link set rs0 mtu 300');
    await refused(t, ['--interface', 'rs0'], /rs0 has MTU 300/);
    namespaces.ip(director, 'link set rs0 mtu 1500');
    await refused(t, ['--interface', 'cl0'], /permission|CAP_NET/, ['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
  });

  await t.test('by default it takes the interfaces that carry a route; a second daemon is refused and the first goes on', async (t) => {
    const first = start([]);
    await first.ready();
    t.match(first.stdout, /ready: packet on cl0; \w+ workers? \(.*\); 0 services/);
    await refused(t, ['--interface', 'cl0'], new RegExp(`cl0 is in use by another tsipvsd \\(process ${first.child.pid}\\)`));
    const other = start(['--interface', 'rs0']);
    await other.ready();
    const client = await ApiClient.connect(join(directory, `${sockets - 2}.sock`));
    t.match(await client.call('info', {}), { device: 'packet', interfaces: ['cl0'] });
    client.close();
    other.child.kill('SIGTERM');
    t.equal(await other.exited, 0);
    first.child.kill('SIGKILL');
    await first.exited;
    const next = start(['--interface', 'cl0']);
    await next.ready();
    t.match(next.stdout, /ready/, 'after kill -9 the interface is free');
    next.child.kill('SIGTERM');
    t.equal(await next.exited, 0);
  });

  await t.test('idle it uses next to no processor time', async (t) => {
    const daemon = start(['--interface', 'cl0', '--interface', 'rs0']);
    await daemon.ready();
    await sleep(500);
    const before = processorTicks(daemon.child.pid!);
    await sleep(2000);
    t.ok(processorTicks(daemon.child.pid!) - before <= 6, 'less than 60 ms in 2 s');
    daemon.child.kill('SIGTERM');
    t.equal(await daemon.exited, 0);
  });

  await t.test('the host\'s network is followed: a route that comes later is used for what is configured', async (t) => {
    const daemon = start(['--interface', 'cl0', '--interface', 'rs0']);
    await daemon.ready();
    namespaces.ip(director, 'addr add 10.1.0.254/24 dev rs0');
    const client = await ApiClient.connect(join(directory, `${sockets}.sock`));
    namespaces.ip(director, 'link set rs0 down');
    while (!daemon.stderr.includes('rs0 is down')) await sleep(20);
    namespaces.ip(director, 'link set rs0 up');
    const stats = await client.call('stats', {});
    t.equal(stats.connections, 0, 'it still answers');
    namespaces.ip(director, 'link del rs0');
    while (!daemon.stderr.includes('rs0 is gone')) await sleep(20);
    namespaces.link(director, 'rs0', peer, 'r0');
    while (!daemon.stderr.includes('rs0 is back')) await sleep(20);
    namespaces.ip(director, 'addr add 10.1.0.254/24 dev rs0');
    namespaces.ip(peer, 'addr add 10.1.0.1/24 dev r0');
    const { received } = await client.call('stats', {});
    namespaces.run(peer, 'bash', '-c', 'echo hello > /dev/udp/10.1.0.254/9');
    await sleep(300);
    t.ok((await client.call('stats', {})).received > received, 'a new interface of the same name is listened on');
    client.close();
    daemon.child.kill('SIGTERM');
    t.equal(await daemon.exited, 0);
  });
});

/** User and system time of a process with all its threads, in ticks of 10 ms. */
function processorTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
