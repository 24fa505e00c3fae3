/** Checkers with their defaults: checker over server over service over the checker's own (check_api.c: dequeue_new_checker). */
import type { CheckKind, CheckTarget, CheckTiming, HealthCheck, HttpUrl } from '../../model/health-check.ts';
import type { ConfigHost } from '../config-host.ts';
import type { CheckerDraft, ServerDraft, ServiceDraft, TrackFile } from './draft.ts';

const DEFAULT_DELAY_LOOP_SEC = 60;
const DEFAULT_CONNECT_TIMEOUT_SEC = 5;
const FILE_INTERVAL_SEC = 1;
/** Of a checker whose server has no port (firewall marks). */
const OWN_PORTS: Partial<Record<CheckKind['kind'], number>> = { smtp: 25, dns: 53 };
/** A track_file value times its weight from here on means fault. */
const FAULT = -2_147_483_647;

export interface CheckDefaults {
  readonly service: ServiceDraft;
  readonly server: ServerDraft;
  readonly trackFiles: ReadonlyMap<string, TrackFile>;
}

/** One check, several for an SMTP_CHECK with host blocks, none for a program that is not there. */
export function finishChecks(checker: CheckerDraft, defaults: CheckDefaults): HealthCheck[] {
  if (checker.missing) return [];
  const timing = finishTiming(checker, defaults);
  const kind = finishKind(checker, defaults);
  const own: HealthCheck = { timing, target: finishTarget(checker.target, checker.kind, defaults), check: kind, name: checker.name };
  // NB: a host block without connect_timeout has none: the probe is over when it begins. keepalived's own defaults do not reach there.
  // The block's own target counts beside hosts only if it says something about it.
  const ownCounts = checker.hosts.length === 0 || checker.connectTimeoutSec !== null || Object.keys(checker.target).length > 0;
  return [...(ownCounts ? [own] : []), ...checker.hosts.map((target, n): HealthCheck => ({ ...own, timing: { ...timing, timeoutSec: checker.hostTimeouts[n] ?? 0 }, target: finishTarget(target, checker.kind, defaults) }))];
}

export function startsDown(checker: CheckerDraft, defaults: CheckDefaults, host: ConfigHost): boolean {
  if (checker.kind.kind === 'file') return fileFault(checker, defaults, host);
  // A session has to come up first, whatever alpha says.
  return checker.bfd !== null || alphaOf(checker, defaults);
}

function alphaOf(checker: CheckerDraft, { server, service }: CheckDefaults): boolean {
  return checker.alpha ?? server.alpha ?? service.alpha ?? false;
}

function finishTiming(checker: CheckerDraft, defaults: CheckDefaults): CheckTiming {
  const { server, service } = defaults;
  const intervalSec = checker.delayLoopSec ?? server.delayLoopSec ?? service.delayLoopSec ?? DEFAULT_DELAY_LOOP_SEC;
  // keepalived is told of a file's changes; to look every second is as good.
  const soon = checker.kind.kind === 'file';
  const ownDelay = checker.defaults.delayBeforeRetrySec === 0 ? intervalSec : checker.defaults.delayBeforeRetrySec;
  const connectTimeoutSec = checker.connectTimeoutSec ?? server.connectTimeoutSec ?? service.connectTimeoutSec ?? DEFAULT_CONNECT_TIMEOUT_SEC;
  return {
    intervalSec: soon ? FILE_INTERVAL_SEC : intervalSec,
    timeoutSec: checker.kind.kind === 'exec' ? checker.miscTimeoutSec ?? intervalSec : connectTimeoutSec,
    retries: checker.retries ?? server.retries ?? service.retries ?? checker.defaults.retries,
    delayBeforeRetrySec: checker.delayBeforeRetrySec ?? server.delayBeforeRetrySec ?? service.delayBeforeRetrySec ?? ownDelay,
    rise: 1,
    warmupSec: soon ? 0 : checker.warmupSec ?? server.warmupSec ?? service.warmupSec ?? intervalSec,
    alpha: alphaOf(checker, defaults),
    reentrySec: 0,
  };
}

function finishTarget(target: CheckTarget, { kind }: CheckKind, { server }: CheckDefaults): CheckTarget {
  if (kind === 'exec' || kind === 'file' || kind === 'fixed') return {};
  const port = target.port ?? (server.filePort > 0 ? server.filePort : OWN_PORTS[kind]);
  return { ...target, address: target.address ?? server.address, ...(port === undefined ? {} : { port }) };
}

function finishKind(checker: CheckerDraft, { server, service, trackFiles }: CheckDefaults): CheckKind {
  const { kind } = checker;
  if (kind.kind === 'file') {
    const file = trackFiles.get(checker.trackFile ?? '');
    return { ...kind, path: file?.path ?? '', weight: checker.weight ?? file?.weight ?? 0, reverse: checker.weight === null ? file?.reverse ?? false : checker.reverse };
  }
  if (kind.kind === 'dns') return kind.name === '' ? { ...kind, name: '.' } : kind;
  if (kind.kind !== 'http') return kind;
  const host = checker.virtualHost ?? server.virtualHost ?? service.virtualHost;
  const urls = checker.urls.map((url): HttpUrl => (url.virtualHost === undefined && host !== null ? { ...url, virtualHost: host } : url));
  return { ...kind, urls, sni: checker.sni ? urls[0]?.virtualHost ?? null : null };
}

function fileFault(checker: CheckerDraft, defaults: CheckDefaults, host: ConfigHost): boolean {
  const file = fileNumber(checker, defaults, host);
  if (file === null) return false;
  return file.weight === 0 ? file.status !== 0 : file.status * file.weight <= FAULT;
}

/** What a FILE_CHECK adds to the weight of its server from the start. */
export function startWeightAdd(checker: CheckerDraft, defaults: CheckDefaults, host: ConfigHost): number {
  const file = checker.kind.kind === 'file' ? fileNumber(checker, defaults, host) : null;
  return file === null || file.weight === 0 || file.status * file.weight <= FAULT ? 0 : file.status * file.weight;
}

/** The number in the file (init_file's, where it is to be made), and the weight with its sense. */
function fileNumber(checker: CheckerDraft, { trackFiles }: CheckDefaults, host: ConfigHost): { readonly status: number; readonly weight: number } | null {
  const file = trackFiles.get(checker.trackFile ?? '');
  if (file === undefined) return null;
  const reverse = checker.weight === null ? file.reverse : checker.reverse;
  return { status: Number.parseInt(host.readFile(file.path ?? '') ?? '', 10) || (file.initial ?? 0), weight: (checker.weight ?? file.weight) * (reverse ? -1 : 1) };
}
