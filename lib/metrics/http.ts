/** The scrape endpoint: /metrics, and / with a link to it. */
import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import { LvsError } from '../model/errors.ts';
import type { PrometheusMetrics } from './prometheus.ts';

export interface MetricsAddress { readonly host: string; readonly port: number }

const INDEX = '<!DOCTYPE html><title>tsipvs</title><h1>tsipvs</h1><p><a href="/metrics">Metrics</a></p>\n';

/** "9117", "0.0.0.0:9117" or "[::1]:9117"; null if it is none of these. */
export function parseMetricsAddress(text: string): MetricsAddress | null {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  const host = match[1] ?? match[2] ?? '127.0.0.1';
  if (port > 65535 || (match[1] !== undefined && isIP(match[1]) !== 6)) return null;
  return { host, port };
}

export class MetricsServer {
  readonly #server: Server;

  constructor(metrics: PrometheusMetrics) {
    this.#server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      } else if (path === '/') {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(INDEX);
      } else if (path === '/metrics') {
        metrics.render().then(
          (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
          (error: Error) => response.writeHead(503, { 'content-type': 'text/plain' }).end(`${error.message}\n`),
        );
      } else {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n');
      }
    });
  }

  /** The port it really listens on (for port 0). */
  async listen({ host, port }: MetricsAddress): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('listening', resolve);
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      this.#server.listen(port, host);
    });
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): LvsError {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (error.code === 'EADDRINUSE') return new LvsError('InvalidOperation', `metrics address ${place} is in use: choose another with --metrics [ADDR:]PORT`);
  if (error.code === 'EACCES') return new LvsError('Permission', `no permission to listen for metrics at ${place}: choose a port above 1023 with --metrics [ADDR:]PORT`);
  return new LvsError('InvalidOperation', `cannot listen for metrics at ${place}: ${error.message}`);
}
