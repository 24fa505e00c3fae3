/**
 * What a configuration file asks for, whatever its format: services, destinations, checks, policy. Readers (lib/config) produce it,
 * the planner compares it with what runs, health (lib/health) keeps it true. Plain values.
 */
import type { Destination } from './destination.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { HealthCheck } from './health-check.ts';
import type { ServiceId, VirtualService } from './virtual-service.ts';

/** A command with the user it runs as. */
export interface Script { readonly command: string; readonly user?: string; readonly group?: string }

export interface LoadMonitor { readonly kind: 'uptime' | 'rup' | 'ruptime'; readonly command: string; readonly scale: number }

export interface DesiredDestination {
  /** For the first of the service's ids; other ids take their own port where the port is 0. */
  readonly destination: Destination;
  readonly checks: readonly HealthCheck[];
  /** All checks must pass (keepalived), or the last result counts (one check). */
  readonly inhibitOnFailure: boolean;
  readonly notifyUp: Script | null;
  readonly notifyDown: Script | null;
  /** Slow start from weight/32 doubling every 20 s (nanny). */
  readonly slowStart: boolean;
  readonly loadMonitor: LoadMonitor | null;
  /** Taken out by the administrator in the file (Piranha active = 0). */
  readonly disabled: boolean;
  readonly smtpAlert: boolean;
  /** What counts before any check has run. Down: absent, or at weight 0 (inhibitOnFailure, policy.onFailure). */
  readonly startsUp: boolean;
  /** Not in the table before any check has run, although failing means weight 0 or the server is up (ldirectord, of a server that several services have, or that is the fallback). */
  readonly startsAbsent?: boolean;
  /** The weight before any check has run, where it is not the configured one (the number in a file adds to it). */
  readonly startWeight?: number;
}

export interface SorryServer {
  readonly destination: Destination;
  readonly inhibit: boolean;
  /** replace: only the sorry server serves below quorum (keepalived). joins: it is added to what is left. */
  readonly mode: 'replace' | 'joins';
}

export interface ServicePolicy {
  /** Needed sum of live weights. */
  readonly quorum: number;
  readonly hysteresis: number;
  readonly quorumUp: Script | null;
  readonly quorumDown: Script | null;
  readonly sorryServer: SorryServer | null;
  readonly alpha: boolean;
  readonly omega: boolean;
  readonly haSuspend: boolean;
  readonly smtpAlert: boolean;
  /** Ignore health when fewer than this share (0..1) of the weights is left; 0 = off. */
  readonly panicThreshold: number;
  /** What failure does: take out, or weight 0 (quiescent, quiesce_server, inhibit). */
  readonly onFailure: 'remove' | 'quiesce';
  /** Connections and persistence templates of a server that failed end at once (expire_nodest_conn, expire_quiescent_template, for failed servers only). */
  readonly endFailed: boolean;
}

export interface DesiredService {
  /** Address, mark, or all members of a group: one IPVS service each, one set of checks for all. */
  readonly ids: readonly ServiceId[];
  /** Options of each service; `service.id` is ids[0]. */
  readonly service: VirtualService;
  readonly destinations: readonly DesiredDestination[];
  readonly policy: ServicePolicy;
  /** Name in the file, or the address. */
  readonly name: string;
  /** The one id that the original program has instead of `ids` (keepalived's nftables_ipvs: a mark that its own packet filter sets). Here packets bear no such mark. */
  readonly foldedId?: ServiceId;
}

export interface DesiredGlobals {
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number };
  readonly syncDaemon: { readonly interface: string; readonly syncId: number; readonly maxLength: number; readonly port: number; readonly ttl: number; readonly group: string } | null;
  readonly flush: boolean;
  readonly flushOnStop: boolean;
  readonly fifo: string | null;
  readonly fifoScript: Script | null;
  readonly webhook: string | null;
  readonly smtp: { readonly server: string; readonly port: number; readonly from: string; readonly to: readonly string[]; readonly helo: string; readonly timeoutSec: number;
    /** In the subject; empty: the host's name. */
    readonly router: string } | null;
  readonly rsInitNotifies: boolean;
  /** Look so often whether the files changed, and read them again then; 0: only on SIGHUP. */
  readonly watchFileSec: number;
}

export interface DesiredConfiguration {
  readonly format: 'ipvsadm' | 'keepalived' | 'ldirectord' | 'piranha' | 'haproxy' | 'native';
  readonly files: readonly string[];
  readonly services: readonly DesiredService[];
  readonly globals: DesiredGlobals;
  readonly diagnostics: readonly Diagnostic[];
  /** Parsed and kept, not acted on yet (VRRP blocks, heartbeat settings), as the source names them. */
  readonly kept: readonly { readonly name: string; readonly file: string; readonly line: number; readonly body: unknown }[];
}

/**
 * A destination as one of the service's ids has it: port 0 is the service's own port. Masqueraded to, it stays 0 in the table, as keepalived
 * enters it; packets go to the service's port all the same.
 */
export function destinationFor(id: ServiceId, destination: Destination): Destination {
  return destination.port === 0 && destination.method !== 'masq' && id.kind === 'address' && id.port !== 0 ? { ...destination, port: id.port } : destination;
}

export const NO_GLOBALS: DesiredGlobals = {
  timeouts: { tcp: 0, tcpFin: 0, udp: 0 }, syncDaemon: null, flush: false, flushOnStop: false, fifo: null, fifoScript: null, webhook: null, smtp: null, rsInitNotifies: false, watchFileSec: 0,
};

/** What a service does that says nothing about policy. */
export const PLAIN_POLICY: ServicePolicy = {
  quorum: 1, hysteresis: 0, quorumUp: null, quorumDown: null, sorryServer: null, alpha: false, omega: false, haSuspend: false, smtpAlert: false, panicThreshold: 0, onFailure: 'remove', endFailed: false,
};
