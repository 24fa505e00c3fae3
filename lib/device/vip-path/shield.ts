/** A port of our own that the host keeps silent about: it would answer what comes back there with a reset. */
import { createServer, type Server } from 'node:net';
import { bind, closeFd, getsockname, socket } from '../../../native-shims/index.ts';
import { sockaddrOf } from './address-bytes.ts';
import { attachNothing } from './packet-filter.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const FLAGS = 0o4000 | 0o2000000;

export interface Shield { readonly port: number; readonly close: () => void }

/** A bound socket that takes nothing, so that the host is silent about its port. */
export async function openShield(kind: 'tcp' | 'udp', family: 4 | 6): Promise<Shield> {
  const fd = socket(family === 4 ? AF_INET : AF_INET6, (kind === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | FLAGS, 0);
  try {
    attachNothing(fd);
    bind(fd, sockaddrOf(new Uint8Array(family === 4 ? 4 : 16), 0));
    const port = portOf(fd);
    if (kind === 'udp') return { port, close: () => closeFd(fd) };
    const server: Server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd }, resolve);
    });
    server.unref();
    return { port, close: () => void server.close() };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function portOf(fd: number): number {
  const name = getsockname(fd);
  return (name[2]! << 8) | name[3]!;
}
