/**
 * Everything that changes what is configured, as plain values: what the command line, the API, config readers, health checks and
 * restore all produce, and what the control plane's ServiceTable executes.
 */
import type { Destination } from './destination.ts';
import type { MarkRule } from './mark-rule.ts';
import type { SysctlName } from './sysctl.ts';
import type { ServiceId, VirtualService } from './virtual-service.ts';

/** Timeouts of --set in seconds; 0 keeps the value. */
export interface Timeouts { readonly tcp: number; readonly tcpFin: number; readonly udp: number }

/** A synchronisation daemon as --start-daemon configures it. Zero and empty mean the kernel's default. */
export interface SyncDaemon {
  readonly role: 'master' | 'backup';
  readonly interface: string;
  readonly syncId: number;
  readonly maxLength: number;
  readonly group: string;
  readonly port: number;
  readonly ttl: number;
}

/** Changes that the data plane takes as they are, once validated. */
export type TableChange =
  | { readonly op: 'addService'; readonly service: VirtualService }
  | { readonly op: 'editService'; readonly service: VirtualService }
  | { readonly op: 'deleteService'; readonly id: ServiceId }
  | { readonly op: 'addDestination'; readonly id: ServiceId; readonly destination: Destination }
  | { readonly op: 'editDestination'; readonly id: ServiceId; readonly destination: Destination }
  | { readonly op: 'deleteDestination'; readonly id: ServiceId; readonly address: string; readonly port: number }
  /** Connections and persistence templates of a destination end at once: it has failed, and its clients are to find another. */
  | { readonly op: 'endConnections'; readonly id: ServiceId; readonly address: string; readonly port: number }
  | { readonly op: 'flush' }
  /** Zero the counters of one service, or of all (null). */
  | { readonly op: 'zero'; readonly id: ServiceId | null }
  | { readonly op: 'timeouts'; readonly timeouts: Timeouts }
  | { readonly op: 'sysctl'; readonly name: SysctlName; readonly value: number }
  | { readonly op: 'marks'; readonly rules: readonly MarkRule[] };

/** Everything that changes what is configured. */
export type ControlCommand =
  | TableChange
  | { readonly op: 'startDaemon'; readonly daemon: SyncDaemon }
  | { readonly op: 'stopDaemon'; readonly role: 'master' | 'backup' };
