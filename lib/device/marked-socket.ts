/**
 * A connecting TCP socket with a firewall mark, bound to an interface: SO_MARK and SO_BINDTODEVICE must be set before the SYN leaves,
 * which Node's own sockets have no option for. The descriptor is made here and handed to a net.Socket.
 */
import { Socket } from 'node:net';
import { closeFd, setsockopt, socket } from '../../native-shims/index.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
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
export function connectMarked({ address, port, bindAddress, bindPort, bindInterface, fwmark }: MarkedTarget): Socket {
  const fd = socket(address.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  try {
    if (fwmark) setsockopt(fd, SOL_SOCKET, SO_MARK, fwmark | 0);
    if (bindInterface !== undefined && bindInterface !== '') setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${bindInterface}\0`, 'latin1'));
    const connection = new Socket({ fd });
    return connection.connect({ host: address, port, ...(bindAddress === undefined ? {} : { localAddress: bindAddress }), ...(bindPort === undefined ? {} : { localPort: bindPort }) });
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
