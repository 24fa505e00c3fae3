/**
 * A health check as configured: when to probe, and what. Plain values; every configuration format is read into these, and lib/health
 * runs them. Times are seconds, fractions allowed.
 */
import type { Family } from './protocol.ts';

/** When a monitor probes and how often it must succeed or fail. Written once, for all checkers. */
export interface CheckTiming {
  /** Between two probes (delay_loop). */
  readonly intervalSec: number;
  /** For the whole probe: connect, write, read. */
  readonly timeoutSec: number;
  /** Further failures needed after the first before the server is down (keepalived retry, fall - 1). */
  readonly retries: number;
  readonly delayBeforeRetrySec: number;
  /** Successes in a row before a down server is up again (rise). */
  readonly rise: number;
  /** Random first delay in 0..warmupSec. */
  readonly warmupSec: number;
  /** Start down until a probe succeeded. */
  readonly alpha: boolean;
  /** Nanny: a failed server must answer for this long before it is let back in; 0 = rise decides. */
  readonly reentrySec: number;
}

/** Where the probe goes. Absent fields: the real server and its port. */
export interface CheckTarget {
  readonly address?: string;
  readonly port?: number;
  readonly bindAddress?: string;
  readonly bindPort?: number;
  readonly bindInterface?: string;
  readonly fwmark?: number;
  /** Send to the VIP through the real server's link-layer address (tests the path of DR and TUN). */
  readonly viaVip?: boolean;
}

export interface HttpUrl {
  readonly path: string;
  readonly virtualHost?: string;
  /** 32 hex digits (genhash). */
  readonly digest?: string;
  /** Inclusive ranges; default 200-299. */
  readonly statusCodes?: readonly (readonly [number, number])[];
  readonly regex?: string;
  readonly regexNegate?: boolean;
  readonly regexOptions?: readonly string[];
  readonly regexMinOffset?: number;
  readonly regexMaxOffset?: number;
}

export type CheckKind =
  | { readonly kind: 'tcp' }
  /** Nanny's and ldirectord's negotiate: send, then compare. */
  | { readonly kind: 'send-expect'; readonly send: string; readonly expect: string; readonly match: 'prefix' | 'regex' | 'any'; readonly udp: boolean; readonly tls?: boolean }
  | { readonly kind: 'http'; readonly tls: boolean; readonly urls: readonly HttpUrl[]; readonly version: '1.0' | '1.0C' | '1.1'; readonly method: 'GET' | 'HEAD';
      readonly sni: string | null; readonly verify: boolean; readonly fastRecovery: boolean; readonly userAgent: string }
  | { readonly kind: 'dns'; readonly name: string; readonly type: string; readonly expect?: string }
  | { readonly kind: 'smtp'; readonly helo: string; readonly hosts?: readonly string[] }
  | { readonly kind: 'udp'; readonly payload: string; readonly requireReply: boolean; readonly reply?: string; readonly replyMask?: string; readonly minLength: number; readonly maxLength: number }
  | { readonly kind: 'ping'; readonly family?: Family }
  /** External program. dynamicWeight: keepalived's misc_dynamic exit codes. expectOutput: nanny's send_program. */
  | { readonly kind: 'exec'; readonly command: string; readonly dynamicWeight: boolean; readonly expectOutput?: string; readonly user?: string }
  | { readonly kind: 'file'; readonly path: string; readonly weight: number; readonly reverse: boolean; readonly dynamic: boolean }
  /** Protocols ldirectord speaks by themselves (ftp, pop, imap, mysql, ldap ...): login and, if given, request and receive. */
  | { readonly kind: 'login'; readonly service: string; readonly login: string; readonly password: string; readonly request: string; readonly receive: string; readonly database: string;
      /** RADIUS. */
      readonly secret?: string;
      /** SIP over UDP. */
      readonly udp?: boolean }
  /** Always up or always down (ldirectord on, off). */
  | { readonly kind: 'fixed'; readonly up: boolean };

export interface HealthCheck {
  readonly timing: CheckTiming;
  readonly target: CheckTarget;
  readonly check: CheckKind;
  /** Word of the source format, for messages: HTTP_GET, negotiate, nanny. */
  readonly name: string;
}
