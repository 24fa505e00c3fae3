/**
 * A TCP connection by bare system calls, for thousands of short ones: connect, write what is asked, read when asked, close. The socket joins the
 * epoll set only when it has to wait.
 *
 *   open ──connect──► accepted at once (this host's own addresses) ──► opened
 *                └──► waits ──writable──► SO_ERROR ──► opened | failed
 *   want ──► readable? one recv, a buffer at most ──► received | ended | failed
 */
import {
  beginConnect, closeFd, EAGAIN, EINPROGRESS, EINTR, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, getsockopt, pollNow, POLLOUT, receive, send, SystemCallError,
} from '../../native-shims/index.ts';
import { bareEnds, openBare, received, SOCK_STREAM, type BareEnds } from './bare-socket.ts';
import type { ByteStream, StreamListener } from './byte-stream.ts';
import type { MarkedTarget } from './marked-socket.ts';
import { readiness, type Watched } from './readiness.ts';

const SOL_SOCKET = 1, SO_ERROR = 4;
const CLOSED = -1;

/** Null where Node's sockets know more: a name, an address with a scope, no native part. */
export function tcpSocket(target: MarkedTarget): ByteStream | null {
  const ends = bareEnds(target);
  return ends === null ? null : new TcpSocket(target, ends);
}

class TcpSocket implements ByteStream, Watched {
  readonly #target: MarkedTarget;
  readonly #ends: BareEnds;
  #fd = CLOSED;
  /** In the epoll set; 0 = not there. */
  #number = 0;
  #listener: StreamListener | null = null;
  #reached = false;
  #wanted = false;
  /** Edge-triggered: it is told of once, and holds until a recv has left nothing. */
  #mayHold = false;
  /** The peer has ended, in one way or another: behind what is read there is something more, which is told of no more. */
  #hungUp = false;
  #unsent: Uint8Array[] = [];

  constructor(target: MarkedTarget, ends: BareEnds) {
    this.#target = target;
    this.#ends = ends;
  }

  get reached(): boolean {
    return this.#reached;
  }

  open(listener: StreamListener): void {
    this.#listener = listener;
    try {
      this.#fd = openBare(SOCK_STREAM, this.#target, this.#ends);
      const result = beginConnect(this.#fd, this.#ends.to);
      // Fast path: this host's own addresses answer within connect(2).
      const writable = result === -EINPROGRESS ? pollNow(this.#fd, POLLOUT) : 0;
      if (result === 0 || writable === POLLOUT) this.#opened();
      else if (result !== -EINPROGRESS) this.#fail('connect', -result);
      else if (writable !== 0) this.#connected();
      else this.#wait();
    } catch (error) {
      this.#end((one) => one.failed(error as Error));
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#fd === CLOSED || bytes.length === 0) return;
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#flush();
  }

  want(): void {
    this.#wanted = true;
    if (this.#fd === CLOSED) return;
    if (this.#mayHold) readiness().later(this);
    else if (this.#number === 0) this.#wait();
  }

  close(): void {
    this.#listener = null;
    if (this.#fd === CLOSED) return;
    if (this.#number !== 0) readiness().forget(this.#number);
    closeFd(this.#fd);
    this.#fd = CLOSED;
  }

  ready(events: number): void {
    if (this.#fd === CLOSED) return;
    if (!this.#reached) return this.#connected();
    if ((events & EPOLLOUT) !== 0) this.#flush();
    if ((events & ~EPOLLOUT) === 0) return;
    this.#mayHold = true;
    this.#hungUp ||= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0;
    this.turn();
  }

  turn(): void {
    if (this.#fd === CLOSED || !this.#wanted || !this.#mayHold) return;
    const length = receive(this.#fd, received);
    if (length === -EAGAIN || length === -EINTR) {
      this.#mayHold = length === -EINTR;
      return this.want();
    }
    this.#wanted = false;
    this.#mayHold = this.#hungUp || length === received.length;
    if (length > 0) this.#listener?.received(received.subarray(0, length));
    else if (length === 0) this.#end((listener) => listener.ended());
    else this.#fail('recv', -length);
  }

  #wait(): void {
    this.#number = readiness().watch(this.#fd, (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) & (this.#reached && this.#unsent.length === 0 ? ~EPOLLOUT : ~0), this);
  }

  #connected(): void {
    const error = outcomeOf(this.#fd);
    if (error !== 0) return this.#fail('connect', error);
    this.#opened();
  }

  #opened(): void {
    this.#reached = true;
    this.#listener?.opened();
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const sent = send(this.#fd, bytes);
      if (sent === bytes.length) this.#unsent.shift();
      else if (sent >= 0) this.#unsent[0] = bytes.subarray(sent);
      else if (sent === -EAGAIN) {
        if (this.#number === 0) this.#wait();
        return;
      } else return this.#fail('send', -sent);
    }
  }

  #fail(call: string, errno: number): void {
    this.#end((listener) => listener.failed(new SystemCallError(call, errno)));
  }

  #end(tell: (listener: StreamListener) => void): void {
    const listener = this.#listener;
    this.close();
    if (listener !== null) tell(listener);
  }
}

const outcome = new Int32Array(1);
const outcomeBytes = new Uint8Array(outcome.buffer);

function outcomeOf(fd: number): number {
  getsockopt(fd, SOL_SOCKET, SO_ERROR, outcomeBytes);
  return outcome[0] as number;
}
