/** How a packet gets to the real server: by link-layer address (vip-path.ts) or in a tunnel. */
import { bind, closeFd, send, socket } from '../../../native-shims/index.ts';
import { bytesOf, sockaddrOf } from './address-bytes.ts';
import { attachNothing } from './packet-filter.ts';
import type { PathTarget } from './path-target.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const FLAGS = 0o4000 | 0o2000000;
export const ETH_P = { 4: 0x0800, 6: 0x86dd } as const;
const IP_IN_IP = { 4: 4, 6: 41 } as const;
const GRE = 47;

/** Sends a packet on its way; `end` lets go of what that needs. */
export interface Way { (packet: Buffer): void; readonly end?: () => void }

/** TUN: an outer header to the real server, which the host's IP writes. */
export function tunnelWay({ via, bindAddress }: PathTarget, inner: 4 | 6): Way {
  const server = bytesOf(via.address);
  const outer = server.length === 4 ? AF_INET : AF_INET6;
  const { type, port } = via.tunnel;
  const fd = type === 'gue' ? socket(outer, SOCK_DGRAM | FLAGS, 0) : socket(outer, SOCK_RAW | FLAGS, type === 'gre' ? GRE : IP_IN_IP[inner]);
  // NB: an answer for this socket would be one for a real tunnel of the host: it is not read here.
  attachNothing(fd);
  if (bindAddress !== undefined && bytesOf(bindAddress).length === server.length) bind(fd, sockaddrOf(bytesOf(bindAddress), 0));
  const header = type === 'gue' ? Buffer.from([0, IP_IN_IP[inner], 0, 0]) : type === 'gre' ? Buffer.from([0, 0, ETH_P[inner] >> 8, ETH_P[inner] & 0xff]) : Buffer.alloc(0);
  const address = sockaddrOf(server, type === 'gue' ? port : 0);
  const way = (packet: Buffer): void => void send(fd, Buffer.concat([header, packet]), address);
  return Object.assign(way, { end: () => closeFd(fd) });
}
