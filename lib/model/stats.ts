/** Counters and rates as listings and metrics show them. All numbers are exact integers below 2^53. Bytes are IP lengths. */
export interface Stats {
  readonly conns: number;
  readonly inPkts: number;
  readonly outPkts: number;
  readonly inBytes: number;
  readonly outBytes: number;
  /** Rates per second from the kernel's estimator (ip_vs_est.c), rounded as the kernel shows them. */
  readonly cps: number;
  readonly inPps: number;
  readonly outPps: number;
  readonly inBps: number;
  readonly outBps: number;
}

export const ZERO_STATS: Stats = { conns: 0, inPkts: 0, outPkts: 0, inBytes: 0, outBytes: 0, cps: 0, inPps: 0, outPps: 0, inBps: 0, outBps: 0 };

/** Run-time state of one destination. Connections exclude persistence templates, which are counted apart. */
export interface DestinationStats {
  readonly address: string;
  readonly port: number;
  readonly activeConns: number;
  readonly inactiveConns: number;
  readonly persistentConns: number;
  readonly overloaded: boolean;
  readonly stats: Stats;
}

export interface ServiceStats {
  /** serviceKey() of the service. */
  readonly key: string;
  readonly stats: Stats;
  /** Newest first, the kernel's list order. */
  readonly destinations: readonly DestinationStats[];
}

/** One data-plane worker: the owner of the connections, or a forwarder, which hands over what is not plain forwarding. */
export interface WorkerStats {
  /** Received from interfaces. */
  readonly frames: number;
  /** Of these frames, from the Ethernet header on; 0 where no loop runs. */
  readonly bytes: number;
  /** Forwarded by the fast path. */
  readonly fast: number;
  readonly handedOver: number;
  /** Should have been handed over, but the owner was too far behind. */
  readonly lost: number;
  /** Left to the host without asking the owner. */
  readonly passed: number;
  /** Processor time of its thread so far, ms; 0 where it has none of its own. */
  readonly cpuMs: number;
}

/** The data plane as a whole. */
export interface DataplaneStats {
  readonly services: readonly ServiceStats[];
  readonly total: Stats;
  /** By index of DROP_REASONS. */
  readonly drops: readonly number[];
  readonly passed: number;
  readonly received: number;
  readonly transmitted: number;
  readonly connections: number;
  readonly maxConnections: number;
  readonly templates: number;
  /** "tcp ESTABLISHED" -> count. */
  readonly connectionsByState: Readonly<Record<string, number>>;
  readonly fragmentBytes: number;
  /** The owner of the connections first. */
  readonly workers: readonly WorkerStats[];
  /** Loop health: bursts, frames in the fullest burst, time of the longest burst in ms (0 where no clock runs). */
  readonly bursts: number;
  readonly largestBurst: number;
  readonly longestBurstMs: number;
}

/** One entry of the connection table, as -Lc shows it. */
export interface ConnectionRecord {
  readonly family: Family;
  /** IP protocol number; 0 for templates of firewall-mark services (shown as IP). */
  readonly protocol: number;
  readonly state: string;
  /** Time until the entry expires, whole seconds, rounded down as the kernel prints it. */
  readonly expiresSec: number;
  /** Whole seconds since it was made, and since its last packet; a template's last packet is that of its last new connection. Absent from links that cannot tell. */
  readonly ageSec?: number;
  readonly idleSec?: number;
  readonly client: string;
  readonly clientPort: number;
  readonly virtual: string;
  readonly virtualPort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly template: boolean;
  readonly method: ForwardingMethod;
  /** Persistence engine and its printable data (SIP call-id), or null. */
  readonly pe: string | null;
  readonly peData: string | null;
  /** Made after a synchronisation message of a master. */
  readonly synced?: boolean;
}

import type { Family } from './protocol.ts';
import type { ForwardingMethod } from './destination.ts';
