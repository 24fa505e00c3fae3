/**
 * A tunnel's far end in userspace, for real servers whose kernel has no ipip, gre or fou module: raw sockets take the tunnel packets,
 * a TUN device gives the inner packets to the host's stack as if they had arrived there. Lab grade: one system call in and one out a packet.
 *
 * A raw socket bound to a protocol number also keeps the host from answering "protocol unreachable" (net/ipv4/ip_input.c,
 * ip_protocol_deliver_rcu: no ICMP once a raw socket took the packet). The kernel has put fragments together before we see them.
 */
import * as shim from '../../../native-shims/index.ts';
import { parseAddress } from '../../wire/address.ts';
import { decapsulate, innerLength, NOT_FOR_VIP, REFUSALS, type TunnelKind } from './decapsulate.ts';


const AF_INET = 2, AF_INET6 = 10;
const SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1, SO_RCVBUFFORCE = 33, IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IPPROTO_UDP = 17, UDP_NO_CHECK6_RX = 102;
const RECEIVE_BUFFER_BYTES = 4 << 20;
const BURST = 64;

/** Outer protocol numbers by tunnel kind. */
const PROTOCOLS: Readonly<Record<Exclude<TunnelKind, 'gue'>, readonly number[]>> = { ipip: [4, 41], gre: [47] };

export interface DecapsulatorOptions {
  readonly kinds: readonly TunnelKind[];
  readonly guePort: number;
  /** Inner packets to other addresses are refused, else anyone could inject packets by the tunnel. Empty: all are taken. */
  readonly vips: readonly string[];
  readonly device: string;
}

export interface Decapsulator {
  readonly device: string;
  /** Packets given to the host's stack. */
  injected(): number;
  /** Refused ones, by reason. */
  refused(): Readonly<Record<string, number>>;
  close(): void;
}

export function openDecapsulator(options: DecapsulatorOptions): Decapsulator {
  const tun = shim.openTun(options.device, { kind: 'tun' });
  const fds: number[] = [tun.fd];
  const stops: (() => void)[] = [];
  const refused = new Array<number>(REFUSALS.length).fill(0);
  const vips = options.vips.map(addressBytes);
  const bytes = new Uint8Array(65536);
  let injected = 0;

  function take(kind: TunnelKind, start: number, end: number): void {
    const inner = decapsulate(kind, bytes, start, end);
    if (inner < 0 || !isForVip(bytes, inner, vips)) {
      refused[-(inner < 0 ? inner : NOT_FOR_VIP) - 1]!++;
      return;
    }
    if (shim.write(tun.fd, bytes.subarray(inner, inner + innerLength(bytes, inner, end))) > 0) injected++;
  }

  function listen(fd: number, kind: TunnelKind, hasIpv4Header: boolean): void {
    fds.push(fd);
    shim.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
    stops.push(shim.watchReadable(fd, () => {
      for (let i = 0; i < BURST; i++) {
        const length = shim.receive(fd, bytes);
        if (length < 0) return;
        take(kind, hasIpv4Header ? (bytes[0]! & 15) * 4 : 0, length);
      }
    }));
  }

  function close(): void {
    for (const stop of stops.splice(0)) stop();
    for (const fd of fds.splice(0)) shim.closeFd(fd);
  }

  try {
    for (const kind of options.kinds) {
      if (kind === 'gue') {
        const four = shim.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, IPPROTO_UDP);
        listen(four, kind, false);
        shim.bind(four, shim.sockaddrIn(new Uint8Array(4), options.guePort));
        const six = shim.socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, IPPROTO_UDP);
        listen(six, kind, false);
        shim.setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        shim.setsockopt(six, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
        shim.bind(six, shim.sockaddrIn6(new Uint8Array(16), options.guePort));
        continue;
      }
      for (const protocol of PROTOCOLS[kind]) {
        listen(shim.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, protocol), kind, true);
        // NB: IPv6 raw sockets hand over the payload without the IPv6 header.
        listen(shim.socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, protocol), kind, false);
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    device: tun.name,
    injected: () => injected,
    refused: () => Object.fromEntries(REFUSALS.map((reason, i) => [reason, refused[i]!]).filter(([, n]) => n !== 0)) as Record<string, number>,
    close,
  };
}

function isForVip(bytes: Uint8Array, off: number, vips: readonly Uint8Array[]): boolean {
  if (vips.length === 0) return true;
  const length = bytes[off]! >> 4 === 4 ? 4 : 16, at = off + (length === 4 ? 16 : 24);
  return vips.some((vip) => vip.length === length && vip.every((byte, i) => bytes[at + i] === byte));
}

function addressBytes(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === null) throw new RangeError(`${text} is not an IP address`);
  // Raw words are little-endian loads of the network-order bytes, so their memory is the address itself.
  const words = new Int32Array(parsed.words);
  return new Uint8Array(words.buffer, 0, parsed.family === 4 ? 4 : 16);
}
