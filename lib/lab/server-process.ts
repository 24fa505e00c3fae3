/**
 * The laboratory's real server: a tiny HTTP server that says who it is, with TCP and UDP echo. One process a server, no dependency.
 *   node server-process.js NAME UDP_ADDRESS...
 * GET / says who answered whom; GET /bytes/N sends N reproducible bytes; POST says what arrived. UDP is bound to each address apart, because an answer from a
 * wildcard socket would leave with the server's own address instead of the VIP: the classic trap of UDP under direct routing.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { BLOCK_BYTES, reproducibleBytes } from './reproducible-bytes.ts';
import { ECHO_PORT, HTTP_PORT } from './topology.ts';

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  const size = /^\/bytes\/(\d{1,10})$/.exec(request.url ?? '');
  response.setHeader('x-server', name);
  if (request.method === 'POST') {
    const hash = createHash('sha256');
    let bytes = 0;
    request.on('data', (chunk: Buffer) => { hash.update(chunk); bytes += chunk.length; });
    request.on('end', () => response.end(`${hash.digest('hex')} ${bytes}\n`));
    return;
  }
  if (size === null) {
    const { remoteAddress, remotePort, localAddress, localPort } = request.socket;
    request.resume();
    response.end(`${name}: you are ${remoteAddress} port ${remotePort}, you reached ${localAddress} port ${localPort}\n`);
    return;
  }
  const total = Number(size[1]);
  response.setHeader('content-length', total);
  Readable.from(reproducibleBytes(total), { objectMode: false, highWaterMark: BLOCK_BYTES }).pipe(response);
}

async function serve(name: string, udpAddresses: readonly string[]): Promise<void> {
  const http = createHttpServer((request, response) => answer(name, request, response));
  const echo = createTcpServer((socket) => {
    socket.on('error', () => { /* the client went away; its own side reports it */ });
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  await Promise.all([
    new Promise<void>((resolve) => http.listen(HTTP_PORT, '::', 1024, resolve)),
    new Promise<void>((resolve) => echo.listen(ECHO_PORT, '::', 1024, resolve)),
    ...udpAddresses.map((address) => new Promise<void>((resolve, reject) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.on('message', (message, peer) => socket.send(`${name} ${message.toString('latin1')}`, peer.port, peer.address, () => { /* an unreachable client is its own affair */ }));
      socket.once('error', reject);
      socket.bind(ECHO_PORT, address, resolve);
    })),
  ]);
  console.log(`${name} serving`);
}

const [name = 'server', ...udpAddresses] = process.argv.slice(2);
process.on('SIGTERM', () => process.exit(0));
serve(name, udpAddresses).catch((error: Error) => { console.error(error.message); process.exit(1); });
