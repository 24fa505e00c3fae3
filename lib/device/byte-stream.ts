/** A connection as probes use it, whatever carries it: bare system calls, a socket of Node's, TLS, our own TCP. */

export interface StreamListener {
  /** It can be written to and read from. */
  opened(): void;
  /** NB: the bytes are only there during the call. */
  received(bytes: Uint8Array): void;
  /** The peer sends no more. */
  ended(): void;
  /** Nothing more comes. With the system's error code, where it has one. */
  failed(error: Error): void;
}

export interface ByteStream {
  /** Somebody has accepted the connection. */
  readonly reached: boolean;
  /** Begin to connect. The listener may be called within. */
  open(listener: StreamListener): void;
  write(bytes: Uint8Array): void;
  /** Let received() be called once, or ended() or failed(): nothing is read without being asked for. */
  want(): void;
  /** Nobody is called any more. */
  close(): void;
}

export interface DatagramListener {
  /** Datagrams can be sent. */
  opened(): void;
  /** NB: the bytes are only there during the call. */
  received(bytes: Uint8Array): void;
  /** An ICMP error came back, or the socket cannot be had. */
  failed(error: Error): void;
}

export interface Datagrams {
  /** The listener may be called within. */
  open(listener: DatagramListener): void;
  send(bytes: Uint8Array): void;
  /** Nobody is called any more. */
  close(): void;
}
