/** `tsipvs shadow`: another scheduler beside the live one, choosing for the same flows without acting. JSON-able. */
import type { ServiceId } from './virtual-service.ts';

export interface ShadowRequest {
  readonly service: ServiceId;
  readonly scheduler: string;
  /** OR of SCHED_FLAG. */
  readonly schedFlags: number;
}

/** What one scheduler did with a destination, or would have. */
export interface ShadowSide {
  /** First packets given to it since the start. */
  readonly flows: number;
  readonly activeConns: number;
  readonly inactiveConns: number;
  /** Most connections, active and inactive, at a time. */
  readonly peakConns: number;
  /** How often it reached its upper threshold. */
  readonly timesOverloaded: number;
}

export interface ShadowDestination {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly upperThreshold: number;
  /** No longer in the service. */
  readonly removed: boolean;
  readonly live: ShadowSide;
  readonly shadow: ShadowSide;
}

/** Clients that came again, and how many of them got another destination than the last time. */
export interface Returns {
  readonly returned: number;
  readonly movedLive: number;
  readonly movedShadow: number;
}

/** A change of the service's list, or several at once; its returns are each client's first connection after it, of clients seen before it. */
export interface ShadowChange extends Returns {
  /** Since the start. */
  readonly atMs: number;
  /** "10.1.0.3:80 removed". */
  readonly text: string;
}

export interface ShadowReport {
  /** serviceKey(). */
  readonly service: string;
  readonly live: { readonly scheduler: string; readonly schedFlags: number; readonly refused: number };
  readonly shadow: { readonly scheduler: string; readonly schedFlags: number; readonly refused: number };
  readonly elapsedMs: number;
  /** First packets since the start. */
  readonly flows: number;
  /** Of those: the shadow chose otherwise. */
  readonly elsewhere: number;
  readonly clients: Returns;
  /** Newest first; those removed last. */
  readonly destinations: readonly ShadowDestination[];
  /** The latest ones. */
  readonly changes: readonly ShadowChange[];
  /** The last report: its time is over, or the service was deleted. */
  readonly ended: null | 'duration' | 'deleted';
}
