#!/usr/bin/env node
/**
 * genhash (keepalived --genhash): the digest of a page, as HTTP_GET and SSL_GET compare it. Options, output and exit status are the
 * original's: 1 for wrong usage, 0 for everything else, also when the connection failed.
 */
import { connect, isIP,  } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { digestOf, keepalivedRequest, splitReply } from '../lib/health/genhash.ts';
import { hexDump } from './genhash/hex-dump.ts';
import { parseGenhashOptions, type GenhashOptions } from './genhash/options.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseGenhashOptions(argv, isIP);
  if ('problem' in parsed) {
    process.stderr.write(parsed.problem);
    return 1;
  }
  const started = process.hrtime.bigint();
  const page = await fetchPage(parsed);
  if (typeof page === 'string') {
    process.stdout.write(`${page}\n`);
    return 0;
  }
  const reply = splitReply(page);
  if (reply === null) {
    process.stderr.write('no data received from remote webserver\n');
    return 0;
  }
  const digest = digestOf(reply.body);
  if (!parsed.verbose) {
    process.stdout.write(`${digest}\n`);
    return 0;
  }
  const usec = (process.hrtime.bigint() - started) / 1000n;
  process.stdout.write(Buffer.from([
    '-----------------------[    HTTP Header Buffer    ]-----------------------\n', hexDump(reply.header),
    '-----------------------[ HTTP Header Ascii Buffer ]-----------------------\n', reply.header.toString('latin1'),
    '\n', ...(reply.body.length === 0 ? [] : ['-----------------------[        HTML Buffer        ]-----------------------\n', hexDump(reply.body)]), '\n',
    '-----------------------[    HTML hash resulting    ]-----------------------\n', hexDump(Buffer.from(digest, 'hex')),
    '-----------------------[ HTML hash final resulting ]-----------------------\n', `${digest}\n`,
    `\nGlobal response time for [${parsed.url}] = ${usec} usecs\n`,
  ].join(''), 'latin1'));
  return 0;
}

/** Everything until the server closes, or what to say instead. */
async function fetchPage(options: GenhashOptions): Promise<Buffer | string> {
  const { server, port, url, virtualHost, protocol, timeoutSec } = options;
  const host = virtualHost ?? `${server.includes(':') ? `[${server}]` : server}:${port}`;
  let socket: Duplex;
  try {
    socket = await connecting(options);
  } catch (error) {
    return (error as Error).message;
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let connected = false;
    const end = (result: Buffer | string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end(!connected ? 'Connection failed' : chunks.length === 0 ? 'Timeout WEB read' : 'Timeout HTTP read'), timeoutSec * 1000);
    socket.once(options.ssl ? 'secureConnect' : 'connect', () => {
      connected = true;
      socket.write(keepalivedRequest(url, host, protocol, 'KeepAliveClient'));
    });
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const closed = (): void => end(connected ? Buffer.concat(chunks) : 'Connection failed');
    socket.on('error', closed);
    socket.on('close', closed);
  });
}

async function connecting({ server, port, ssl, sni, virtualHost, fwmark }: GenhashOptions): Promise<Duplex> {
  // What sets marks needs the native shim; nothing else here does.
  const plain: Duplex = fwmark === 0 ? connect(port, server) : (await import('../lib/health/probe-sockets.ts')).connecting({ address: server, port, fwmark });
  if (!ssl) return plain;
  const secure = connectTls({ socket: plain, rejectUnauthorized: false, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0', ...(sni && virtualHost !== null ? { servername: virtualHost } : {}) });
  plain.on('error', (error) => secure.destroy(error));
  return secure;
}
