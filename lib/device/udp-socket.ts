/** A connected UDP socket by bare system calls, so that ICMP errors come back as its own. */
import { closeFd, connect, EAGAIN, EPOLLIN, receive, send, SystemCallError } from '../../native-shims/index.ts';
import { bareEnds, openBare, received, SOCK_DGRAM, type BareEnds } from './bare-socket.ts';
import type { DatagramListener, Datagrams } from './byte-stream.ts';
import type { MarkedTarget } from './marked-socket.ts';
import { readiness, type Watched } from './readiness.ts';

/** A flood of datagrams is looked at no faster. */
const DATAGRAMS_A_TURN = 16;
const CLOSED = -1;

/** Null where Node's sockets know more: a name, an address with a scope, no native part. */
export function udpSocket(target: MarkedTarget): Datagrams | null {
  const ends = bareEnds(target);
  return ends === null ? null : new UdpSocket(target, ends);
}

class UdpSocket implements Datagrams, Watched {
  readonly #target: MarkedTarget;
  readonly #ends: BareEnds;
  #fd = CLOSED;
  #number = 0;
  #listener: DatagramListener | null = null;

  constructor(target: MarkedTarget, ends: BareEnds) {
    this.#target = target;
    this.#ends = ends;
  }

  open(listener: DatagramListener): void {
    this.#listener = listener;
    try {
      this.#fd = openBare(SOCK_DGRAM, this.#target, this.#ends);
      connect(this.#fd, this.#ends.to);
      this.#number = readiness().watch(this.#fd, EPOLLIN, this);
    } catch (error) {
      this.close();
      return listener.failed(error as Error);
    }
    listener.opened();
  }

  send(bytes: Uint8Array): void {
    if (this.#fd === CLOSED) return;
    const sent = bytes.length === 0 ? 0 : send(this.#fd, bytes);
    if (sent < 0) this.#fail('send', -sent);
  }

  close(): void {
    this.#listener = null;
    if (this.#fd === CLOSED) return;
    readiness().forget(this.#number);
    closeFd(this.#fd);
    this.#fd = CLOSED;
  }

  ready(): void {
    for (let n = 0; n < DATAGRAMS_A_TURN && this.#fd !== CLOSED; n++) {
      const length = receive(this.#fd, received);
      if (length === -EAGAIN) return;
      if (length < 0) return this.#fail('recv', -length);
      this.#listener?.received(received.subarray(0, length));
    }
  }

  turn(): void {}

  #fail(call: string, errno: number): void {
    const listener = this.#listener;
    this.close();
    listener?.failed(new SystemCallError(call, errno));
  }
}
