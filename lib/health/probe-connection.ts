/**
 * One TCP (or TLS) conversation of a probe, with the safety belts in one place: everything that goes wrong is a ProbeFailure with
 * words for it, no more than a given number of bytes is ever held, the socket stops reading as soon as enough is there (a flood
 * costs one buffer), and an abort destroys it.
 */
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { ProbeFailure, type ProbeContext, type ProbeTarget } from './checker.ts';
import type { StopSignal } from './stop-signal.ts';

export interface TlsOptions { readonly servername: string | null; readonly verify: boolean }

/** System error code -> words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', ECONNRESET: 'connection reset', EHOSTUNREACH: 'host unreachable', ENETUNREACH: 'network unreachable', EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out', EADDRNOTAVAIL: 'the address to bind to is not on this host', EMFILE: 'out of file descriptors', EADDRINUSE: 'the port to bind to is in use',
};

const NO_CONNECTION = 'no connection in time';

export class ProbeConnection {
  readonly #socket: Duplex;
  readonly #signal: StopSignal;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #connected = false;
  #failure: ProbeFailure | null = null;
  #wake: (() => void) | null = null;
  readonly #onAbort = (): void => this.#fail(new ProbeFailure(this.#connected ? 'connected, but no complete answer in time' : NO_CONNECTION));

  private constructor(socket: Duplex, signal: StopSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(new ProbeFailure(WORDS[error.code ?? ''] ?? error.message)));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves when connected (and, with TLS, when the handshake is done). Close it in any case. */
  static async open(target: ProbeTarget, { signal, sockets }: ProbeContext, tls?: TlsOptions): Promise<ProbeConnection> {
    const plain = sockets.tcp(target);
    const connection = new ProbeConnection(tls === undefined ? plain : secured(plain, tls), signal);
    const socket = connection.#socket;
    try {
      await new Promise<void>((resolve, reject) => {
        connection.#wake = () => {
          if (connection.#failure !== null) reject(connection.#failure);
          else if (connection.#ended) reject(new ProbeFailure('connection closed'));
        };
        plain.once('connect', () => {
          connection.#connected = true;
          if (tls === undefined) resolve();
        });
        if (tls !== undefined) {
          plain.on('error', (error: NodeJS.ErrnoException) => connection.#fail(new ProbeFailure(WORDS[error.code ?? ''] ?? error.message)));
          socket.once('secureConnect', resolve);
        }
        connection.#wake();
      });
    } catch (error) {
      connection.close();
      plain.destroy();
      throw error;
    }
    connection.#wake = null;
    return connection;
  }

  /** Whether somebody accepts connections there, and nothing more. */
  static async reach(target: ProbeTarget, context: ProbeContext): Promise<void> {
    const reached = context.sockets.reach?.(target, context.signal) ?? null;
    if (reached === null) {
      (await ProbeConnection.open(target, context)).close();
      return;
    }
    try {
      await reached;
    } catch (error) {
      if (context.signal.aborted) throw new ProbeFailure(NO_CONNECTION);
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ProbeFailure(WORDS[code ?? ''] ?? message);
    }
  }

  write(data: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(data);
  }

  /** Reads until `enough` of what was received so far, the end of the stream, or `limit` bytes; what was read. */
  async read(enough: (received: Buffer) => boolean, limit: number): Promise<Buffer> {
    const socket = this.#socket;
    const onData = (chunk: Buffer): void => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      // A flood must not be read any faster than it is looked at.
      socket.pause();
      this.#wake?.();
    };
    socket.on('data', onData);
    try {
      for (;;) {
        if (this.#failure !== null) throw this.#failure;
        const received = this.#received();
        if (received.length >= limit) return received.subarray(0, limit);
        if (received.length > 0 && enough(received)) return received;
        if (this.#ended) return received;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          socket.resume();
        });
        this.#wake = null;
      }
    } finally {
      socket.off('data', onData);
      socket.pause();
    }
  }

  /** Forget what was read so far: the next answer begins. */
  discard(): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#socket.destroy();
  }

  #received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks, this.#bytes));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #fail(failure: ProbeFailure): void {
    this.#failure ??= failure;
    this.#socket.destroy();
    this.#wake?.();
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

function secured(socket: Duplex, { servername, verify }: TlsOptions): Duplex {
  return connectTls({
    socket, rejectUnauthorized: verify, ...(servername === null ? {} : { servername }),
    // Old real servers are to be checked, not to be judged, unless asked for.
    ...(verify ? {} : { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  });
}
