/** Commands about services and real servers as processes: what they print, on which stream, and with which exit status they end. */
import t from 'tap';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ApiServer } from '../../../lib/control/api/server.ts';
import type { HealthEvent } from '../../../lib/model/health-state.ts';
import type { ConnectionRecord } from '../../../lib/model/stats.ts';
import { shortDirectory } from '../../support/short-directory.ts';
import { FakeDaemon } from './fake-daemon.ts';

const COMMAND = join(import.meta.dirname, '../../../cli/tsipvs.js');
const HELD: ConnectionRecord = {
  family: 4, protocol: 6, state: 'ESTABLISHED', expiresSec: 840, client: '203.0.113.7', clientPort: 40_001, virtual: '192.0.2.10', virtualPort: 80, destination: '10.1.0.1', destinationPort: 80,
  template: false, method: 'masq', pe: null, peData: null, ageSec: 75, idleSec: 60,
};
const EVENT: HealthEvent = { timeMs: 0, kind: 'server', service: '[192.0.2.10]:tcp:80', server: '[10.1.0.1]:tcp:80', state: 'down', message: 'connection refused' };

const daemon = new FakeDaemon();
const socket = join(shortDirectory(t), 's.sock');
const server = new ApiServer(daemon.handlers);
await server.listen(socket);
t.teardown(() => server.close());

interface Said { readonly status: number; readonly stdout: string; readonly stderr: string }

function tsipvs(line: string, to = socket): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...line.split(' ')], { env: { ...process.env, TSIPVS_SOCKET: to }, timeout: 60_000 }, (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }));
  });
}

t.test('drain ends well when nothing holds the server, unsuccessfully at its deadline, and does not wait when it is not to', async (t) => {
  t.match(await tsipvs('drain 192.0.2.10:80 10.1.0.1'), { status: 0, stdout: '10.1.0.1:80: drained\n10.1.0.1:80: drained, no connection is left\n', stderr: '' });
  daemon.held = [HELD];
  t.match(await tsipvs('drain 192.0.2.10:80 10.1.0.1 --deadline 0.2s'), { status: 1, stdout: /still held by 1 connection, 0 persistence templates\n.*STATE.*AGE.*IDLE.*\n.*ESTABLISHED +203\.0\.113\.7:40001 +75 s +60 s +840 s\n$/s });
  const { status, stdout } = await tsipvs('drain 192.0.2.10:80 10.1.0.1 --no-wait --json');
  t.match([status, JSON.parse(stdout)], [0, { drained: false, connections: [{ client: '203.0.113.7', ageSec: 75, idleSec: 60 }] }]);
  daemon.held = [];
});

t.test('what is wrong is one line on standard error and exit status 1', async (t) => {
  const before = daemon.administered.length;
  const wrong = [
    ['drain 192.0.2.10:80 10.1.0.1 --deadline 5x', '"5x" is not a time: for example 30s, 5m, 1h'], ['drain 192.0.2.11:80 10.1.0.1', 'no service 192.0.2.11:80: "tsipvs health" and "tsipvsadm -Ln" list them'],
    ['weight 192.0.2.10:80 10.1.0.1 -3', 'weight -3 is not 0 to 2147483647, or "configured"'], ['enable 192.0.2.10:80 10.1.0.1 --checks sideways', 'Invalid values: Argument: checks, Given: "sideways", Choices: "automatic", "up", "down": see tsipvs enable --help'],
    ['disable 192.0.2.10:80', 'Not enough non-option arguments: got 1, need at least 2: see tsipvs disable --help'], ['events --limit 0', '--limit 0 is not a number above 0'],
  ] as const;
  const said = await Promise.all(wrong.map(([line]) => tsipvs(line)));
  for (const [n, [line, problem]] of wrong.entries()) t.same(said[n], { status: 1, stdout: '', stderr: `tsipvs: ${problem}\n` }, line);
  t.equal(daemon.administered.length, before, 'and nothing was asked of the director');
  const alone = ['health', 'health --follow', 'events', 'drain 192.0.2.10:80 10.1.0.1', 'weight 192.0.2.10:80 10.1.0.1 1'];
  for (const [n, one] of (await Promise.all(alone.map((line) => tsipvs(line, '/nowhere/s')))).entries()) {
    t.match(one, { status: 1, stdout: '', stderr: /^tsipvs: no director is running: no tsipvsd listens at \/nowhere\/s [^\n]*\n$/ }, alone[n]);
  }
});

t.test('every command has an example in its help', async (t) => {
  const commands = ['config', 'health', 'events', 'drain', 'enable', 'disable', 'weight'];
  const said = await Promise.all(commands.map((command) => tsipvs(`${command} --help`)));
  for (const [n, command] of commands.entries()) t.match(said[n], { status: 0, stdout: new RegExp(`Examples:\\n +tsipvs ${command} `), stderr: '' }, command);
});

t.test('events are a line of JSON each, and health is printed again at each of them, until the director ends', async (t) => {
  daemon.events = [EVENT, { ...EVENT, state: 'up', message: 'all checks pass' }];
  const { status, stdout } = await tsipvs('events --json --limit 2');
  t.same([status, stdout.trim().split('\n').map((line) => JSON.parse(line))], [0, daemon.events]);
  const own = join(shortDirectory(t), 's.sock');
  const mortal = new ApiServer(daemon.handlers);
  await mortal.listen(own);
  const child = spawn(process.execPath, [COMMAND, 'health', '--follow', '--json'], { env: { ...process.env, TSIPVS_SOCKET: own }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let problem = '';
  child.stderr.on('data', (data) => (problem += data));
  const twice = new Promise<void>((resolve) => child.stdout.on('data', (data) => {
    said += data;
    if (said.split('\n').length > 2) resolve();
  }));
  await twice;
  const ended = once(child, 'exit');
  await mortal.close();
  t.same([(await ended)[0], problem], [1, 'tsipvs: the director ended\n']);
  t.ok(said.trim().split('\n').every((line) => 'services' in (JSON.parse(line) as object)));
});
