import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parseDaemonOptions } from '../../cli/tsipvsd-options.ts';
import { ApiClient } from '../../lib/control/api/client.ts';

const DAEMON = fileURLToPath(new URL('../../cli/tsipvsd.js', import.meta.url));

class Running {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [DAEMON, '--device', 'none', ...args], { env: { ...process.env, NOTIFY_SOCKET: '', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.on('data', (chunk) => (this.stdout += chunk));
    this.child.stderr!.on('data', (chunk) => (this.stderr += chunk));
    this.exited = new Promise((resolve) => this.child.on('close', (code) => resolve(code)));
  }

  /** Until the text is there, or the process has ended. */
  async until(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    let ended = false;
    void this.exited.then(() => (ended = true));
    while (!this[stream].includes(text)) {
      if (ended) throw new Error(`ended without "${text}": ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function started(t: Test, args: readonly string[], environment: Record<string, string> = {}): Promise<Running> {
  const running = new Running(args, environment);
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.exited;
  });
  await running.until('stdout', '\n');
  return running;
}



function scratch(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsipvsd-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const RULES = '-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.1.0.1:8080 -m -w 3\n-a -t 192.0.2.10:80 -r 10.1.0.2:8080 -m -w 1\n';

async function listed(socket: string): Promise<string[]> {
  const client = await ApiClient.connect(socket);
  const { services } = await client.call('list', {});
  client.close();
  return services.map(({ service, destinations }) => `${service.scheduler} ${destinations.map(({ destination }) => `${destination.address}*${destination.weight}`).join(' ')}`);
}

t.test('one ready line when the rules are in place; a private socket; gone after SIGTERM with status 0', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 'sub', 's.sock');
  writeFileSync(join(directory, 'rules'), RULES);
  const daemon = await started(t, ['--socket', socket, '--rules', join(directory, 'rules')]);
  t.match(daemon.stdout, /^tsipvsd \S+ ready: .*1 service.*\n$/);
  t.equal(statSync(socket).mode & 0o777, 0o600);
  t.same(await listed(socket), ['wrr 10.1.0.2*1 10.1.0.1*3']);
  daemon.child.kill('SIGTERM');
  t.equal(await daemon.exited, 0);
  t.equal(existsSync(socket), false);
  t.equal(daemon.stdout.split('\n').length, 2, 'nothing but the ready line on stdout');
});

t.test('SIGHUP applies the difference, and a broken file changes nothing', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 's.sock');
  const rules = join(directory, 'rules');
  writeFileSync(rules, RULES);
  const daemon = await started(t, ['--socket', socket, '--rules', rules]);
  writeFileSync(rules, RULES.replace('-w 3', '-w 7').replace('10.1.0.2', '10.1.0.3'));
  daemon.child.kill('SIGHUP');
  await daemon.until('stderr', 'rules read again');
  t.same(await listed(socket), ['wrr 10.1.0.3*1 10.1.0.1*7']);
  writeFileSync(rules, `${RULES}-a -t 192.0.2.99:80 -r 10.1.0.1 -m\n`);
  daemon.child.kill('SIGHUP');
  await daemon.until('stderr', `${rules}: rules line 4: `);
  t.same(await listed(socket), ['wrr 10.1.0.3*1 10.1.0.1*7']);
});

t.test('--save-on-exit writes what is configured', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 's.sock');
  const rules = join(directory, 'rules');
  const daemon = await started(t, ['--socket', socket, '--rules', rules, '--save-on-exit']);
  const client = await ApiClient.connect(socket);
  const id = { kind: 'address', protocol: 'udp', address: '2001:db8::10', port: 53 } as const;
  const service = { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '128', persistenceEngine: null, onePacket: true };
  const { results } = await client.call('apply', { commands: [{ op: 'addService', service }] });
  t.same(results, [{ ok: true }]);
  client.close();
  daemon.child.kill('SIGINT');
  t.equal(await daemon.exited, 0);
  t.equal(readFileSync(rules, 'utf8'), '-A -u [2001:db8::10]:53 -s rr -o\n');
});

t.test('a rules file that is wrong stops the start, naming file and line, before anything listens', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 's.sock');
  const cases: [string, string, RegExp][] = [
    ['syntax', '-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 300.1.1.1 -m\n', /syntax: rules line 2: .*illegal real server/],
    ['twice', '-A -t 192.0.2.10:80\n\n# again\n-A -t 192.0.2.10:80\n', /twice: rules line 4: .*exists already/i],
    ['unknown', '-A -t 192.0.2.10:80 -s nosuch\n', /unknown: rules line 1: .*scheduler/],
  ];
  for (const [name, text, message] of cases) {
    const rules = join(directory, name);
    writeFileSync(rules, text);
    const daemon = new Running(['--socket', socket, '--rules', rules]);
    t.equal(await daemon.exited, 1, name);
    t.match(daemon.stderr, message);
    t.equal(daemon.stderr.trimEnd().split('\n').length, 1, daemon.stderr);
    t.equal(daemon.stdout, '');
    t.equal(existsSync(socket), false);
  }
  const daemon = new Running(['--socket', socket, '--rules', join(directory, 'absent')]);
  t.equal(await daemon.exited, 1);
  t.match(daemon.stderr, /absent: .*no such file/i);
});

t.test('a second daemon on the same socket is refused; a dead one\'s socket is taken over', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 's.sock');
  const first = await started(t, ['--socket', socket]);
  const second = new Running(['--socket', socket]);
  t.equal(await second.exited, 1);
  t.match(second.stderr, /^tsipvsd: .*another tsipvsd.*\n$/);
  t.same(await listed(socket), [], 'the first one still answers');
  first.child.kill('SIGKILL');
  await first.exited;
  const third = await started(t, ['--socket', socket]);
  t.match(third.stdout, /ready/);
});

t.test('metrics are served, and an address in use is refused in one line', async (t) => {
  const directory = scratch(t);
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as { port: number };
  const refused = new Running(['--socket', join(directory, 'a.sock'), '--metrics', String(port)]);
  t.equal(await refused.exited, 1);
  t.match(refused.stderr, new RegExp(`^tsipvsd: .*127.0.0.1:${port} is in use.*\n$`));
  t.equal(existsSync(join(directory, 'a.sock')), false);

  writeFileSync(join(directory, 'rules'), RULES);
  const daemon = await started(t, ['--socket', join(directory, 'b.sock'), '--rules', join(directory, 'rules'), '--metrics', '0']);
  const url = /http:\S+/.exec(daemon.stdout)?.[0];
  const text = await (await fetch(`${url}`)).text();
  t.match(text, /^node_ipvs_backend_weight\{.*remote_address="10.1.0.1",remote_port="8080"\} 3$/m);
});

t.test('the environment names the socket, JSON logs are JSON, and wrong options end with status 2', async (t) => {
  const directory = scratch(t);
  const socket = join(directory, 'e.sock');
  const daemon = await started(t, ['--json-logs', '--log-level', 'debug'], { TSIPVS_SOCKET: socket });
  t.equal(existsSync(socket), true);
  daemon.child.kill('SIGTERM');
  await daemon.exited;
  for (const line of daemon.stderr.trimEnd().split('\n')) t.hasProp(JSON.parse(line), 'level', line);
  const wrong = new Running(['--bogus']);
  t.equal(await wrong.exited, 2);
  t.match(wrong.stderr, /^tsipvsd: .*bogus.*tsipvsd --help\n$/);
});

t.test('a socket directory without permission is one clear line', { skip: process.getuid?.() === 0 ? 'root may write anywhere' : false }, async (t) => {
  const directory = scratch(t);
  chmodSync(directory, 0o500);
  const daemon = new Running(['--socket', join(directory, 's.sock')]);
  t.equal(await daemon.exited, 1);
  t.match(daemon.stderr, /no permission/);
});

t.test('option values are checked one by one', async (t) => {
  const refused: [string[], RegExp][] = [
    [['--metrics', 'x'], /--metrics x is not/], [['--max-connections', '0'], /--max-connections 0/], [['--device', 'dpdk'], /dpdk/],
    [['--save-on-exit'], /needs --rules/], [['--socket', 'a', '--socket', 'b'], /--socket is given more than once/], [['eth0'], /eth0|unexpected/],
  ];
  for (const [argv, message] of refused) await t.rejects(parseDaemonOptions(argv, {}, '1'), { message });
  t.match(await parseDaemonOptions(['--interface', 'a', '--interface', 'b', '--interface', 'a'], {}, '1'), { interfaces: ['a', 'b'], device: 'packet' });
});

t.test('--config: a server that does not answer is taken out; a reload by difference; a broken edit, an unreadable file and a second source are refused', async (t) => {
  const directory = scratch(t);
  const [socket, config] = [join(directory, 's'), join(directory, 'keepalived.conf')];
  const alive = createServer((connection) => void connection.on('error', () => {}).end());
  await new Promise<void>((resolve) => alive.listen(0, '127.0.0.1', resolve));
  t.teardown(() => alive.close());
  const port = (alive.address() as { port: number }).port;
  const text = (weight: number): string => `virtual_server 192.0.2.10 80 {
  delay_loop 1
  lvs_method NAT
  protocol TCP
  real_server 127.0.0.1 ${port} {
    weight ${weight}
    TCP_CHECK {
      warmup 0
    }
  }
  real_server 127.0.0.1 1 {
    TCP_CHECK {
      warmup 0
    }
  }
}
`;
  writeFileSync(config, text(3));
  const running = await started(t, ['--socket', socket, '--config', config]);
  await running.until('stderr', 'Removing service [127.0.0.1]:tcp:1 from VS [192.0.2.10]:tcp:80: connection refused');
  t.same(await listed(socket), ['wlc 127.0.0.1*3']);
  const client = await ApiClient.connect(socket);
  t.teardown(() => client.close());
  t.match(await client.call('health', {}), { source: config, services: [{ quorumUp: true, servers: [{ up: true, weight: 3, checks: [{ name: 'TCP_CHECK' }] }, { up: false, weight: null }] }] });
  writeFileSync(config, text(5));
  running.child.kill('SIGHUP');
  await running.until('stderr', '1 service, 1 change\n');
  t.same(await listed(socket), ['wlc 127.0.0.1*5']);
  writeFileSync(config, text(7).replace('virtual_server 192.0.2.10 80', 'virtual_serve 192.0.2.10 80'));
  running.child.kill('SIGHUP');
  await running.until('stderr', 'configuration not read again');
  t.match(running.stderr, /a new mistake .* and would remove tcp 192\.0\.2\.10 80: what runs is kept/);
  t.same(await listed(socket), ['wlc 127.0.0.1*5']);
  await t.rejects(started(t, ['--socket', `${socket}2`, '--config', join(directory, 'none')]), /no such file/);
  await t.rejects(parseDaemonOptions(['--config', 'a', '--rules', 'b'], {}, '0'), /give one of them/);
});
