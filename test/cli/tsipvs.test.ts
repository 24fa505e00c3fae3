/** The command as a process: what it prints, how it ends, with and without a director behind the socket. */
import t from 'tap';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ApiServer } from '../../lib/control/api/server.ts';
import { shortDirectory } from '../support/short-directory.ts';
import { FakeDaemon, RECORD } from './tsipvs/fake-daemon.ts';

const COMMAND = join(import.meta.dirname, '../../cli/tsipvs.js');

interface Outcome { readonly status: number; readonly stdout: string; readonly stderr: string }

function tsipvs(socket: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [COMMAND, ...args], { env: { ...process.env, TSIPVS_SOCKET: socket } }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code as unknown as number), stdout, stderr });
    });
    child.stdin!.end(input);
  });
}

t.test('without a director: one line that says so and how to start it', async (t) => {
  const socket = join(shortDirectory(t), 'none.sock');
  for (const args of [['sysctl'], ['top', '--once'], ['trace'], ['mark', 'list']]) {
    t.same(await tsipvs(socket, args), { status: 1, stdout: '', stderr: `tsipvs: no director is running: no tsipvsd listens at ${socket} (start one with: tsipvsd --socket ${socket})\n` });
  }
});

t.test('a socket path too long for a socket is one line that says so', async (t) => {
  const socket = join('/tmp', 'x'.repeat(120));
  const outcome = await tsipvs(socket, ['sysctl']);
  t.same(outcome, { status: 1, stdout: '', stderr: `tsipvs: the socket path ${socket} has 125 bytes; 107 is the most, name a shorter one with --socket or TSIPVS_SOCKET\n` });
});

t.test('wrong usage is one line with the way out', async (t) => {
  for (const [args, line] of [
    [['nonsense'], /^tsipvs: no command "nonsense": one of replay, (\w+, )*drain, (\w+, )*realserver\n$/],
    [[], /^tsipvs: say what to do: see tsipvs --help\n$/],
    [['top', '--nonsense'], /^tsipvs: Unknown argument: nonsense: see tsipvs top --help\n$/],
    [['replay', '--rules', 'x'], /^tsipvs: Missing required argument: in: see tsipvs replay --help\n$/],
    [['replay', '--rules', '/none/rules', '--in', '/none/a.pcap'], /^tsipvs: \/none\/a\.pcap: no such file or directory\n$/],
  ] as const) {
    const outcome = await tsipvs('/none', args);
    t.match(outcome, { status: 1, stdout: '' });
    t.match(outcome.stderr, line);
  }
});

t.test('with a director', async (t) => {
  const socket = join(shortDirectory(t), 'd.sock');
  const daemon = new FakeDaemon();
  const server = new ApiServer(daemon.handlers);
  await server.listen(socket);
  t.teardown(() => server.close());

  t.same(await tsipvs(socket, ['sysctl', 'drop_entry=1', 'net.ipv4.vs.am_droprate']), { status: 0, stdout: 'net.ipv4.vs.drop_entry = 1\nnet.ipv4.vs.am_droprate = 10\n', stderr: '' });
  t.same(await tsipvs(socket, ['sysctl', 'drop_entry=77']), { status: 1, stdout: '', stderr: 'tsipvs: net.ipv4.vs.drop_entry takes 0 to 10\n' });
  t.equal((await tsipvs(socket, ['sysctl', '-a'])).stdout.split('\n').length - 1, Object.keys(daemon.sysctls).length);

  t.same(await tsipvs(socket, ['mark', 'add', '-4', '-p', 'tcp', '--dport', '80', '--set-mark', '1']), { status: 0, stdout: '', stderr: '' });
  t.same(await tsipvs(socket, ['mark', 'restore'], '# saved\n-6 -p udp --set-mark 2\n'), { status: 0, stdout: '', stderr: '' });
  t.same(await tsipvs(socket, ['mark', 'list']), { status: 0, stdout: '   1  -6 -p udp --set-mark 2\n', stderr: '' });
  t.same(await tsipvs(socket, ['mark', 'add', '-d', 'x', '--set-mark', '1']), { status: 1, stdout: '', stderr: 'tsipvs: mark rule: -d x is not an address or prefix\n' });
  t.same(JSON.parse((await tsipvs(socket, ['mark', 'list', '--json'])).stdout), [{ family: 6, protocol: 17, mark: 2 }]);

  const explained = await tsipvs(socket, ['explain', '--service', '192.0.2.10:80', '--client', '203.0.113.7:40001', '--json']);
  t.match(JSON.parse(explained.stdout), { decidedBy: 'scheduler', destination: { address: '10.1.0.1', port: 80 } });
  const traced = await tsipvs(socket, ['trace', '--count', '3', '--json']);
  t.same(traced.stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown), [RECORD, RECORD, RECORD]);
  t.equal(traced.status, 0);

  const top = await tsipvs(socket, ['top', '--once']);
  t.match(top, { status: 0, stderr: '' });
  t.match(top.stdout, /^tsipvs top .*\n.*\n\nWorker .*\n0 .*\n1 .*\n\nService or real server .*\nTCP 192\.0\.2\.10:80 rr /);
  t.match(JSON.parse((await tsipvs(socket, ['top', '--json'])).stdout), { info: { workers: { count: 2 } }, stats: { workers: [{ cpuMs: 372_500 }, { cpuMs: 1000 }] }, services: [{}] });
  t.match((await tsipvs(socket, ['status'])).stdout, /^tsipvsd 0\.1\.0, pid 1, [^]*; 2 workers \(half of 4 processors\)\n/);
  t.match(JSON.parse((await tsipvs(socket, ['status', '--json'])).stdout), { info: { device: 'packet' }, stats: { workers: [{ frames: 10_000_000 }, { handedOver: 745_000 }] } });
  t.notMatch(top.stdout, '\x1b', 'no escape codes in a pipe');
});
