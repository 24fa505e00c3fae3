/**
 * ICMP echoes: through the kernel's ping socket where the host allows it (no privilege needed), else through a raw socket, where the
 * identifier tells our replies from others'. One socket serves all echoes that leave alike (family, source, interface, mark); the sequence number tells them
 * apart. A socket each would be dearer, and with raw ones every reply would be given to every echo that waits.
 */
import { randomFillSync } from 'node:crypto';
import {
  bind, closeFd, EAGAIN, EPOLLIN, MSG_ERRQUEUE, nativeProblem, receive, send, setsockopt, socket, SystemCallError,
} from '../../native-shims/index.ts';
import { received } from './bare-socket.ts';
import type { EndSignal } from './end-signal.ts';
import { markSocket, type MarkedTarget } from './marked-socket.ts';
import { readiness, type Watched } from './readiness.ts';
import { socketAddress } from './socket-address.ts';

const AF_INET = 2, AF_INET6 = 10;
const SOCK_DGRAM = 2, SOCK_RAW = 3;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const MESSAGES_A_TURN = 64;
const MOST_WAITING = 0xff00;
/** The kernel keeps a few hundred replies for us, those of this host itself come at once: look at them now and then while many echoes are sent. */
const ECHOES_A_LOOK = 64;
/** A socket that nobody has used for so long is closed. */
const IDLE_MS = 30_000;
const HEADER = 8;
/** Octets behind the header that only our own echoes have. */
const COOKIE = 8;
const ICMP = 1;

interface Family {
  readonly domain: number;
  readonly protocol: number;
  readonly request: number;
  readonly reply: number;
  /** [level, option]: ICMP errors about our echoes go to the error queue. */
  readonly errors: readonly [number, number];
  /** [level, option, bytes]: of a raw socket, echo replies only. */
  readonly filter: readonly [number, number, Uint8Array];
  /** Where the address begins and ends in a socket address. */
  readonly address: readonly [number, number];
}

const FAMILIES: Readonly<Record<4 | 6, Family>> = {
  4: { domain: AF_INET, protocol: ICMP, request: 8, reply: 0, errors: [0, 11], filter: [255, 1, new Uint8Array(Uint32Array.of(~1).buffer)], address: [4, 8] },
  6: { domain: AF_INET6, protocol: 58, request: 128, reply: 129, errors: [41, 25], filter: [58, 1, allBut(129)], address: [8, 24] },
};

export type PingTarget = Pick<MarkedTarget, 'address' | 'bindAddress' | 'bindInterface' | 'fwmark'>;

interface Waiting { readonly to: Uint8Array; readonly end: (error: Error | null) => void }

const sockets = new Map<string, EchoSocket>();

/** Resolves with the echo reply; rejects when that is impossible, an ICMP error came instead, or with the signal's abort. */
export function ping(target: PingTarget, family: 4 | 6, signal: EndSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const problem = nativeProblem();
    const to = problem === null ? socketAddress(target.address, 0) : null;
    if (to === null) return reject(new Error(problem ?? `${target.address} is no address`));
    const { bindAddress = '', bindInterface = '', fwmark = 0 } = target;
    const key = [family, bindAddress, bindInterface, fwmark].join(' ');
    let echoes = sockets.get(key);
    if (echoes === undefined) {
      try {
        echoes = new EchoSocket(family, target, () => sockets.delete(key));
      } catch (error) {
        return reject(error as Error);
      }
      sockets.set(key, echoes);
    }
    const aborted = (): void => stop(new Error('no echo reply in time'));
    const stop = echoes.ask(to, (error) => {
      signal.removeEventListener('abort', aborted);
      if (error === null) resolve();
      else reject(error);
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}

class EchoSocket implements Watched {
  readonly #family: Family;
  readonly #raw: boolean;
  readonly #fd: number;
  readonly #number: number;
  readonly #retired: () => void;
  readonly #request = Buffer.alloc(HEADER + COOKIE);
  readonly #sender = new Uint8Array(28);
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;
  #sentSinceLook = 0;
  #isRetired = false;
  #idleTimer: NodeJS.Timeout | undefined;

  /** Throws when the socket cannot be had. `retired` tells that it is not to be used any more. */
  constructor(family: 4 | 6, target: PingTarget, retired: () => void) {
    this.#family = FAMILIES[family];
    this.#retired = retired;
    const { request, errors, filter } = this.#family;
    const { fd, raw } = openSocket(this.#family);
    this.#fd = fd;
    this.#raw = raw;
    this.#request[0] = request;
    // The kernel puts its own identifier into what a ping socket sends.
    this.#request.writeUInt16BE((lastIdentifier = (lastIdentifier + 1) & 0xffff), 4);
    randomFillSync(this.#request, HEADER);
    try {
      markSocket(this.#fd, target);
      if (target.bindAddress !== undefined) bind(this.#fd, socketAddress(target.bindAddress, 0)!);
      setsockopt(this.#fd, ...errors, 1);
      if (this.#raw) setsockopt(this.#fd, ...filter);
      this.#number = readiness().watch(this.#fd, EPOLLIN, this);
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  /** Send an echo. `end` is called once: with the answer, or when what is returned is called, with what that is given. */
  ask(to: Uint8Array, end: (error: Error | null) => void): (instead: Error) => void {
    clearTimeout(this.#idleTimer);
    if (this.#waiting.size >= MOST_WAITING) {
      end(new Error(`more than ${MOST_WAITING} echoes at once`));
      return () => {};
    }
    do this.#sequence = (this.#sequence + 1) & 0xffff; while (this.#waiting.has(this.#sequence));
    const sequence = this.#sequence;
    this.#waiting.set(sequence, { to, end });
    this.#request.writeUInt16BE(sequence, 6);
    if (this.#raw && this.#family.protocol === ICMP) writeChecksum(this.#request);
    // NB: an ICMP error about another echo is told of at the next call, whatever that is, and only once.
    const sent = send(this.#fd, this.#request, to) < 0 ? send(this.#fd, this.#request, to) : 0;
    if (sent < 0) {
      // Its interface or address may have gone and come back: the next echo gets a new socket.
      this.#retire();
      this.#end(sequence, new Error(`cannot send: ${new SystemCallError('send', -sent).code}`));
    }
    if (++this.#sentSinceLook >= ECHOES_A_LOOK) this.ready(EPOLLIN);
    return (instead) => this.#end(sequence, instead);
  }

  ready(events: number): void {
    this.#sentSinceLook = 0;
    if ((events & ~EPOLLIN) !== 0) this.#readErrors();
    // A raw IPv4 socket gives the IP header too.
    const hasIpHeader = this.#raw && this.#family.protocol === ICMP;
    for (let n = 0; n < MESSAGES_A_TURN && !this.#isClosed; n++) {
      const length = receive(this.#fd, received, this.#sender);
      if (length === -EAGAIN) return;
      const at = hasIpHeader ? (received[0]! & 15) * 4 : 0;
      if (length >= at + HEADER + COOKIE && received[at] === this.#family.reply && this.#isOurs(at) && this.#hasCookie(at + HEADER)) this.#answer(at, null);
    }
  }

  turn(): void {}

  get #isClosed(): boolean {
    return this.#isRetired && this.#waiting.size === 0;
  }

  /** In the error queue are the echoes that were not delivered, with the address they were for. */
  #readErrors(): void {
    for (let n = 0; n < MESSAGES_A_TURN && !this.#isClosed; n++) {
      const length = receive(this.#fd, received, this.#sender, MSG_ERRQUEUE);
      if (length < 0) return;
      if (length >= HEADER && received[0] === this.#family.request && this.#isOurs(0)) this.#answer(0, new Error('host unreachable'));
    }
  }

  /** Of a ping socket the kernel knows it. */
  #isOurs(at: number): boolean {
    return !this.#raw || (received[at + 4] === this.#request[4] && received[at + 5] === this.#request[5]);
  }

  #hasCookie(at: number): boolean {
    for (let n = 0; n < COOKIE; n++) if (received[at + n] !== this.#request[HEADER + n]) return false;
    return true;
  }

  #answer(at: number, error: Error | null): void {
    const sequence = (received[at + 6]! << 8) | received[at + 7]!;
    const waiting = this.#waiting.get(sequence);
    const [begin, end] = this.#family.address;
    if (waiting === undefined) return;
    for (let n = begin; n < end; n++) if (waiting.to[n] !== this.#sender[n]) return;
    this.#end(sequence, error);
  }

  #end(sequence: number, error: Error | null): void {
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) return;
    this.#waiting.delete(sequence);
    if (this.#waiting.size === 0) {
      if (this.#isRetired) this.#close();
      else this.#idleTimer = setTimeout(() => this.#retire(), IDLE_MS).unref();
    }
    waiting.end(error);
  }

  /** Whoever waits gets its answer still. */
  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#retired();
    if (this.#waiting.size === 0) this.#close();
  }

  #close(): void {
    readiness().forget(this.#number);
    closeFd(this.#fd);
  }
}

let [lastIdentifier] = randomFillSync(new Uint16Array(1)) as Uint16Array & [number];

function openSocket({ domain, protocol }: Family): { readonly fd: number; readonly raw: boolean } {
  try {
    try {
      return { fd: socket(domain, SOCK_DGRAM | NONBLOCK_CLOEXEC, protocol), raw: false };
    } catch (error) {
      if (!(error instanceof SystemCallError) || (error.code !== 'EACCES' && error.code !== 'EPERM')) throw error;
      return { fd: socket(domain, SOCK_RAW | NONBLOCK_CLOEXEC, protocol), raw: true };
    }
  } catch (error) {
    throw error instanceof SystemCallError ? new Error(`no ICMP socket: ${error.code}`) : error;
  }
}

/** RFC 1071; the kernel fills in those of ICMPv6. */
function writeChecksum(message: Buffer): void {
  message.writeUInt16BE(0, 2);
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += message.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message.writeUInt16BE(~sum & 0xffff, 2);
}

/** A filter that drops all ICMPv6 types but one (RFC 3542 section 3.2). */
function allBut(type: number): Uint8Array {
  const words = new Uint32Array(8).fill(0xffff_ffff);
  words[type >> 5]! &= ~(1 << (type & 31));
  return new Uint8Array(words.buffer);
}
