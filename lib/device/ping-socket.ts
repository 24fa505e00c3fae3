/**
 * One ICMP echo: through the kernel's ping socket where the host allows it (no privilege needed), else through a raw socket, where the
 * identifier tells our replies from others'.
 */
import { bind, closeFd, receive, send, socket, SystemCallError, watchReadable } from '../../native-shims/index.ts';
import type { EndSignal } from './end-signal.ts';
import { markSocket, type MarkedTarget } from './marked-socket.ts';
import { socketAddress } from './socket-address.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const FLAGS = 0o4000 | 0o2000000;

interface EchoTypes { readonly domain: number; readonly protocol: number; readonly request: number; readonly reply: number; readonly unreachable: number }

const ECHO: Readonly<Record<4 | 6, EchoTypes>> = {
  4: { domain: AF_INET, protocol: 1, request: 8, reply: 0, unreachable: 3 },
  6: { domain: AF_INET6, protocol: 58, request: 128, reply: 129, unreachable: 1 },
};

let lastIdentifier = 0;

/** Resolves with the echo reply; rejects when that is impossible, or with the signal's abort. */
export function ping(target: Pick<MarkedTarget, 'address' | 'bindAddress' | 'bindInterface' | 'fwmark'>, family: 4 | 6, signal: EndSignal): Promise<void> {
  const { address, bindAddress } = target;
  return new Promise((resolve, reject) => {
    const echo = ECHO[family];
    let raw = false;
    let fd: number;
    try {
      try {
        fd = socket(echo.domain, SOCK_DGRAM | FLAGS, echo.protocol);
      } catch (error) {
        if (!(error instanceof SystemCallError) || (error.code !== 'EACCES' && error.code !== 'EPERM')) throw error;
        fd = socket(echo.domain, SOCK_RAW | FLAGS, echo.protocol);
        raw = true;
      }
    } catch (error) {
      reject(error instanceof SystemCallError ? new Error(`no ICMP socket: ${error.code}`) : error);
      return;
    }
    const identifier = (lastIdentifier = (lastIdentifier + 1) & 0xffff);
    const request = echoRequest(echo, identifier);
    const answer = new Uint8Array(1024);
    let stop = (): void => {};
    const end = (error: Error | null): void => {
      signal.removeEventListener('abort', aborted);
      stop();
      closeFd(fd);
      if (error === null) resolve();
      else reject(error);
    };
    const aborted = (): void => end(new Error('no echo reply in time'));
    try {
      markSocket(fd, target);
      if (bindAddress !== undefined) bind(fd, socketAddress(bindAddress, 0)!);
    } catch (error) {
      return end(error as Error);
    }
    const sent = send(fd, request, socketAddress(address, 0)!);
    if (sent < 0) return end(new Error(`cannot send: ${new SystemCallError('send', -sent).code}`));
    stop = watchReadable(fd, () => {
      for (;;) {
        const length = receive(fd, answer);
        if (length <= 0) return;
        // A raw IPv4 socket gives the IP header too.
        const icmp = raw && family === 4 ? (answer[0]! & 15) * 4 : 0;
        if (length < icmp + 8 || answer[icmp] !== echo.reply) continue;
        if (raw && ((answer[icmp + 4]! << 8) | answer[icmp + 5]!) !== identifier) continue;
        return end(null);
      }
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}

function echoRequest({ request, protocol }: EchoTypes, identifier: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = request;
  bytes[4] = identifier >> 8;
  bytes[5] = identifier & 0xff;
  bytes[7] = 1;
  bytes.set(Buffer.from('tsipvs..', 'latin1'), 8);
  if (protocol !== 1) return bytes; // the kernel fills in ICMPv6 checksums
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes[2] = (~sum >> 8) & 0xff;
  bytes[3] = ~sum & 0xff;
  return bytes;
}
