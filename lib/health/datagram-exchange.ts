/** One datagram there and one back, bounded, with the ICMP errors of a connected socket in words. */
import { ProbeFailure, type ProbeContext, type ProbeTarget } from './checker.ts';

export interface DatagramOptions {
  /** Datagrams that are not the answer (another query's, garbage) are passed over. */
  readonly isAnswer?: (datagram: Buffer) => boolean;
  /** Silence until the deadline is a success: resolves with nothing. */
  readonly silenceIsFine?: boolean;
}

const WORDS: Readonly<Record<string, string>> = { ECONNREFUSED: 'port unreachable', EHOSTUNREACH: 'host unreachable', ENETUNREACH: 'network unreachable', EADDRNOTAVAIL: 'the address to bind to is not on this host' };

export function datagramExchange(target: ProbeTarget, { signal, sockets }: ProbeContext, payload: Uint8Array, options: DatagramOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = sockets.udp(target);
    const end = (error: ProbeFailure | null, answer: Buffer): void => {
      signal.removeEventListener('abort', silence);
      socket.removeAllListeners('message');
      try {
        socket.close();
      } catch {
        // It never opened.
      }
      if (error === null) resolve(answer);
      else reject(error);
    };
    const silence = (): void => end(options.silenceIsFine === true ? null : new ProbeFailure('no answer in time'), Buffer.alloc(0));
    const failedWith = (error: NodeJS.ErrnoException | null): void => {
      if (error !== null) end(new ProbeFailure(WORDS[error.code ?? ''] ?? error.message), Buffer.alloc(0));
    };
    let ended = false;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!ended) failedWith(error);
      ended = true;
    });
    socket.on('message', (datagram) => {
      if (options.isAnswer === undefined || options.isAnswer(datagram)) end(null, datagram);
    });
    socket.once('connect', () => socket.send(payload, (error) => failedWith(error)));
    if (signal.aborted) silence();
    else signal.addEventListener('abort', silence, { once: true });
  });
}
