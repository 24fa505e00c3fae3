/** One datagram there and one back, bounded, with the ICMP errors of a connected socket in words. */
import { ProbeFailure, type ProbeContext, type ProbeTarget } from './checker.ts';

export interface DatagramOptions {
  /** Datagrams that are not the answer (another query's, garbage) are passed over. */
  readonly isAnswer?: (datagram: Buffer) => boolean;
  /** Silence until the deadline is a success: resolves with nothing. */
  readonly silenceIsFine?: boolean;
}

const WORDS: Readonly<Record<string, string>> = { ECONNREFUSED: 'port unreachable', EHOSTUNREACH: 'host unreachable', ENETUNREACH: 'network unreachable', EADDRNOTAVAIL: 'the address to bind to is not on this host' };
const NOTHING = Buffer.alloc(0);

export function datagramExchange(target: ProbeTarget, { signal, sockets }: ProbeContext, payload: Uint8Array, { isAnswer, silenceIsFine = false }: DatagramOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const datagrams = sockets.datagrams(target);
    const end = (error: ProbeFailure | null, answer: Buffer): void => {
      signal.removeEventListener('abort', silence);
      datagrams.close();
      if (error === null) resolve(answer);
      else reject(error);
    };
    const silence = (): void => end(silenceIsFine ? null : new ProbeFailure('no answer in time'), NOTHING);
    signal.addEventListener('abort', silence, { once: true });
    if (signal.aborted) return silence();
    datagrams.open({
      opened: () => datagrams.send(payload),
      received(bytes) {
        const datagram = Buffer.from(bytes);
        if (isAnswer === undefined || isAnswer(datagram)) end(null, datagram);
      },
      failed: (error: NodeJS.ErrnoException) => end(new ProbeFailure(WORDS[error.code ?? ''] ?? error.message), NOTHING),
    });
  });
}
