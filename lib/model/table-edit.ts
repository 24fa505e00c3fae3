/**
 * What flows from control to data plane: an ordered list of edits, each already validated and complete.
 * Edits rather than whole snapshots, because the kernel's behaviour depends on their order (where a scheduler's cursor stands
 * after a removal, a destination that is removed and added again), and because -R of 10,000 rules must not cost 10,000 snapshots.
 */
import type { SyncDaemon, TableChange } from './control-command.ts';
import type { NetworkState, Neighbour } from './network-state.ts';

export type { Timeouts } from './control-command.ts';

export type TableEdit =
  | TableChange
  | { readonly op: 'network'; readonly state: NetworkState }
  | { readonly op: 'neighbour'; readonly neighbour: Neighbour }
  /** The synchronisation daemons that run; null where none does. backup_only looks at it. */
  | { readonly op: 'daemons'; readonly master: SyncDaemon | null; readonly backup: SyncDaemon | null };
