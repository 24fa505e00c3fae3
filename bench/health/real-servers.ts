/** Real servers for the health bench, in a process of their own: web, mail, names, echo, on every address of 127.0.0.0/8 at a few ports each. */
import { spawnSync } from 'node:child_process';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

export const PORTS = 8;
const BACKLOG = 4096;
const PAGE = 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok';

export interface Ports {
  readonly web: readonly number[];
  /** Null without openssl. */
  readonly secureWeb: readonly number[] | null;
  readonly mail: readonly number[];
  readonly dns: readonly number[];
  readonly echo: readonly number[];
}

/** Tells the parent the ports; ends with it. */
export async function serve(): Promise<void> {
  const identity = certificate();
  const page = (socket: Socket): void => void socket.on('error', () => {}).once('data', () => socket.end(PAGE));
  const ports: Ports = {
    web: await each(() => listening(createServer(page))),
    secureWeb: identity === null ? null : await each(() => listening(createTlsServer(identity, page).on('tlsClientError', () => {}))),
    mail: await each(() => listening(createServer((socket) => {
      socket.on('error', () => {}).on('data', (data) => socket.write(data.toString('latin1').startsWith('HELO') ? '250 ok\r\n' : '221 bye\r\n'));
      socket.write('220 lab ESMTP\r\n');
    }))),
    dns: await each(() => answering((query) => {
      query[2]! |= 0x80;
      return query;
    })),
    echo: await each(() => answering((datagram) => datagram)),
  };
  process.send!(ports);
  process.once('disconnect', () => process.exit());
}

function each(make: () => Promise<number>): Promise<number[]> {
  return Promise.all(Array.from({ length: PORTS }, make));
}

async function listening(server: Server): Promise<number> {
  server.listen({ port: 0, host: '0.0.0.0', backlog: BACKLOG });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function answering(answer: (datagram: Buffer) => Buffer): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (datagram: Buffer, { port, address }: RemoteInfo) => socket.send(answer(datagram), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}

function certificate(): { readonly key: Buffer; readonly cert: Buffer } | null {
  const directory = mkdtempSync(join(tmpdir(), 'health-bench-'));
  try {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name)) as [string, string];
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=bench', '-keyout', key, '-out', cert]);
    return made.status === 0 ? { key: readFileSync(key), cert: readFileSync(cert) } : null;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
