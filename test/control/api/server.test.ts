import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ApiClient, socketPath } from '../../../lib/control/api/client.ts';
import { DEFAULT_SOCKET, type ControlCommand } from '../../../lib/control/api/message.ts';
import { ApiServer, type ApiHandlers, type ApiSession } from '../../../lib/control/api/server.ts';
import { LvsError } from '../../../lib/model/errors.ts';
import { IPIP_TUNNEL } from '../../../lib/model/destination.ts';
import type { ConnectionRecord } from '../../../lib/model/stats.ts';

const directory = mkdtempSync(join(tmpdir(), 'api-'));
t.teardown(() => rmSync(directory, { recursive: true }));
let count = 0;
const freshPath = (): string => join(directory, `s${count++}.sock`);

/** Handlers that refuse everything but what the test gives. */
function handlers(given: Partial<ApiHandlers>): ApiHandlers {
  const unused = (): Promise<never> => Promise.reject(new LvsError('Unsupported', 'not in this test'));
  const all = { info: unused, apply: unused, list: unused, connections: unused, timeouts: unused, daemons: unused, sysctls: unused, marks: unused, stats: unused, explain: unused, trace: unused, shadow: unused, record: unused, endRecording: unused, health: unused, events: unused, administer: unused, configure: unused };
  return { ...all, ...given };
}

async function serve(given: Partial<ApiHandlers>, path = freshPath(), group?: string): Promise<{ server: ApiServer; client: ApiClient; path: string }> {
  const server = new ApiServer(handlers(given));
  await server.listen(path, { group });
  const client = await ApiClient.connect(path);
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  return { server, client, path };
}

const addDestination = (weight: number): ControlCommand => ({
  op: 'addDestination',
  id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 },
  destination: { address: '10.1.0.1', port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 },
});

t.test('a call reaches its handler and the result comes back', async (t) => {
  const { client } = await serve({ timeouts: async () => ({ tcp: 900, tcpFin: 120, udp: 300 }) });
  t.same(await client.call('timeouts', {}), { tcp: 900, tcpFin: 120, udp: 300 });
});

t.test('a handler\'s LvsError keeps its code and message', async (t) => {
  const { client } = await serve({ list: async () => { throw new LvsError('NoSuchService', 'No such service'); } });
  await t.rejects(client.call('list', {}), { code: 'NoSuchService', message: 'No such service' });
});

t.test('ten thousand commands travel in one request, in order', async (t) => {
  const { client } = await serve({
    apply: async ({ commands }) => ({ results: commands.map((command) => command.op === 'addDestination' && command.destination.weight % 2 === 0
      ? { ok: true } : { ok: false, error: { code: 'OutOfRange', message: 'odd' } }) }),
  });
  const { results } = await client.call('apply', { commands: Array.from({ length: 10_000 }, (_, weight) => addDestination(weight)) });
  t.equal(results.length, 10_000);
  t.ok(results.every((result, position) => result.ok === (position % 2 === 0)));
});

t.test('a hundred thousand connections come back whole, and another caller is answered meanwhile', async (t) => {
  const connection: ConnectionRecord = { family: 4, protocol: 6, state: 'ESTABLISHED', expiresSec: 900, client: '203.0.113.7', clientPort: 1, virtual: '192.0.2.10', virtualPort: 80,
    destination: '10.1.0.1', destinationPort: 80, template: false, method: 'masq', pe: null, peData: null };
  const connections = Array.from({ length: 100_000 }, (_, index) => ({ ...connection, clientPort: index & 0xffff }));
  const { client, path } = await serve({ connections: async () => ({ connections }), marks: async () => ({ rules: [] }) });
  const order: string[] = [];
  const other = await ApiClient.connect(path);
  t.teardown(() => other.close());
  const large = client.call('connections', {}).then((reply) => { order.push('connections'); return reply; });
  await other.call('marks', {}).then(() => order.push('marks'));
  const reply = await large;
  t.same(order, ['marks', 'connections']);
  t.equal(reply.connections.length, 100_000);
  t.same(reply.connections[70_000], connections[70_000]);
});

t.test('a malformed request is refused by the name of the field', async (t) => {
  const { client } = await serve({ apply: async () => ({ results: [] }) });
  const bad = (commands: unknown): Promise<unknown> => client.call('apply', { commands: commands as ControlCommand[] });
  const good = addDestination(1) as Extract<ControlCommand, { op: 'addDestination' }>;
  const cases: [unknown, RegExp][] = [
    [[{ op: 'fly' }], /^commands\[0\]\.op: must be one of addService, /],
    [[good, { ...good, destination: { ...good.destination, weight: '3' } }], /^commands\[1\]\.destination\.weight: must be an integer from 0 to 2147483647/],
    [[{ ...good, destination: { ...good.destination, wieght: 3 } }], /^commands\[0\]\.destination\.wieght: unknown field/],
    [[{ ...good, destination: { ...good.destination, address: '10.1.0.256' } }], /^commands\[0\]\.destination\.address: "10\.1\.0\.256" is not an IP address/],
    [[{ ...good, id: { kind: 'fwmark', fwmark: 0, family: 4 } }], /^commands\[0\]\.id\.fwmark: /],
    [[{ op: 'sysctl', name: 'toString', value: 1 }], /^commands\[0\]\.name: /],
    [[{ op: 'marks', rules: [{ mark: 1, sourcePorts: [2, 1] }] }], /^commands\[0\]\.rules\[0\]\.sourcePorts: /],
    [{}, /^commands: must be a list/],
  ];
  for (const [commands, message] of cases) await t.rejects(bad(commands), { code: 'BadRequest', message });
  await t.rejects(client.call('nonsense' as 'list', {}), { code: 'BadRequest', message: /"nonsense" is not a method/ });
});

t.test('bytes that are not JSON get an answer, and the next request on the connection works', async (t) => {
  const { path } = await serve({ marks: async () => ({ rules: [] }) });
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  let received = '';
  const done = new Promise<void>((resolve) => socket.on('data', (chunk) => {
    received += chunk;
    if (received.split('\n').length === 3) resolve();
  }));
  socket.write('{"id":1\n{"id":2,"method":"ma');
  socket.write('rks"}\n');
  await done;
  const [first, second] = received.split('\n').map((line) => line === '' ? null : JSON.parse(line));
  t.equal(first.error.code, 'BadRequest');
  t.same(second, { id: 2, result: { rules: [] } });
});

t.test('a subscription delivers events until its client closes', async (t) => {
  let session: ApiSession | undefined;
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => { closed = resolve; });
  const { path } = await serve({ trace: async (_, given) => { session = given; given.onClose(closed); return { started: true }; } });
  const client = await ApiClient.connect(path);
  const record = { timeMs: 1, interface: 'cl0', packet: 'TCP', steps: [], verdict: 'pass', reason: '' } as const;
  const first = new Promise<unknown>((resolve) => void client.subscribe({}, resolve).then(() => session!.event(record)));
  t.same(await first, record);
  client.close();
  await gone;
});

t.test('the socket is mode 0600, 0660 with a group, and gone after close', async (t) => {
  const { path, server } = await serve({});
  t.equal(statSync(path).mode & 0o777, 0o600);
  const grouped = await serve({}, freshPath(), String(process.getgid!()));
  t.equal(statSync(grouped.path).mode & 0o777, 0o660);
  await server.close();
  t.notOk(existsSync(path));
  await t.rejects(new ApiServer(handlers({})).listen(freshPath(), { group: 'no-such-group' }), { code: 'BadRequest', message: /no-such-group/ });
});

t.test('a dead daemon\'s socket file is replaced; a live one and other files are refused', async (t) => {
  const { path } = await serve({});
  await t.rejects(new ApiServer(handlers({})).listen(path), { code: 'DaemonRunning', message: new RegExp(`already listens at ${path}`) });

  const stale = freshPath();
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(`${stale}.real`, resolve));
  const { linkSync } = await import('node:fs');
  linkSync(`${stale}.real`, stale);
  await new Promise((resolve) => dead.close(resolve));
  t.ok(existsSync(stale));
  const { client } = await serve({ marks: async () => ({ rules: [] }) }, stale);
  t.same(await client.call('marks', {}), { rules: [] });

  const file = freshPath();
  writeFileSync(file, '');
  await t.rejects(new ApiServer(handlers({})).listen(file), { code: 'InvalidOperation', message: /not a socket/ });
});

t.test('without a daemon the error is one line that names the socket and how to start one', async (t) => {
  const path = freshPath();
  await t.rejects(ApiClient.connect(path), { code: 'NotRunning', message: `no director is running: no tsipvsd listens at ${path} (start one with: tsipvsd --socket ${path})` });
});

t.test('a call that is waiting when the daemon ends fails with NotRunning', async (t) => {
  const { client, server } = await serve({ stats: () => new Promise(() => {}) });
  const waiting = client.call('stats', {});
  const failed = t.rejects(waiting, { code: 'NotRunning' });
  await server.close();
  await failed;
});

t.test('TSIPVS_SOCKET names the socket', async (t) => {
  t.equal(socketPath({ TSIPVS_SOCKET: '/tmp/x.sock' }), '/tmp/x.sock');
  t.equal(socketPath({ TSIPVS_SOCKET: '' }), DEFAULT_SOCKET);
  t.equal(socketPath({}), DEFAULT_SOCKET);
});

t.test('events are a subscription: they follow the reply until the caller leaves', async (t) => {
  let session: ApiSession | null = null;
  let left = false;
  const { client } = await serve({
    events: async (_, given) => {
      session = given;
      given.onClose(() => (left = true));
      return { started: true };
    },
  });
  const heard: unknown[] = [];
  t.same(await client.follow((event) => void heard.push(event)), { started: true });
  const event = { timeMs: 1, kind: 'service', service: 'web', server: null, state: 'up', message: 'x' } as const;
  session!.event(event);
  session!.event(event);
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.same(heard, [event, event]);
  client.close();
  while (!left) await new Promise((resolve) => setTimeout(resolve, 5));
});
