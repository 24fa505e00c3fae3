/**
 * What control thread and data-plane worker say to each other. Values only, structured-cloned; order is kept both ways.
 * The worker sits in poll(2), so every request is followed by a write to `wakeFd`; `posted` counts the requests, so that a busy
 * worker sees a new one by one atomic load a round instead of a system call.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Answer, Asked, DataplaneQuestion } from './dataplane-question.ts';
import type { LvsErrorCode } from './errors.ts';
import type { ConnectionRecord, DataplaneStats } from './stats.ts';
import type { TableEdit } from './table-edit.ts';
import type { TraceFilter, TraceRecord } from './trace-record.ts';

export interface WorkerInterface {
  /** NetworkInterface.index. */
  readonly index: number;
  readonly ifindex: number;
  readonly name: string;
  /** Descriptor of the XDP filter's map for this interface's AF_XDP sockets; null: packet (or pcap) device only. */
  readonly socketsFd: number | null;
}

/** A stretch of this process's memory. */
export interface MemoryArea {
  readonly address: number;
  readonly bytes: number;
}

/** Where a forwarder finds what it reads and writes; which is what, dataplane/plane-share.ts and dataplane/forwarders.ts say. */
export interface PlaneShare {
  /** Of this forwarder, from 0. */
  readonly number: number;
  readonly seed: number;
  readonly startMs: number;
  readonly words: MemoryArea;
  readonly addresses: MemoryArea;
  readonly cold: MemoryArea;
  readonly state: MemoryArea;
  readonly tables: MemoryArea;
  readonly hops: MemoryArea;
  readonly resolvedMs: MemoryArea;
  readonly macs: MemoryArea;
  readonly lines: MemoryArea;
  readonly links: MemoryArea;
  readonly totals: MemoryArea;
  readonly figures: MemoryArea;
  /** Ways to the owner, one for each source. */
  readonly rings: readonly (FrameSource & { readonly memory: MemoryArea })[];
}

/** A device that every worker has on an interface. */
export interface FrameSource {
  readonly interfaceIdx: number;
  readonly kind: 'packet' | 'xdp';
}

/** workerData of the worker thread. */
export interface WorkerSetup {
  readonly device: 'packet' | 'pcap';
  readonly interfaces: readonly WorkerInterface[];
  readonly maxConnections: number;
  readonly connTabSize: number;
  /** Answer ARP and Neighbour Discovery for service addresses that the host does not have. */
  readonly ownVips: boolean;
  /** The way into the host's own stack (a TUN descriptor, which the worker takes over), or null without one. */
  readonly local: { readonly fd: number; readonly name: string } | null;
  /** eventfd in the worker's poll set. */
  readonly wakeFd: number;
  /** One int32: requests posted so far. */
  readonly posted: SharedArrayBuffer;
  readonly requests: MessagePort;
  /** eventfds of the forwarders there will be; empty where this worker is the only one. */
  readonly forwarderFds: readonly number[];
  /** The way to the thread that makes memory resident (native-shims: populateSoon). */
  readonly populator: { readonly pipeFd: number; readonly wakeFd: number };
}

/** workerData of a forwarder's thread. */
export interface ForwarderSetup {
  readonly share: PlaneShare;
  /** How many data-plane workers there are. */
  readonly workers: number;
  readonly interfaces: readonly WorkerInterface[];
  /** eventfd in the forwarder's poll set, and that of the owner. */
  readonly wakeFd: number;
  readonly ownerFd: number;
  /** One int32: not 0 = end. */
  readonly closing: SharedArrayBuffer;
}

export type WorkerRequest =
  | { readonly id: number; readonly op: 'apply'; readonly edits: readonly TableEdit[] }
  /** The guard has let go of what was removed. */
  | { readonly id: number; readonly op: 'narrow' }
  | { readonly id: number; readonly op: 'stats' }
  | { readonly id: number; readonly op: 'connections' }
  | { readonly id: number; readonly op: 'ask'; readonly question: DataplaneQuestion; readonly asked: Asked<DataplaneQuestion> }
  | { readonly id: number; readonly op: 'trace'; readonly filter: TraceFilter | null }
  | { readonly id: number; readonly op: 'close' };

export type WorkerReport =
  /** Devices are open, the loop runs; what each forwarder needs to know. */
  | { readonly kind: 'ready'; readonly shares: readonly PlaneShare[] }
  /** About an interface, for the log. */
  | { readonly kind: 'line'; readonly interface: string; readonly line: string }
  | { readonly kind: 'refused'; readonly code: LvsErrorCode; readonly message: string }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: DataplaneStats; readonly devices: readonly DeviceReport[] }
  | { readonly kind: 'connections'; readonly id: number; readonly records: readonly ConnectionRecord[]; readonly last: boolean }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer<DataplaneQuestion> }
  | { readonly kind: 'trace'; readonly record: TraceRecord }
  /** A next hop without known MAC address: control asks the kernel. */
  | { readonly kind: 'resolve'; readonly interfaceIdx: number; readonly address: string }
  | { readonly kind: 'crashed'; readonly message: string };

/** Counters of one device, for metrics. */
export interface DeviceReport {
  readonly interface: string;
  /** packet, xdp, pcap, local. An interface with xdp has packet besides, for what XDP leaves over. */
  readonly device: string;
  readonly received: number;
  readonly transmitted: number;
  readonly receiveDrops: number;
  readonly transmitDrops: number;
}
