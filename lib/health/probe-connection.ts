/**
 * One TCP (or TLS) conversation of a probe, with the safety belts in one place: everything that goes wrong is a ProbeFailure with
 * words for it, nothing is read that was not asked for (a flood costs one buffer), no more than a given number of bytes is ever held,
 * and an abort closes it.
 */
import type { ByteStream, StreamListener } from '../device/byte-stream.ts';
import { ProbeFailure, type ProbeContext, type ProbeTarget, type TlsOptions } from './checker.ts';
import type { StopSignal } from './stop-signal.ts';

/** System error code -> words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', ECONNRESET: 'connection reset', EHOSTUNREACH: 'host unreachable', ENETUNREACH: 'network unreachable', EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out', EADDRNOTAVAIL: 'the address to bind to is not on this host', EMFILE: 'out of file descriptors', EADDRINUSE: 'the port to bind to is in use',
};

const NOTHING = Buffer.alloc(0);

export class ProbeConnection implements StreamListener {
  readonly #stream: ByteStream;
  readonly #signal: StopSignal;
  /** What was received and not discarded; room for more behind it. */
  #memory: Buffer = NOTHING;
  #length = 0;
  #isOpen = false;
  #ended = false;
  #failure: ProbeFailure | null = null;
  #wake: (() => void) | null = null;
  readonly #onAbort = (): void => this.#fail(new ProbeFailure(this.#stream.reached ? 'connected, but no complete answer in time' : 'no connection in time'));

  private constructor(stream: ByteStream, signal: StopSignal) {
    this.#stream = stream;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    else stream.open(this);
  }

  /** Resolves when connected (and, with TLS, when the handshake is done). Close it in any case. */
  static async open(target: ProbeTarget, { signal, sockets }: ProbeContext, tls?: TlsOptions): Promise<ProbeConnection> {
    const connection = new ProbeConnection(tls === undefined ? sockets.stream(target) : sockets.secureStream(target, tls), signal);
    while (!connection.#isOpen && !connection.#isOver) await connection.#change();
    if (connection.#isOpen) return connection;
    connection.close();
    throw connection.#failure ?? new ProbeFailure('connection closed');
  }

  write(data: string | Uint8Array): void {
    this.#stream.write(typeof data === 'string' ? Buffer.from(data) : data);
  }

  /** Reads until `enough` of what was received so far, the end of the stream, or `limit` bytes; what was read. */
  async read(enough: (received: Buffer) => boolean, limit: number): Promise<Buffer> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const received = this.#memory.subarray(0, Math.min(this.#length, limit));
      if (received.length >= limit || this.#ended || (received.length > 0 && enough(received))) return received;
      this.#stream.want();
      await this.#change();
    }
  }

  /** Forget what was read so far: the next answer begins. */
  discard(): void {
    this.#memory = NOTHING;
    this.#length = 0;
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stream.close();
  }

  opened(): void {
    this.#isOpen = true;
    this.#wake?.();
  }

  received(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const memory = Buffer.allocUnsafe(this.#length === 0 ? length : Math.max(length, 2 * this.#memory.length));
      this.#memory.copy(memory, 0, 0, this.#length);
      this.#memory = memory;
    }
    this.#memory.set(bytes, this.#length);
    this.#length = length;
    this.#wake?.();
  }

  ended(): void {
    this.#ended = true;
    this.#wake?.();
  }

  failed(error: NodeJS.ErrnoException): void {
    this.#fail(new ProbeFailure(WORDS[error.code ?? ''] ?? error.message));
  }

  get #isOver(): boolean {
    return this.#failure !== null || this.#ended;
  }

  /** NB: what is asked of the stream may be there within the call, before anybody waits for it. */
  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #fail(failure: ProbeFailure): void {
    this.#failure ??= failure;
    this.#stream.close();
    this.#wake?.();
  }
}
