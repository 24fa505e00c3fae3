/** `tsipvs config` as a process, against a director that runs in this one: what is applied runs, checks and all; what is bad changes nothing. */
import t, { type Test } from 'tap';
import { execFile } from 'node:child_process';
import { chmodSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../../../lib/control/api/client.ts';
import { Log } from '../../../lib/control/log.ts';
import { Daemon, type DaemonOptions } from '../../../lib/daemon.ts';
import { shortDirectory } from '../../support/short-directory.ts';

const COMMAND = join(import.meta.dirname, '../../../cli/tsipvs.js');
const GOOD = 'listen web\n bind 192.0.2.10:80\n server a 10.0.0.1:80\n server b 10.0.0.2:80 weight 2\n';
const RULES = '-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1\n-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 2\n';

interface Said { readonly status: number; readonly stdout: string; readonly stderr: string }

class Bench {
  readonly #folder: string;
  readonly #socket: string;
  readonly log: string[] = [];
  daemon!: Daemon;
  client!: ApiClient;

  constructor(t: Test) {
    this.#folder = shortDirectory(t);
    this.#socket = join(this.#folder, 's.sock');
  }

  static async start(t: Test, options: Partial<DaemonOptions> = {}): Promise<Bench> {
    const bench = new Bench(t);
    bench.daemon = await Daemon.start({
      device: 'none', interfaces: [], maxConnections: 1024, workers: null, ownVips: false, onFailure: (reason) => t.fail(reason), socket: bench.#socket, socketGroup: null, rules: null, config: null, saveOnExit: false, metrics: null,
      log: new Log({ level: 'warn', json: false, write: (line) => void bench.log.push(line), now: () => new Date() }), ...options,
    });
    bench.client = await ApiClient.connect(bench.#socket);
    t.teardown(async () => {
      bench.client.close();
      await bench.daemon.stop();
    });
    return bench;
  }

  file(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text);
    return path;
  }

  tsipvs(...args: string[]): Promise<Said> {
    return new Promise((resolve) => {
      execFile(process.execPath, [COMMAND, 'config', ...args], { env: { ...process.env, TSIPVS_SOCKET: this.#socket } }, (error, stdout, stderr) => resolve({ status: error === null ? 0 : (error.code as unknown as number), stdout, stderr }));
    });
  }

  async table(): Promise<string[]> {
    const { services } = await this.client.call('list', {});
    return services.map(({ service: { id }, destinations }) => `${id.kind === 'address' ? `${id.address}:${id.port}` : id.fwmark} ${destinations.map(({ destination }) => `${destination.address}:${destination.weight}`).toSorted().join(' ')}`).toSorted();
  }
}

t.test('a good file is applied in one step, a bad one changes nothing', async (t) => {
  const bench = await Bench.start(t);
  const { tsipvs } = { tsipvs: bench.tsipvs.bind(bench) };
  const good = bench.file('good.cfg', GOOD);
  t.match(await tsipvs('plan', good), { status: 0, stdout: RULES });
  t.same(await bench.table(), [], 'plan changes nothing');
  t.match(await tsipvs('apply', good), { status: 0, stdout: RULES });
  t.match(await tsipvs('plan', good), { status: 0, stdout: '', stderr: '' });
  const before = await bench.table();

  const bad = await tsipvs('apply', bench.file('bad.cfg', GOOD.replace('weight', 'wait')));
  t.equal(bad.status, 1);
  t.match(bad.stderr, /bad\.cfg:4:\d+: error: unknown server parameter "wait"/);
  t.same(await bench.table(), before);

  // Good for the reader, refused by the director.
  const refused = await tsipvs('apply', bench.file('refused.yaml', 'version: 1\nservices:\n  - {listen: tcp 192.0.2.11:80, servers: [10.0.0.1:80]}\n  - {listen: tcp 192.0.2.12:80, servers: [224.0.0.1:80]}\n'));
  t.match(refused, { status: 1, stderr: 'tsipvs: 224.0.0.1 is not a unicast address (multicast)\n' });
  t.same(await bench.table(), before, 'all or nothing');

  t.match(await tsipvs('apply', bench.file('less.cfg', GOOD.replace(' server a 10.0.0.1:80\n', ''))), { status: 0, stdout: '-d -t 192.0.2.10:80 -r 10.0.0.1:80\n' });
  t.match(await tsipvs('check', '--strict', bench.file('warns.cfg', `${GOOD} acl x src 10.0.0.0/8\n`)), { status: 1, stdout: /warns\.cfg:5:2: warning: .*refused \(1 mistake\)\n$/s });
  t.match(await tsipvs('apply', join(good, '../none.cfg')), { status: 1, stderr: /^tsipvs: .*none\.cfg: no such file/ });
  t.match(await tsipvs('convert', good), { status: 1, stderr: /needs --to/ });
  t.match(await tsipvs('convert', '--to', 'ipvsadm', good), { status: 0, stdout: RULES });
});

t.test('what is applied is checked, takes the place of what ran, stays, and is read again', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const check = '[{type: tcp, interval: 0.2, retries: 0}]';
  const yaml = (vip: string, targets: readonly string[]): string => `version: 1\nservices:\n  - listen: tcp ${vip}:80\n    checks: ${check}\n    servers: [${targets.join(', ')}]\n`;
  const bench = await Bench.start(t);
  const first = bench.file('first.yaml', yaml('192.0.2.10', [`127.0.0.1:${port}`, '127.0.0.2:1']));
  const until = async (wanted: string): Promise<void> => {
    while (!(await bench.table()).includes(wanted)) await sleep(50);
  };
  t.equal((await bench.tsipvs('apply', first)).status, 0);
  await until('192.0.2.10:80 127.0.0.1:1');
  t.match(await bench.client.call('health', {}), { source: first, services: [{ servers: [{ up: true }, { up: false, checks: [{ results: [{ error: 'connection refused' }] }] }] }] });
  t.match(await bench.tsipvs('plan', first), { status: 0, stdout: '' }, 'a server that is down is no difference');

  const rules = bench.file('some.rules', '-A -t 192.0.2.99:80 -s rr\n');
  t.match(await bench.tsipvs('apply', rules), { status: 1, stdout: '', stderr: /192\.0\.2\.10 80 is kept as .*first\.yaml says/ });
  t.match(await bench.tsipvs('apply', '--keep', rules), { status: 0, stdout: '-A -t 192.0.2.99:80 -s rr\n' });
  t.same(await bench.table(), ['192.0.2.10:80 127.0.0.1:1', '192.0.2.99:80 ']);

  const second = bench.file('second.yaml', yaml('192.0.2.20', [`127.0.0.1:${port}`]));
  t.match(await bench.tsipvs('apply', '--keep', second), { status: 0, stdout: /-D -t 192\.0\.2\.10:80\n-A -t 192\.0\.2\.20:80/ });
  t.same(await bench.table(), ['192.0.2.20:80 127.0.0.1:1', '192.0.2.99:80 '], 'with --keep, what no file has stays');
  t.match(await bench.tsipvs('apply', second), { status: 0, stdout: '-D -t 192.0.2.99:80\n' });
  bench.file('second.yaml', yaml('192.0.2.20', [`127.0.0.1:${port}`, '127.0.0.2:1']));
  await bench.daemon.reload();
  t.match(await bench.client.call('health', {}), { source: second, services: [{ servers: [{}, {}] }] }, 'SIGHUP reads what was applied last');
  bench.file('second.yaml', 'version: 1\n');
  await bench.daemon.reload();
  t.match(bench.log.at(-1), /has no services and would remove tcp 192\.0\.2\.20 80: what runs is kept/);
  t.match(await bench.tsipvs('apply', second), { status: 1, stderr: /has no services and would remove/ });
  t.match(await bench.client.call('health', {}), { source: second, services: [{}], refusedReload: { message: /has no services/ } });
  await new Promise((resolve) => server.close(resolve));
  await until('192.0.2.20:80 ');
});

t.test('watchFile: what changes is read again by itself; what is bad, or gone, is not taken', async (t) => {
  const bench = await Bench.start(t);
  const text = (...servers: string[]): string => `version: 1\nwatchFile: 0.1\nservices:\n  - {listen: tcp 192.0.2.10:80, servers: [${servers.join(', ')}]}\n`;
  const until = async (wanted: string): Promise<void> => {
    while ((await bench.table())[0] !== `192.0.2.10:80 ${wanted}`) await sleep(20);
  };
  const file = bench.file('watched.yaml', text('10.0.0.1:80'));
  t.equal((await bench.tsipvs('apply', file)).status, 0);
  bench.file('watched.yaml', text('10.0.0.1:80', '10.0.0.2:80'));
  await until('10.0.0.1:1 10.0.0.2:1');
  bench.file('watched.yaml', 'version: 1\nservices: [');
  while ((await bench.client.call('health', {})).refusedReload === null) await sleep(20);
  unlinkSync(file);
  await sleep(300);
  t.same(await bench.table(), ['192.0.2.10:80 10.0.0.1:1 10.0.0.2:1']);
  bench.file('watched.yaml', text('10.0.0.3:80'));
  await until('10.0.0.3:1');
  t.equal((await bench.client.call('health', {})).refusedReload, null);
});

t.test('where a group may use the socket, programs run only from files that nobody else can write', async (t) => {
  const bench = await Bench.start(t, { socketGroup: String(process.getgid!()) });
  const text = (check: string): string => `version: 1\nservices:\n  - {listen: tcp 192.0.2.10:80, servers: [{address: 10.0.0.1:80, checks: [{${check}, interval: 60}]}]}\n`;
  const file = bench.file('exec.yaml', text('type: exec, command: /bin/true'));
  chmodSync(file, 0o666);
  t.match(await bench.tsipvs('apply', file), { status: 1, stdout: '', stderr: /^tsipvs: .*exec\.yaml has scripts or program checks, and others than the director's user may write it/ });
  t.same(await bench.table(), []);
  chmodSync(file, 0o644);
  t.equal((await bench.tsipvs('apply', file)).status, 0);
  const plain = bench.file('tcp.yaml', text('type: tcp'));
  chmodSync(plain, 0o666);
  t.equal((await bench.tsipvs('apply', plain)).status, 0);
});
