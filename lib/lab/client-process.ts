/**
 * The laboratory's client: sends requests through a VIP, each over a fresh connection, and counts who answered.
 *   node client-process.js '[{"kind":"http","address":"198.51.100.100","port":80,"count":300,"concurrency":8}]'
 * Orders are carried out side by side; prints one JSON line. Every request is bounded in time; one that fails is counted with its reason, never retried.
 */
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createHash } from 'node:crypto';
import { get, request } from 'node:http';
import { Readable } from 'node:stream';
import type { ClientOrder, ClientResult } from './client-order.ts';
import { BLOCK_BYTES, reproducibleBytes } from './reproducible-bytes.ts';

const DEFAULT_TIMEOUT_MS = 5_000;

/** Source port of the n-th request; 0 lets the kernel choose. */
function sourcePort(order: ClientOrder, n: number): number {
  return order.firstPort === undefined ? 0 : order.firstPort + n;
}

function httpRequest(order: ClientOrder, n: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = get({ host: order.address, port: order.port, path: '/', localPort: sourcePort(order, n), agent: false, headers: { connection: 'close' }, timeout: order.timeoutMs ?? DEFAULT_TIMEOUT_MS }, (response) => {
      response.resume();
      response.on('end', () => resolve(String(response.headers['x-server'])));
      response.on('error', reject);
    });
    asking.on('timeout', () => asking.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })));
    asking.on('error', reject);
  });
}

function udpRequest(order: ClientOrder, n: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(order.address.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => { socket.close(); reject(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })); }, order.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const finish = (act: () => void): void => { clearTimeout(timer); socket.close(); act(); };
    socket.on('error', (error) => finish(() => reject(error)));
    // A connected socket takes answers from the VIP only, as a real client does.
    socket.bind(sourcePort(order, n), () => socket.connect(order.port, order.address, () => socket.send(`datagram ${n}`)));
    socket.on('message', (message) => {
      const [name, ...rest] = message.toString('latin1').split(' ');
      finish(() => rest.join(' ') === `datagram ${n}` ? resolve(name!) : reject(Object.assign(new Error('wrong echo'), { code: 'WRONG_ECHO' })));
    });
  });
}

function download(order: ClientOrder): Promise<{ server: string; sha256: string; bytes: number }> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let bytes = 0;
    const asking = get({ host: order.address, port: order.port, path: `/bytes/${order.count}`, agent: false, timeout: order.timeoutMs ?? DEFAULT_TIMEOUT_MS }, (response) => {
      response.on('data', (chunk: Buffer) => { hash.update(chunk); bytes += chunk.length; });
      response.on('end', () => resolve({ server: String(response.headers['x-server']), sha256: hash.digest('hex'), bytes }));
      response.on('error', reject);
    });
    asking.on('timeout', () => asking.destroy(Object.assign(new Error('stalled'), { code: 'STALLED' })));
    asking.on('error', reject);
  });
}

function upload(order: ClientOrder): Promise<{ server: string; sha256: string; bytes: number }> {
  return new Promise((resolve, reject) => {
    const sending = request({
      host: order.address, port: order.port, method: 'POST', path: '/', agent: false, headers: { 'content-length': order.count }, timeout: order.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString('latin1'); });
      response.on('end', () => {
        const [sha256 = '', bytes = ''] = text.trim().split(' ');
        resolve({ server: String(response.headers['x-server']), sha256, bytes: Number(bytes) });
      });
      response.on('error', reject);
    });
    sending.on('timeout', () => sending.destroy(Object.assign(new Error('stalled'), { code: 'STALLED' })));
    sending.on('error', reject);
    Readable.from(reproducibleBytes(order.count), { objectMode: false, highWaterMark: BLOCK_BYTES }).pipe(sending);
  });
}

/** One long connection: every message must come back whole and in order. Resolves with the server and what broke, if anything. */
function echoConnection(order: ClientOrder, greeted: () => void): Promise<{ server: string; broken: string | null; messages: number }> {
  return new Promise((resolve) => {
    const socket = connect(order.port, order.address);
    let server = '', received = '', expected = '', sent = 0, timer: NodeJS.Timeout | undefined;
    const end = (broken: string | null): void => {
      clearInterval(timer);
      clearTimeout(limit);
      socket.removeAllListeners();
      socket.on('error', () => { /* already reported */ });
      socket.destroy();
      resolve({ server: server || 'nobody', broken, messages: sent });
    };
    const durationMs = order.durationMs ?? 2_000;
    let limit = setTimeout(() => end('UNANSWERED'), order.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let stopAt = 0;
    socket.setNoDelay(true);
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('close', () => end('CLOSED'));
    socket.on('data', (chunk: Buffer) => {
      let text = chunk.toString('latin1');
      if (server === '') {
        server = text.slice(0, text.indexOf('\n'));
        text = text.slice(server.length + 1);
        stopAt = Date.now() + durationMs;
        clearTimeout(limit);
        limit = setTimeout(() => end(received === expected ? null : 'UNANSWERED'), durationMs + (order.timeoutMs ?? DEFAULT_TIMEOUT_MS));
        greeted();
        timer = setInterval(() => {
          if (Date.now() >= stopAt) { if (received === expected) end(null); return; }
          const message = `message ${sent++};`;
          expected += message;
          socket.write(message);
        }, order.intervalMs ?? 50);
      }
      received += text;
      if (!expected.startsWith(received)) end('CORRUPTED');
    });
  });
}

async function inParallel(count: number, concurrency: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, async () => { while (next < count) await work(next++); }));
}

function count(tally: Record<string, number>, key: string): void {
  tally[key] = (tally[key] ?? 0) + 1;
}

async function carryOut(order: ClientOrder): Promise<ClientResult> {
  const answers: Record<string, number> = {}, failures: Record<string, number> = {};
  const startedMs = Date.now();
  const fail = (error: NodeJS.ErrnoException): void => count(failures, error.code ?? error.message);
  if (order.kind === 'download' || order.kind === 'upload') {
    try {
      const { server, sha256, bytes } = await (order.kind === 'upload' ? upload(order) : download(order));
      count(answers, server);
      return { answers, failures, sha256, bytes, elapsedMs: Date.now() - startedMs };
    } catch (error) { fail(error as NodeJS.ErrnoException); }
  } else if (order.kind === 'echo') {
    const brokenByServer: Record<string, number> = {};
    let messages = 0, waiting = order.count;
    const greeted = (): void => { if (--waiting === 0 && order.readyFile !== undefined) writeFileSync(order.readyFile, ''); };
    await inParallel(order.count, order.count, async () => {
      const result = await echoConnection(order, greeted);
      count(answers, result.server);
      messages += result.messages;
      if (result.broken !== null) { count(failures, result.broken); count(brokenByServer, result.server); }
    });
    return { answers, failures, brokenByServer, messages, elapsedMs: Date.now() - startedMs };
  } else {
    await inParallel(order.count, order.concurrency ?? 8, async (n) => {
      try { count(answers, await (order.kind === 'udp' ? udpRequest(order, n) : httpRequest(order, n))); } catch (error) { fail(error as NodeJS.ErrnoException); }
    });
  }
  return { answers, failures, elapsedMs: Date.now() - startedMs };
}

Promise.all((JSON.parse(process.argv[2] ?? '[]') as ClientOrder[]).map(carryOut))
  .then((results) => console.log(JSON.stringify(results)), (error: Error) => { console.error(error.message); process.exit(1); });
