/** Everything the steps of a packet's walk share: one object for the life of the data plane. */
import type { Connections } from './connections.ts';
import type { Defence } from './defence.ts';
import type { Chooser, Decision } from './decision.ts';
import type { Counters } from './estimator.ts';
import type { Flow } from './flow.ts';
import type { FlowObserver } from './flow-observer.ts';
import type { Forwarders } from './forwarders.ts';
import type { FtpHelper } from './ftp.ts';
import type { MarkClassifier } from './marks.ts';
import type { PathContext } from './path-context.ts';
import type { ProtocolTimeouts } from './protocol-timeouts.ts';
import type { Services } from './services.ts';
import type { Synchronisation } from './sync.ts';
import type { Trace } from './trace.ts';

export interface CoreContext extends PathContext {
  readonly services: Services;
  readonly connections: Connections;
  readonly counters: Counters;
  readonly timeouts: ProtocolTimeouts;
  readonly defence: Defence;
  readonly marks: MarkClassifier;
  /** The flow of the first packet at hand, and that of its persistence template. */
  readonly flow: Flow;
  readonly templateFlow: Flow;
  /** How first packets get their destination, and what was decided about the one at hand. */
  readonly chooser: Chooser;
  readonly decision: Decision;
  /** Looks into control connections of FTP through NAT. */
  readonly ftp: FtpHelper;
  /** Null while nobody looks. */
  trace: Trace | null;
  /** Null while nobody follows connections. */
  observer: FlowObserver | null;
  /** A backup synchronisation daemon runs (backup_only looks at it). */
  backupDaemon: boolean;
  readonly sync: Synchronisation;
  /** Null where this thread is the only one. */
  readonly forwarders: Forwarders | null;
}

/** Block of Counters that counts for the director as a whole. */
export const TOTAL = 0;
