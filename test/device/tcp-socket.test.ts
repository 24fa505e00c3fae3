/** TCP by bare system calls, against this host's own listeners: at once, refused, those that have to wait, floods, ends, and what is left open. */
import t from 'tap';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ByteStream, StreamListener } from '../../lib/device/byte-stream.ts';
import { readiness } from '../../lib/device/readiness.ts';
import { tcpSocket } from '../../lib/device/tcp-socket.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const SKIP = nativeProblem() ?? false;
// What waits for a bare socket keeps no process alive: a probe's deadline does.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

/** Listens with room for one connection, and accepts none until `gate` is opened. */
const FULL_LISTENER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer((socket) => socket.on('error', () => {}).on('end', () => socket.end()).resume());
server.listen(0, '127.0.0.1', 1, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData, 0, 0);
});`;

/** Everything that a stream tells, in order. */
class Told implements StreamListener {
  readonly events: string[] = [];
  #wake: () => void = () => {};
  opened(): void { this.#add('opened'); }
  received(bytes: Uint8Array): void { this.#add(Buffer.from(bytes).toString('latin1')); }
  ended(): void { this.#add('ended'); }
  failed(error: NodeJS.ErrnoException): void { this.#add(error.code ?? error.message); }

  async until(count: number): Promise<string[]> {
    while (this.events.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.events;
  }

  #add(event: string): void {
    this.events.push(event);
    this.#wake();
  }
}

async function listening(behave: (socket: Socket) => void, host = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => behave(socket.on('error', () => {}))).listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function opened(port: number, more: { readonly bindAddress?: string; readonly bindPort?: number; readonly address?: string } = {}): { stream: ByteStream; told: Told } {
  const told = new Told();
  const stream = tcpSocket({ address: '127.0.0.1', port, ...more })!;
  stream.open(told);
  return { stream, told };
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

t.test('a listener is reached over IPv4 and IPv6, from an address that was asked for too; the server sees the connection end', { skip: SKIP }, async (t) => {
  const peers: (string | undefined)[] = [];
  const ended: Promise<unknown>[] = [];
  const { server, port } = await listening((socket) => {
    peers.push(socket.remoteAddress);
    ended.push(once(socket.resume(), 'close'));
  }, '::');
  for (const more of [{}, { bindAddress: '127.0.0.9' }, { address: '::1' }]) {
    const { stream, told } = opened(port, more);
    t.same(await told.until(1), ['opened']);
    t.ok(stream.reached);
    stream.close();
  }
  while (ended.length < 3) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(ended);
  t.same(peers, ['::ffff:127.0.0.1', '::ffff:127.0.0.9', '::1']);
  server.close();
  await once(server, 'close');
  const refused = opened(port);
  t.same(await refused.told.until(1), ['ECONNREFUSED']);
  t.notOk(refused.stream.reached);
});

t.test('an address to bind to that is not here is named so; what is no address is left to others', { skip: SKIP }, async (t) => {
  t.same(await opened(9, { bindAddress: '203.0.113.9' }).told.until(1), ['EADDRNOTAVAIL']);
  t.equal(tcpSocket({ address: 'fe80::1%lo', port: 9 }), null);
  t.equal(tcpSocket({ address: 'localhost', port: 9 }), null);
});

t.test('nothing is read that was not asked for, pieces come as they were sent, the end comes after them and once', { skip: SKIP }, async (t) => {
  const { server, port } = await listening((socket) => void socket.once('data', (data) => {
    socket.write(`${data}!`);
    setTimeout(() => socket.end('last'), 30);
  }));
  const { stream, told } = opened(port);
  stream.write(Buffer.from('hello'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.same(told.events, ['opened']);
  stream.want();
  t.same(await told.until(2), ['opened', 'hello!last']);
  stream.want();
  t.same(await told.until(3), ['opened', 'hello!last', 'ended']);
  stream.want();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(told.events.length, 3);
  stream.close();
  server.close();
});

t.test('a reset is told as such, while reading and while nobody reads', { skip: SKIP }, async (t) => {
  const { server, port } = await listening((socket) => setTimeout(() => socket.resetAndDestroy(), 20));
  const reading = opened(port);
  reading.stream.want();
  t.same(await reading.told.until(2), ['opened', 'ECONNRESET']);
  const idle = opened(port);
  await new Promise((resolve) => setTimeout(resolve, 80));
  idle.stream.want();
  t.same(await idle.told.until(2), ['opened', 'ECONNRESET']);
  server.close();
});

t.test('more than the peer takes at once is sent in its time', { skip: SKIP }, async (t) => {
  const SIZE = 8 * 1024 * 1024;
  let heard = 0;
  const { server, port } = await listening((socket) => {
    socket.pause();
    setTimeout(() => socket.resume(), 100);
    socket.on('data', (data) => {
      heard += data.length;
      if (heard === SIZE) socket.end('all');
    });
  });
  const { stream, told } = opened(port);
  stream.write(Buffer.alloc(SIZE - 3, 'a'));
  stream.write(Buffer.from('bcd'));
  stream.want();
  t.same(await told.until(2), ['opened', 'all']);
  t.equal(heard, SIZE);
  stream.close();
  server.close();
});

t.test('a flood is read a buffer at a time, and only when asked', { skip: SKIP }, async (t) => {
  const { server, port } = await listening((socket) => {
    const block = Buffer.alloc(1 << 20, 'A');
    const pour = (): void => { while (!socket.destroyed && socket.write(block)); };
    socket.on('drain', pour);
    pour();
  });
  const { stream, told } = opened(port);
  for (let n = 2; n < 12; n++) {
    stream.want();
    await told.until(n);
    await new Promise((resolve) => setTimeout(resolve, 5));
    t.equal(told.events.length, n);
    t.ok(told.events.at(-1)!.length <= 65_536);
  }
  stream.close();
  server.close();
});

t.test('a listener without room: the connection waits until there is some, or is called off', { skip: SKIP, timeout: 30_000 }, async (t) => {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(FULL_LISTENER, { eval: true, workerData: gate });
  const [port] = (await once(worker, 'message')) as [number];
  for (let i = 0; i < 2; i++) {
    const { stream, told } = opened(port);
    t.same(await told.until(1), ['opened']);
    stream.close();
  }
  const [waits, calledOff] = [opened(port), opened(port)];
  calledOff.stream.write(Buffer.from('never sent'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.same([waits.told.events, waits.stream.reached], [[], false]);
  calledOff.stream.close();
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  t.same(await waits.told.until(1), ['opened']);
  waits.stream.close();
  t.same(calledOff.told.events, []);
  await worker.terminate();
});

t.test('no descriptor is left, whatever becomes of a connection', { skip: SKIP }, async (t) => {
  const { server, port } = await listening((socket) => void socket.once('data', () => socket.resetAndDestroy()));
  opened(port).stream.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = descriptors();
  for (let n = 0; n < 200; n++) {
    const { stream, told } = opened(n % 4 === 0 ? 1 : port, n % 5 === 0 ? { bindAddress: '203.0.113.9' } : {});
    if (n % 3 === 0) stream.want();
    if (n % 2 === 0) stream.write(Buffer.from('x'));
    if (n % 3 === 0 && told.events[0] === 'opened' && n % 2 === 0) await told.until(2);
    stream.close();
    stream.close();
  }
  while (await connections(server) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(descriptors(), before);
  t.equal(readiness().size, 0);
  server.close();
});

t.test('a port that is asked for serves one connection after the other, to several servers at once too', { skip: SKIP }, async (t) => {
  const servers = [await listening((socket) => void socket.resume()), await listening((socket) => void socket.resume())];
  const bindPort = (servers[0]!.port % 20_000) + 10_000;
  for (let round = 0; round < 3; round++) {
    const both = servers.map(({ port }) => opened(port, { bindAddress: '127.0.0.77', bindPort }));
    for (const { told } of both) t.same(await told.until(1), ['opened']);
    for (const { stream } of both) stream.close();
  }
  for (const { server } of servers) server.close();
});

t.test('connections from one address do not use up its ports', { skip: SKIP }, async (t) => {
  // Of a port range of two, in a namespace of its own, four servers are reached from one address.
  const program = `
    import { tcpSocket } from ${JSON.stringify(join(import.meta.dirname, '../../lib/device/tcp-socket.js'))};
    import { createServer } from 'node:net';
    for (let n = 0; n < 4; n++) {
      const server = createServer((socket) => socket.on('error', () => {})).listen(7000 + n, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const stream = tcpSocket({ address: '127.0.0.1', port: 7000 + n, bindAddress: '127.0.0.5' });
      stream.open({ opened: () => process.stdout.write('o'), failed: (error) => process.stdout.write(error.code) });
      stream.close();
    }
    process.exit();`;
  const run = spawnSync('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range; exec "$0" --input-type=module -e "$1"', process.execPath, program], { encoding: 'utf8', timeout: 30_000 });
  if (/Operation not permitted/.test(run.stderr)) t.comment('network namespaces need root');
  else t.equal(run.stdout, 'oooo', run.stderr);
});

function connections(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}
