/**
 * Sockets with a firewall mark, bound to an interface: SO_MARK and SO_BINDTODEVICE must be set before the first packet leaves, which Node's
 * own sockets have no option for. The descriptor is made here and handed to Node.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { bind, closeFd, setsockopt, socket } from '../../native-shims/index.ts';
import { socketAddress } from './socket-address.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;

export interface MarkedTarget {
  readonly address: string;
  readonly port: number;
  readonly bindAddress?: string;
  readonly bindPort?: number;
  readonly bindInterface?: string;
  readonly fwmark?: number;
}

/** Throws SystemCallError without the privilege to mark. */
export function connectMarked(target: MarkedTarget): Socket {
  const { address, port, bindAddress, bindPort } = target;
  const fd = socket(address.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM | NONBLOCK_CLOEXEC, 0);
  try {
    markSocket(fd, target);
    const connection = new Socket({ fd });
    return connection.connect({ host: address, port, ...(bindAddress === undefined ? {} : { localAddress: bindAddress }), ...(bindPort === undefined ? {} : { localPort: bindPort }) });
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** A UDP socket that is being bound and then connected. */
export function datagramMarked(target: MarkedTarget): DatagramSocket {
  const { address, port, bindAddress, bindPort } = target;
  const ipv6 = address.includes(':');
  const fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | NONBLOCK_CLOEXEC, 0);
  try {
    markSocket(fd, target);
    bind(fd, socketAddress(bindAddress ?? (ipv6 ? '::' : '0.0.0.0'), bindPort ?? 0)!);
    const datagrams = createSocket(ipv6 ? 'udp6' : 'udp4');
    datagrams.bind({ fd, exclusive: true }, () => datagrams.connect(port, address));
    return datagrams;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Mark and interface onto a socket that has sent nothing yet. */
export function markSocket(fd: number, { fwmark, bindInterface }: Pick<MarkedTarget, 'fwmark' | 'bindInterface'>): void {
  if (fwmark) setsockopt(fd, SOL_SOCKET, SO_MARK, fwmark | 0);
  if (bindInterface !== undefined && bindInterface !== '') setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${bindInterface}\0`, 'latin1'));
}
