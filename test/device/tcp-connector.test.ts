/** Connections that are made and let go, against this host's own listeners: at once, refused, and those that have to wait. */
import t from 'tap';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { connectOnly } from '../../lib/device/tcp-connector.ts';
import { Stop } from '../../lib/health/stop-signal.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const SKIP = nativeProblem() ?? false;

/** Listens with room for one connection, and accepts none until `gate` is opened. */
const FULL_LISTENER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer((socket) => socket.on('error', () => {}).on('end', () => socket.end()).resume());
server.listen(0, '127.0.0.1', 1, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData, 0, 0);
});`;

t.test('a listener is reached, from an address that was asked for too; the server sees the connection end', { skip: SKIP }, async (t) => {
  const peers: (string | undefined)[] = [];
  const ended: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    peers.push(socket.remoteAddress);
    ended.push(once(socket.resume(), 'close'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await connectOnly({ address: '127.0.0.1', port }, new Stop());
  await connectOnly({ address: '127.0.0.1', port, bindAddress: '127.0.0.9' }, new Stop());
  while (ended.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(ended);
  t.same(peers, ['127.0.0.1', '127.0.0.9']);
  server.close();
  await once(server, 'close');
  await t.rejects(connectOnly({ address: '127.0.0.1', port }, new Stop())!, { code: 'ECONNREFUSED' });
});

t.test('an address to bind to that is not here is named so; what is no address is left to others', { skip: SKIP }, async (t) => {
  await t.rejects(connectOnly({ address: '127.0.0.1', port: 9, bindAddress: '203.0.113.9' }, new Stop())!, { code: 'EADDRNOTAVAIL' });
  t.equal(connectOnly({ address: 'fe80::1%lo', port: 9 }, new Stop()), null);
});

t.test('a listener without room: the connection waits until there is some, or is called off', { skip: SKIP, timeout: 30_000 }, async (t) => {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(FULL_LISTENER, { eval: true, workerData: gate });
  const [port] = (await once(worker, 'message')) as [number];
  const target = { address: '127.0.0.1', port };
  for (let i = 0; i < 2; i++) await connectOnly(target, new Stop());
  const stop = new Stop();
  let over = false;
  const waits = connectOnly(target, new Stop())!.then(() => (over = true));
  const calledOff = connectOnly(target, stop)!;
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.notOk(over);
  stop.abort();
  await t.rejects(calledOff, { code: 'ETIMEDOUT' });
  const late = new Stop();
  late.abort();
  await t.rejects(connectOnly(target, late)!, { code: 'ETIMEDOUT' });
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  t.ok(await waits);
  await worker.terminate();
});
