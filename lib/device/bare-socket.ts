/** Sockets of bare system calls: how both kinds are made, marked and bound. Node's own cost more than the connection that a probe makes. */
import { bind, closeFd, nativeProblem, setsockopt, socket } from '../../native-shims/index.ts';
import { markSocket, type MarkedTarget } from './marked-socket.ts';
import { socketAddress } from './socket-address.ts';

const AF_INET = 2, AF_INET6 = 10;
export const SOCK_STREAM = 1, SOCK_DGRAM = 2;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_LINGER = 13;
const IPPROTO_IP = 0, IP_BIND_ADDRESS_NO_PORT = 24;
/** struct linger: close() resets the connection. */
const AT_ONCE = new Uint8Array(Int32Array.of(1, 0).buffer);

/** What is received is looked at before the next is: one buffer serves all. A turn reads no more than this of one socket. */
export const received = new Uint8Array(65_536);

/** Addresses as the system takes them; null where bare sockets cannot be had: the native part is missing, or an address is none (a name, a scope). */
export interface BareEnds { readonly to: Uint8Array; readonly from: Uint8Array | null }

export function bareEnds(target: MarkedTarget): BareEnds | null {
  if (nativeProblem() !== null) return null;
  let ends = known.get(target);
  if (ends === undefined) known.set(target, (ends = endsOf(target)));
  return ends;
}

/** A target is probed again and again. */
const known = new WeakMap<MarkedTarget, BareEnds | null>();

function endsOf({ address, port, bindAddress, bindPort }: MarkedTarget): BareEnds | null {
  const to = socketAddress(address, port);
  const from = bindAddress === undefined && bindPort === undefined ? undefined : socketAddress(bindAddress ?? (address.includes(':') ? '::' : '0.0.0.0'), bindPort ?? 0);
  return to === null || from === null ? null : { to, from: from ?? null };
}

/** Throws SystemCallError. */
export function openBare(type: typeof SOCK_STREAM | typeof SOCK_DGRAM, target: MarkedTarget, { from }: BareEnds): number {
  const fd = socket(target.address.includes(':') ? AF_INET6 : AF_INET, type | NONBLOCK_CLOEXEC, 0);
  try {
    markSocket(fd, target);
    if (from !== null) {
      if (type === SOCK_STREAM) choosePort(fd, target);
      bind(fd, from);
    }
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Connections in TIME-WAIT shall not stand in the way of later ones from the same address. */
function choosePort(fd: number, { bindPort }: MarkedTarget): void {
  if (bindPort) {
    // A port that was asked for is used by one check after the other, of several servers too.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, AT_ONCE);
  } else {
    // Chosen when connecting, it only has to be free against that peer: 2,000 checks would use up all ports otherwise.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  }
}
