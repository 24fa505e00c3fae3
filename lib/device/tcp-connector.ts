/**
 * Connecting and nothing else, thousands of times: a socket, connect(2), close(2), without the stream that Node builds around a socket, which costs
 * more than the connection. What is not accepted at once (all but this host's own addresses) waits in one epoll set for all, watched by one thread.
 */
import {
  beginConnect, bind, closeFd, epoll, epollAddOnce, epollTake, EINPROGRESS, getsockopt, nativeProblem, poll, POLLOUT, socket, SystemCallError, watchReadable,
} from '../../native-shims/index.ts';
import type { EndSignal } from './end-signal.ts';
import { markSocket, type MarkedTarget } from './marked-socket.ts';
import { socketAddress } from './socket-address.ts';

const AF_INET = 2, AF_INET6 = 10;
const SOCK_STREAM = 1, NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1, SO_ERROR = 4;

/** One set for the process, made when a connection first has to wait. */
let waiting: WaitingConnects | null = null;

/**
 * Resolves when the connection was accepted; it is closed by then. Rejects with a SystemCallError, also when the signal aborts (ETIMEDOUT). Null where the native part is
 * missing or the address is none (a name, a scope): Node's sockets know more.
 */
export function connectOnly(target: MarkedTarget, signal: EndSignal): Promise<void> | null {
  const { address, port, bindAddress, bindPort } = target;
  const to = socketAddress(address, port);
  const ipv6 = address.includes(':');
  const from = bindAddress === undefined && bindPort === undefined ? undefined : socketAddress(bindAddress ?? (ipv6 ? '::' : '0.0.0.0'), bindPort ?? 0);
  if (to === null || from === null || nativeProblem() !== null) return null;
  try {
    const fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | NONBLOCK_CLOEXEC, 0);
    try {
      markSocket(fd, target);
      if (from !== undefined) bind(fd, from);
      const result = beginConnect(fd, to);
      // Fast path: this host's own addresses answer within connect(2).
      if (result === 0 || (result === -EINPROGRESS && poll([fd], 0, POLLOUT)[0] !== 0)) return settled(fd, 0);
      if (result !== -EINPROGRESS) return settled(fd, -result);
      return (waiting ??= new WaitingConnects()).wait(fd, signal);
    } catch (error) {
      closeFd(fd);
      throw error;
    }
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

class WaitingConnects {
  readonly #epoll = epoll();
  readonly #ready = new Int32Array(64);
  readonly #ends = new Map<number, (errno: number) => void>();

  constructor() {
    watchReadable(this.#epoll, () => this.#take());
  }

  wait(fd: number, signal: EndSignal): Promise<void> {
    epollAddOnce(this.#epoll, fd);
    return new Promise((resolve, reject) => {
      const end = (errno: number): void => {
        this.#ends.delete(fd);
        signal.removeEventListener('abort', onAbort);
        settled(fd, errno).then(resolve, reject);
      };
      const onAbort = (): void => end(ETIMEDOUT);
      this.#ends.set(fd, end);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #take(): void {
    for (let count = this.#ready.length; count === this.#ready.length; ) {
      count = epollTake(this.#epoll, this.#ready);
      for (let i = 0; i < count; i++) this.#ends.get(this.#ready[i] as number)?.(0);
    }
  }
}

const ETIMEDOUT = 110;
const outcome = new Int32Array(1);
const outcomeBytes = new Uint8Array(outcome.buffer);

/** Close, with what became of the connection unless that is known. */
function settled(fd: number, errno: number): Promise<void> {
  if (errno === 0) getsockopt(fd, SOL_SOCKET, SO_ERROR, outcomeBytes);
  const failure = errno === 0 ? outcome[0] as number : errno;
  closeFd(fd);
  return failure === 0 ? Promise.resolve() : Promise.reject(new SystemCallError('connect', failure));
}
