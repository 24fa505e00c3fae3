/**
 * What the data plane must know of the host's network: interfaces, routes, neighbours. Live, it is filled from netlink;
 * in replay, tests and the laboratory it is written by hand. Immutable values; a change is a new value.
 */
import type { Family } from './protocol.ts';

export interface NetworkInterface {
  /** Our own dense index, the one frames carry; equals the position in NetworkState.interfaces. */
  readonly index: number;
  /** Kernel interface index; 0 where there is none (replay, tests). */
  readonly ifindex: number;
  readonly name: string;
  /** "02:00:00:00:0d:01"; empty for interfaces without Ethernet addresses (never used for forwarding). */
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Own addresses with prefix length, "198.51.100.1/24". */
  readonly addresses: readonly string[];
  /** Whether a device is attached, i.e. frames can be received and transmitted here. lo has none. */
  readonly attached: boolean;
}

export interface Route {
  readonly family: Family;
  /** "10.1.0.0/24", "::/0". */
  readonly prefix: string;
  /** local: addresses of the director itself (also `ip route add local NET dev lo`). */
  readonly type: 'unicast' | 'local' | 'broadcast' | 'blackhole' | 'unreachable' | 'prohibit';
  /** Gateway address, or null when on-link. May be of another family than the route. */
  readonly via: string | null;
  /** NetworkInterface.index; -1 where the route names an interface that is not in the list. */
  readonly interface: number;
  /** Preferred source address, or null. */
  readonly source: string | null;
  /** Route MTU, 0 = the interface's. */
  readonly mtu: number;
  /** Lower wins among equal prefixes. */
  readonly metric: number;
}

export interface Neighbour {
  readonly interface: number;
  readonly address: string;
  /** null: known not to answer, or gone. */
  readonly mac: string | null;
}

export interface NetworkState {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  /** net.ipv4.ip_forward and net.ipv6.conf.all.forwarding as far as the data plane should honour them.
   *  The kernel stops NAT answers when off; live directors pass true always (see README, "differs from the kernel"). */
  readonly forwarding4: boolean;
  readonly forwarding6: boolean;
}
