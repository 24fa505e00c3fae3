/** What is gathered while a keepalived.conf is read, before defaults and checks: null is "not said". */
import type { Script } from '../../model/desired-configuration.ts';
import type { ForwardingMethod, Tunnel } from '../../model/destination.ts';
import type { CheckKind, CheckTarget, HttpUrl } from '../../model/health-check.ts';
import type { Place } from '../diagnostics.ts';

export interface Method { readonly method: ForwardingMethod; readonly tunnel: Tunnel }

/** Settings that a service, a server and a checker share; the innermost that says something counts. */
export interface Timing {
  alpha: boolean | null;
  connectTimeoutSec: number | null;
  retries: number | null;
  delayBeforeRetrySec: number | null;
  warmupSec: number | null;
  delayLoopSec: number | null;
}

export const noTiming = (): Timing => ({ alpha: null, connectTimeoutSec: null, retries: null, delayBeforeRetrySec: null, warmupSec: null, delayLoopSec: null });

/** Defaults that a checker has for itself. delayBeforeRetrySec 0 = the delay loop. */
export interface CheckerDefaults { readonly retries: number; readonly delayBeforeRetrySec: number }

export interface CheckerDraft extends Timing {
  readonly name: string;
  readonly place: Place;
  readonly defaults: CheckerDefaults;
  target: { -readonly [K in keyof CheckTarget]: CheckTarget[K] };
  kind: CheckKind;
  urls: { -readonly [K in keyof HttpUrl]: HttpUrl[K] }[];
  /** Left out of the result (a mistake that keepalived answers by dropping the checker). */
  dropped: boolean;
  miscTimeoutSec: number | null;
  /** FILE_CHECK */
  /** Instance that BFD_CHECK names. */
  bfd: string | null;
  trackFile: string | null;
  weight: number | null;
  reverse: boolean;
  /** SMTP_CHECK host blocks: each is a checker of its own. */
  hosts: CheckTarget[];
  hostTimeouts: (number | null)[];
  /** BFD_CHECK and FILE_CHECK start by what they watch, not by a probe. */
  passive: boolean;
  virtualHost: string | null;
  /** enable_sni */
  sni: boolean;
  /** MISC_CHECK whose program is not there: no check, but alpha still counts. */
  missing: boolean;
}

export interface ServerDraft extends Timing {
  readonly place: Place;
  readonly address: string;
  readonly family: 4 | 6;
  port: number;
  /** As the file has it, before it was reset for DR or TUN: checkers keep to it. 0: none given. */
  readonly filePort: number;
  /** Null: the service's. */
  weight: number | null;
  /** Begins as the service's is at that line; null: what the service has in the end. */
  method: Method | null;
  inhibit: boolean | null;
  notifyUp: Script | null;
  notifyDown: Script | null;
  upper: number;
  lower: number;
  smtpAlert: boolean | null;
  virtualHost: string | null;
  checkers: CheckerDraft[];
}

export interface ServiceDraft extends Timing {
  readonly place: Place;
  readonly target: { readonly kind: 'address'; readonly address: string; readonly port: number }
    | { readonly kind: 'fwmark'; readonly fwmark: number } | { readonly kind: 'group'; readonly group: string };
  family: 4 | 6 | null;
  protocol: 'tcp' | 'udp' | 'sctp' | null;
  protocolPlace: Place | null;
  scheduler: string | null;
  schedFlags: number;
  method: Method | null;
  persistenceSec: number;
  persistenceMask: string | null;
  persistenceEngine: string | null;
  onePacket: boolean;
  quorum: number;
  hysteresis: number;
  quorumUp: Script | null;
  quorumDown: Script | null;
  omega: boolean;
  haSuspend: boolean;
  inhibit: boolean;
  smtpAlert: boolean | null;
  virtualHost: string | null;
  /** Of its servers that name none. */
  weight: number;
  sorry: SorryDraft | null;
  servers: ServerDraft[];
}

export interface SorryDraft { readonly address: string; readonly family: 4 | 6; port: number; readonly place: Place; method: Method | null; inhibit: boolean }

export interface GroupMember { readonly kind: 'address'; readonly address: string; readonly port: number; readonly text: string }
export interface GroupMark { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: 4 | 6 | null }
export interface Group { readonly name: string; readonly members: readonly (GroupMember | GroupMark)[] }

export interface TrackFile { readonly path: string | null; readonly weight: number; readonly initial: number | null; readonly reverse: boolean }
