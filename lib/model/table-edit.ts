/**
 * What flows from control to data plane: an ordered list of edits, each already validated and complete.
 * Edits rather than whole snapshots, because the kernel's behaviour depends on their order (where a scheduler's cursor stands
 * after a removal, a destination that is removed and added again), and because -R of 10,000 rules must not cost 10,000 snapshots.
 */
import type { SyncDaemon } from './control-command.ts';
import type { Destination } from './destination.ts';
import type { MarkRule } from './mark-rule.ts';
import type { NetworkState, Neighbour } from './network-state.ts';
import type { ServiceId, VirtualService } from './virtual-service.ts';
import type { SysctlName } from './sysctl.ts';

/** Timeouts of --set in seconds; 0 keeps the value. */
export interface Timeouts { readonly tcp: number; readonly tcpFin: number; readonly udp: number }

export type TableEdit =
  | { readonly op: 'addService'; readonly service: VirtualService }
  | { readonly op: 'editService'; readonly service: VirtualService }
  | { readonly op: 'deleteService'; readonly id: ServiceId }
  | { readonly op: 'addDestination'; readonly id: ServiceId; readonly destination: Destination }
  | { readonly op: 'editDestination'; readonly id: ServiceId; readonly destination: Destination }
  | { readonly op: 'deleteDestination'; readonly id: ServiceId; readonly address: string; readonly port: number }
  | { readonly op: 'flush' }
  /** Zero the counters of one service, or of all (null). */
  | { readonly op: 'zero'; readonly id: ServiceId | null }
  | { readonly op: 'timeouts'; readonly timeouts: Timeouts }
  | { readonly op: 'sysctl'; readonly name: SysctlName; readonly value: number }
  | { readonly op: 'marks'; readonly rules: readonly MarkRule[] }
  | { readonly op: 'network'; readonly state: NetworkState }
  | { readonly op: 'neighbour'; readonly neighbour: Neighbour }
  /** The synchronisation daemons that run; null where none does. backup_only looks at it. */
  | { readonly op: 'daemons'; readonly master: SyncDaemon | null; readonly backup: SyncDaemon | null };
