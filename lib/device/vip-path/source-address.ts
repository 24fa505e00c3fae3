/** Which address of this host a probe through a real server is sent from, and the interface that has it. */
import { closeFd, connect, getsockname, socket } from '../../../native-shims/index.ts';
import { NetlinkSocket } from '../netlink.ts';
import { dumpAddresses, NETLINK_ROUTE } from '../netlink-route.ts';
import { bytesOf, sockaddrOf, textOf } from './address-bytes.ts';
import type { PathTarget } from './path-target.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const FLAGS = 0o4000 | 0o2000000;
const DISCARD_PORT = 9;

/** Where the answer comes to: the address the host would send from to the real server; of the other family, one that its interface has too. */
export function sourceFor({ address, via }: PathTarget, family: 4 | 6): Uint8Array {
  const source = sourceTowards(via.address);
  if ((source.length === 4) === (family === 4)) return source;
  const netlink = new NetlinkSocket(NETLINK_ROUTE);
  try {
    const ifindex = interfaceOf(textOf(source));
    const own = dumpAddresses(netlink).filter((one) => one.ifindex === ifindex).map(({ prefix }) => prefix.split('/')[0]!);
    const fitting = own.find((one) => one.includes(':') === (family === 6) && one !== address && !one.startsWith('fe80:'));
    if (fitting === undefined) throw new Error(`no IPv${family} address on the interface towards ${via.address} for the answer: say bindAddress`);
    return bytesOf(fitting);
  } finally {
    closeFd(netlink.fd);
  }
}

export function interfaceOf(address: string): number {
  const netlink = new NetlinkSocket(NETLINK_ROUTE);
  try {
    const own = dumpAddresses(netlink).find(({ prefix }) => prefix.split('/')[0] === address);
    if (own === undefined) throw new Error(`${address} is not on this host`);
    return own.ifindex;
  } finally {
    closeFd(netlink.fd);
  }
}

/** The address the host would send from. */
function sourceTowards(address: string): Uint8Array {
  const bytes = bytesOf(address);
  const fd = socket(bytes.length === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | FLAGS, 0);
  try {
    connect(fd, sockaddrOf(bytes, DISCARD_PORT));
    const name = getsockname(fd);
    return name.slice(bytes.length === 4 ? 4 : 8, bytes.length === 4 ? 8 : 24);
  } finally {
    closeFd(fd);
  }
}
