/**
 * The contract of a checker: one small file that probes one target once and says whether it answered as it should. When, how often,
 * what follows from it: that is monitor.ts, written once for all of them. A checker never waits for anything but its own target,
 * reads a bounded number of bytes, and lets go of everything it holds when `signal` aborts (the deadline, or nobody wants to know).
 */
import type { ByteStream, Datagrams } from '../device/byte-stream.ts';
import type { Tunnel } from '../model/destination.ts';
import type { CheckKind } from '../model/health-check.ts';
import type { Family } from '../model/protocol.ts';
import type { StopSignal } from './stop-signal.ts';

/** Where the probe goes, defaults filled in. */
export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
  readonly bindAddress?: string;
  readonly bindPort?: number;
  readonly bindInterface?: string;
  readonly fwmark?: number;
  /** Through this real server to `address`, which is the virtual one, as the director forwards. */
  readonly via?: { readonly address: string; readonly method: 'route' | 'tunnel'; readonly tunnel: Tunnel };
}

export interface ProbeOutcome {
  readonly ok: boolean;
  /** What was wrong, naming it; empty when ok. */
  readonly error: string;
  /** The weight the server shall have instead of the configured one (keepalived's misc_dynamic). */
  readonly weight?: number;
  /** To be added to the configured weight (keepalived's dynamic FILE_CHECK). */
  readonly weightAdd?: number;
}

export interface TlsOptions {
  /** SNI; null sends none. */
  readonly servername: string | null;
  /** Whom the certificate must name, if it is verified. */
  readonly identity: string;
  readonly verify: boolean;
}

/** How checkers reach the network. Errors come through the listeners. */
export interface ProbeSockets {
  stream(target: ProbeTarget): ByteStream;
  secureStream(target: ProbeTarget, tls: TlsOptions): ByteStream;
  /** Connected, so that ICMP errors come back. */
  datagrams(target: ProbeTarget): Datagrams;
  /** Resolves when an echo reply came; rejects with what came instead. Must end when the signal aborts. */
  ping(target: ProbeTarget, family: Family, signal: StopSignal): Promise<void>;
}

export interface ProbeContext {
  readonly signal: StopSignal;
  readonly sockets: ProbeSockets;
  /** Which part of a check that has several (the urls of HTTP_GET), from 0. */
  readonly step: number;
}

export type Checker<Kind extends CheckKind['kind']> =
  (check: Extract<CheckKind, { kind: Kind }>, target: ProbeTarget, context: ProbeContext) => Promise<ProbeOutcome>;

/** The target did not answer as it should. */
export class ProbeFailure extends Error {}

export const PASSED: ProbeOutcome = { ok: true, error: '' };

export function failed(error: string): ProbeOutcome {
  return { ok: false, error };
}

/** "10.1.0.1:80", "[2001:db8::1]:80". */
export function targetText({ address, port }: ProbeTarget): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
