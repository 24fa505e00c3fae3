/** Sockets of Node's, our own TCP, and TLS over either, as byte streams; and Node's datagram sockets, likewise. */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { ByteStream, DatagramListener, Datagrams, StreamListener } from '../device/byte-stream.ts';
import type { TlsOptions } from './checker.ts';

export class NodeStream implements ByteStream {
  readonly #connecting: () => Duplex;
  readonly #tls: TlsOptions | null;
  #plain: Duplex | null = null;
  #socket: Duplex | null = null;
  #listener: StreamListener | null = null;
  #reached = false;
  #flows = false;

  /** `connecting` gives a socket that will emit 'connect'. */
  constructor(connecting: () => Duplex, tls: TlsOptions | null = null) {
    this.#connecting = connecting;
    this.#tls = tls;
  }

  get reached(): boolean {
    return this.#reached;
  }

  open(listener: StreamListener): void {
    this.#listener = listener;
    try {
      const plain = (this.#plain = this.#connecting());
      const socket = (this.#socket = this.#tls === null ? plain : secured(plain, this.#tls));
      plain.once('connect', () => {
        this.#reached = true;
        if (this.#tls === null) this.#listener?.opened();
      });
      if (this.#tls !== null) {
        socket.once('secureConnect', () => this.#listener?.opened());
        plain.on('error', (error) => this.#fail(error));
      }
      socket.on('error', (error) => this.#fail(error));
      socket.on('end', () => this.#listener?.ended());
      socket.on('close', () => this.#listener?.ended());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#socket?.destroyed === false) this.#socket.write(bytes);
  }

  want(): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (!this.#flows) {
      this.#flows = true;
      socket.on('data', (chunk: Buffer) => {
        // A flood must not be read any faster than it is looked at.
        socket.pause();
        this.#listener?.received(chunk);
      });
    }
    socket.resume();
  }

  close(): void {
    this.#listener = null;
    this.#socket?.destroy();
    this.#plain?.destroy();
  }

  #fail(error: Error): void {
    const listener = this.#listener;
    this.close();
    listener?.failed(error);
  }
}

/** What of a datagram socket is used: emits 'connect', 'message' and 'error'. */
export interface ConnectingDatagrams extends EventEmitter {
  send(payload: Uint8Array, done: (error: Error | null) => void): void;
  close(): void;
}

export class NodeDatagrams implements Datagrams {
  readonly #connecting: () => ConnectingDatagrams;
  #socket: ConnectingDatagrams | null = null;
  #listener: DatagramListener | null = null;

  constructor(connecting: () => ConnectingDatagrams) {
    this.#connecting = connecting;
  }

  open(listener: DatagramListener): void {
    this.#listener = listener;
    try {
      const socket = (this.#socket = this.#connecting());
      socket.on('error', (error: Error) => this.#fail(error));
      socket.on('message', (datagram: Buffer) => this.#listener?.received(datagram));
      socket.once('connect', () => this.#listener?.opened());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  send(bytes: Uint8Array): void {
    this.#socket?.send(bytes, (error) => { if (error !== null) this.#fail(error); });
  }

  close(): void {
    this.#listener = null;
    try {
      this.#socket?.close();
    } catch {
      // It never opened, or was closed before.
    }
  }

  #fail(error: Error): void {
    const listener = this.#listener;
    this.close();
    listener?.failed(error);
  }
}

/** One for each choice, not one a probe: making it costs as much as the handshake. It holds no sessions, every handshake is a whole one. */
const contexts = new Map<boolean, SecureContext>();

function secured(socket: Duplex, { servername, identity, verify }: TlsOptions): Duplex {
  let secureContext = contexts.get(verify);
  // Old real servers are to be checked, not to be judged, unless asked for.
  if (secureContext === undefined) contexts.set(verify, (secureContext = createSecureContext(verify ? {} : { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' })));
  return connectTls({ socket, secureContext, rejectUnauthorized: verify, host: identity, ...(servername === null ? {} : { servername }) });
}
