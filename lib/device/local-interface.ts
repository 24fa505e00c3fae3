/**
 * The interface `tsipvs0`: a TUN device through which the director gives packets to the host's own stack, and gets back what
 * the host sends as a NAT real server. It has no business with routing: no address (unless reverse-path filtering demands one), no route.
 * It exists as long as its descriptor is open.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { closeFd, ifindexOf, ioctl, nativeProblem, openTun, socket, SystemCallError } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';

const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const TUN_F_TSO_ECN = 8;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFMTU = 0x8922;
const IFF_UP_RUNNING = 0x41;
/** Datagrams put together from fragments go in whole. */
const MTU = 65535;
/** The IPv4 dummy address (RFC 7600). */
const DUMMY_ADDRESS = [192, 0, 0, 8];

/** Before each packet: a virtio_net_hdr of 12 bytes, so that header and packet both lie at multiples of 4. */
export const LOCAL_HEADER_LENGTH = 12;

export interface LocalInterface {
  readonly fd: number;
  readonly name: string;
  /** Kernel interface index: where the guard redirects to. */
  readonly ifindex: number;
}

/** Create it and bring it up. closeFd(fd), or LocalInject.close(), removes it. */
export function openLocalInterface(name = 'tsipvs0'): LocalInterface {
  const problem = nativeProblem();
  if (problem !== null) throw new LvsError('Unsupported', problem);
  const fd = openFd(name);
  try {
    setConf('ipv6', name, 'addr_gen_mode', 1);
    setConf('ipv6', name, 'accept_ra', 0);
    setConf('ipv4', name, 'rp_filter', 0);
    const requests = socket(2, 2, 0);
    try {
      ioctl(requests, SIOCSIFMTU, request(name, (view) => view.setInt32(16, MTU, true)));
      ioctl(requests, SIOCSIFFLAGS, request(name, (view) => view.setInt16(16, IFF_UP_RUNNING, true)));
      if (conf('ipv4', 'all', 'rp_filter') !== '0') loosen(requests, name);
    } finally {
      closeFd(requests);
    }
    return { fd, name, ifindex: ifindexOf(name) };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function openFd(name: string): number {
  try {
    return openTun(name, { kind: 'tun', vnetHeaderLength: LOCAL_HEADER_LENGTH, offloads: TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN }).fd;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code === 'EBUSY') throw new LvsError('DaemonRunning', `the interface ${name} exists: another tsipvsd runs in this network namespace`);
    if (error.code === 'EPERM' || error.code === 'EACCES') throw new LvsError('Permission', `no permission to create ${name}: run as root or with CAP_NET_ADMIN`);
    throw new LvsError('Unsupported', `cannot create ${name} (/dev/net/tun): ${error.message}`);
  }
}

/**
 * The host checks reverse paths everywhere. Loose mode lets through what has any route back, but only on an interface with an address
 * (fib_validate_source).
 */
function loosen(requests: number, name: string): void {
  setConf('ipv4', name, 'rp_filter', 2);
  ioctl(requests, SIOCSIFADDR, request(name, (view) => {
    view.setUint16(16, 2, true);
    DUMMY_ADDRESS.forEach((byte, i) => view.setUint8(20 + i, byte));
  }));
}

/** struct ifreq. */
function request(name: string, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(40);
  bytes.set(Buffer.from(name, 'latin1'));
  fill(new DataView(bytes.buffer));
  return bytes;
}

function conf(family: string, name: string, key: string): string {
  try {
    return readFileSync(`/proc/sys/net/${family}/conf/${name}/${key}`, 'utf8').trim();
  } catch {
    return '0';
  }
}

/** Read-only /proc (containers) or no IPv6: then it stays as it is. */
function setConf(family: string, name: string, key: string, value: number): void {
  try {
    writeFileSync(`/proc/sys/net/${family}/conf/${name}/${key}`, String(value));
  } catch {
    // As documented above.
  }
}
