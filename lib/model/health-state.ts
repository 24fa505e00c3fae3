/** What health checking has found out, as the API, events and metrics show it: plain values. */
import type { ServiceId } from './virtual-service.ts';

/** One probe. */
export interface ProbeResult {
  /** Wall clock, ms since 1970, when it ended. */
  readonly timeMs: number;
  readonly latencyMs: number;
  readonly ok: boolean;
  readonly error: string;
  /** "down": this result took the server down; "up": it brought it back. */
  readonly transition: 'up' | 'down' | null;
}

export type ForcedState = 'automatic' | 'up' | 'down';

export interface CheckState {
  /** Word of the source format: HTTP_GET, negotiate, nanny. */
  readonly name: string;
  readonly kind: string;
  readonly target: string;
  readonly up: boolean;
  /** Probed at least once. */
  readonly hasRun: boolean;
  readonly intervalSec: number;
  readonly passed: number;
  readonly failed: number;
  /** Failures in a row that have not taken it down yet, of `retries`. */
  readonly retry: number;
  readonly retries: number;
  /** Successes in a row of those needed to come back, while down. */
  readonly successes: number;
  readonly successesNeeded: number;
  /** Oldest first. */
  readonly results: readonly ProbeResult[];
}

/** What the administrator asked for, above all checks and across reloads. */
export interface AdminState {
  /** drained: weight 0, connections go on. disabled: out of the table. */
  readonly state: 'enabled' | 'drained' | 'disabled';
  /** Instead of the configured weight. */
  readonly weight: number | null;
  readonly checks: ForcedState;
}

export const NO_ADMIN_STATE: AdminState = { state: 'enabled', weight: null, checks: 'automatic' };

export interface ServerState {
  readonly address: string;
  readonly port: number;
  readonly up: boolean;
  readonly configuredWeight: number;
  /** Weight in the table; null where it is not in the table. */
  readonly weight: number | null;
  readonly admin: AdminState;
  readonly load: number | null;
  readonly checks: readonly CheckState[];
}

export interface ServiceHealth {
  readonly name: string;
  readonly ids: readonly ServiceId[];
  readonly quorumUp: boolean;
  /** Sum of the weights of live servers. */
  readonly liveWeight: number;
  readonly quorum: number;
  readonly hysteresis: number;
  /** "live 2 >= quorum 2 - hysteresis 1": why the quorum is as it is. */
  readonly arithmetic: string;
  readonly sorryServer: { readonly address: string; readonly port: number; readonly inUse: boolean } | null;
  /** Health is ignored because too few are left. */
  readonly panic: boolean;
  readonly servers: readonly ServerState[];
}

export interface HealthReport {
  /** The configuration file, or null where none was given. */
  readonly source: string | null;
  readonly services: readonly ServiceHealth[];
  readonly probes: { readonly monitors: number; readonly running: number; readonly passed: number; readonly failed: number };
  readonly foreignChanges: number;
  /** FIFO lines that found the pipe full, webhook calls and mails that did not arrive. */
  readonly lostNotifications: number;
  /** The configuration was to be read again and was not taken; null since it was. */
  readonly refusedReload: RefusedReload | null;
  /** The last things that happened, oldest first. */
  readonly timeline: readonly HealthEvent[];
}

export interface RefusedReload { readonly timeMs: number; readonly source: string; readonly message: string }

/** Something that happened, as `tsipvs events` streams it. */
export interface HealthEvent {
  readonly timeMs: number;
  readonly kind: 'server' | 'service' | 'weight' | 'sorry' | 'admin' | 'drained' | 'foreign' | 'reload' | 'problem';
  readonly service: string;
  readonly server: string | null;
  readonly state: 'up' | 'down' | null;
  readonly message: string;
}
