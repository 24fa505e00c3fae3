/** server lines: place, weight and the check that goes with them. */
import { IPIP_TUNNEL } from '../../model/destination.ts';
import type { DesiredDestination } from '../../model/desired-configuration.ts';
import type { CheckKind, HealthCheck } from '../../model/health-check.ts';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import { readAddress } from '../keepalived/addresses.ts';
import { connectRule, httpCheck, tcpCheck } from './check-rules.ts';
import { SERVER_LOST, SERVER_NEEDLESS, SERVER_PATH_LOST, SERVER_READ } from './keywords.ts';
import { timeSec } from './lines.ts';
import { valueComplaint } from './server-values.ts';
import type { Proxy, ServerLine } from './proxy.ts';

const DEFAULT_INTERVAL_SEC = 2;
const DEFAULT_RISE = 2;
const DEFAULT_FALL = 3;
const LOGIN_CHECKS: Readonly<Record<string, string>> = { 'mysql-check': 'mysql', 'pgsql-check': 'pgsql', 'ldap-check': 'ldap' };

export interface FinishedServer { readonly name: string; readonly place: Place; readonly backup: boolean; readonly desired: DesiredDestination }

/** `servicePort` 0: the service has several ports and each server uses the one it is called on. */
export function finishServer(line: ServerLine, backend: Proxy, family: 4 | 6, servicePort: number, host: ConfigHost, diagnostics: Diagnostics): FinishedServer[] {
  const [name = '', target = ''] = line.words;
  const settings = readSettings(line, diagnostics);
  const refuse = (message: string, word: string): [] => {
    diagnostics.error(line.place, `server ${backend.name}/${name}: ${message}`, 'HAProxy refuses the file; the server is left out', word);
    return [];
  };
  const [, prefix = '', plainTarget = target] = /^(ipv4@|ipv6@)?(.*)$/s.exec(target) ?? [];
  if (/^(\/|@|(unix|abns|uxst|fd|sockpair)@)/.test(plainTarget)) {
    if (plainTarget.startsWith('@')) return refuse(`"${plainTarget}" is no address`, plainTarget);
    diagnostics.warn(line.place, `server ${backend.name}/${name}: ${plainTarget} is no network address`, 'the server is left out', plainTarget);
    return [];
  }
  const colon = plainTarget.endsWith(']') ? -1 : plainTarget.lastIndexOf(':');
  const portText = colon < 0 ? '' : plainTarget.slice(colon + 1);
  const plain = (colon < 0 ? plainTarget : plainTarget.slice(0, colon)).replace(/^\[(.*)\]$/, '$1');
  if (/^\d+-\d+$/.test(portText)) return refuse(`a range of ports ("${portText}") is not permitted here`, portText);
  if (!/^[+-]?\d*$/.test(portText)) return refuse(`"${portText}" is no port number`, portText);
  if (/^\d/.test(portText) && Number(portText) > 65_535) return refuse(`invalid port ${portText}`, portText);
  const wildcard = ['', '*', '0.0.0.0', '::'].includes(plain);
  const literal = readAddress(plain);
  if (literal === null && !wildcard && (/^[\d.]+$/.test(plain) || plain.includes(':'))) return refuse(`"${plain}" is no address`, plain);
  if (literal !== null && prefix !== '' && prefix !== `ipv${literal.family}@`) return refuse(`${plain} is no ${prefix === 'ipv4@' ? 'IPv4' : 'IPv6'} address`, plain);
  if (wildcard) {
    diagnostics.warn(line.place, `server ${backend.name}/${name}: "${target}" stands for the address that the client asked for`, 'the server is left out: a real server has an address', target);
    return [];
  }
  const address = literal?.address ?? host.addressOf(plain, prefix === 'ipv4@' ? 4 : prefix === 'ipv6@' ? 6 : family);
  if (address === null) {
    diagnostics.warn(line.place, `server ${backend.name}/${name}: could not resolve address "${plain}"`, 'the server is left out', plain);
    return [];
  }
  if (address.includes(':') !== (family === 6)) {
    diagnostics.warn(line.place, `server ${backend.name}/${name}: ${address} is of another address family than the listener`, 'the server is left out: only a proxy joins families', plain);
    return [];
  }
  if ((line.copies ?? 1) > 1) diagnostics.note(line.place, `${line.copies} servers of one name become one: ${plain} has one address here`, 'the other addresses that the name may have are not followed', plain);
  const port = serverPort(portText, servicePort);
  if (port === null) {
    diagnostics.warn(line.place, `server ${backend.name}/${name}: no port "${portText}" for this listener`, 'the server is left out', portText);
    return [];
  }
  const weight = number(settings, 'weight', 1);
  const upperThreshold = number(settings, 'maxconn', 0);
  if (upperThreshold > 0) diagnostics.note(line.place, `server ${name}: maxconn ${upperThreshold} is an upper threshold here`, 'connections above it go elsewhere or are refused; there is no queue', 'maxconn');
  return [{
    name, place: line.place, backup: settings.has('backup') && !settings.has('no-backup'),
    desired: {
      destination: { address, port, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold, lowerThreshold: 0 },
      checks: settings.has('check') && !settings.has('no-check') ? [healthCheck(settings, backend, address, port === 0 ? servicePort : port, diagnostics)] : [],
      inhibitOnFailure: false, notifyUp: null, notifyDown: null, slowStart: settings.has('slowstart'), loadMonitor: null, disabled: settings.has('disabled') && !settings.has('enabled'), smtpAlert: false, startsUp: true,
    },
  }];
}

/** Absent: as the listener; "+N", "-N": beside it. */
function serverPort(text: string, servicePort: number): number | null {
  if (text === '' || text === '+0' || text === '-0') return servicePort;
  if (/^\d+$/.test(text)) return Number(text) <= 65_535 ? Number(text) : null;
  const port = servicePort + Number(text);
  return servicePort > 0 && port > 0 && port <= 65_535 ? port : null;
}

const KNOWN: Readonly<Record<string, number>> = { ...SERVER_READ, ...SERVER_NEEDLESS, ...SERVER_LOST };

/** The words of a default-server line that are known, with their values. */
export function knownParameters(list: readonly string[], place: Place, diagnostics: Diagnostics): string[] {
  const known: string[] = [];
  for (let n = 0; n < list.length; n++) {
    const word = list[n]!;
    const values = Object.hasOwn(KNOWN, word) ? KNOWN[word]! : null;
    if (values === null) diagnostics.error(place, `unknown server parameter "${word}"`, 'HAProxy refuses the file; ignored', word, Object.keys(KNOWN));
    else known.push(...list.slice(n, n + 1 + values));
    n += values ?? 0;
  }
  return known;
}

function readSettings({ words, defaults, place }: ServerLine, diagnostics: Diagnostics): Map<string, string> {
  const settings = new Map<string, string>();
  for (const list of [defaults, words.slice(2)]) {
    for (let n = 0; n < list.length; n++) {
      const word = list[n]!;
      const values = Object.hasOwn(KNOWN, word) ? KNOWN[word]! : null;
      if (values === null) diagnostics.error(place, `unknown server parameter "${word}"`, 'HAProxy refuses the file; ignored', word, Object.keys(KNOWN));
      else {
        const complaint = valueComplaint(word, values === 0 ? null : list[n + 1] ?? (word === 'weight' ? '0' : ''));
        if (complaint !== null) diagnostics.error(place, `server ${words[0]}: ${word} ${complaint}`, 'HAProxy refuses the file; taken as it is', list[n + 1] ?? word);
        settings.set(word, values === 0 ? '' : list[n + 1] ?? '');
        if (Object.hasOwn(SERVER_LOST, word) || SERVER_PATH_LOST.includes(word)) diagnostics.warn(place, `server ${words[0]}: ${word} needs a proxy`, 'not carried over', word);
        n += values;
      }
    }
  }
  return settings;
}

function healthCheck(settings: ReadonlyMap<string, string>, backend: Proxy, address: string, port: number, diagnostics: Diagnostics): HealthCheck {
  const intervalSec = timeSec(settings.get('inter')) ?? DEFAULT_INTERVAL_SEC;
  const connectSec = backend.timeoutsSec['connect'];
  const checkSec = backend.timeoutsSec['check'] ?? 0;
  const rules = backend.checkOption?.name === 'tcp-check' ? backend.checkSteps : backend.checkOption?.name === 'httpchk' ? backend.httpCheck : [];
  const connect = connectRule(rules);
  return {
    name: backend.checkOption?.name ?? 'check',
    timing: {
      intervalSec, timeoutSec: Math.min(connectSec ?? intervalSec, intervalSec) + checkSec, retries: Math.max(0, number(settings, 'fall', DEFAULT_FALL) - 1),
      delayBeforeRetrySec: timeSec(settings.get('fastinter')) ?? intervalSec, rise: Math.max(1, number(settings, 'rise', DEFAULT_RISE)), warmupSec: intervalSec, alpha: false, reentrySec: 0,
    },
    target: { address: readAddress(settings.get('addr') ?? '')?.address ?? address, port: number(settings, 'port', connect.port ?? port) },
    check: checkKind(backend, connect.tls || settings.has('check-ssl') || (settings.has('ssl') && !settings.has('no-check-ssl')), diagnostics),
  };
}

function checkKind(backend: Proxy, tls: boolean, diagnostics: Diagnostics): CheckKind {
  const { checkOption } = backend;
  const name = checkOption?.name ?? '';
  if (Object.hasOwn(LOGIN_CHECKS, name)) return { kind: 'login', service: LOGIN_CHECKS[name]!, login: checkOption!.words[1] ?? '', password: '', request: '', receive: '', database: '' };
  switch (name) {
    case 'tcp-check': return tcpCheck(backend.checkSteps, tls, diagnostics);
    case 'httpchk': return httpCheck(backend, tls, diagnostics);
    case 'smtpchk': return { kind: 'smtp', helo: checkOption!.words[1] ?? 'localhost' };
    case 'redis-check': return { kind: 'send-expect', send: '*1\r\n$4\r\nPING\r\n', expect: '+PONG', match: 'prefix', udp: false };
    case 'external-check': return { kind: 'exec', command: backend.externalCommand ?? '', dynamicWeight: false };
    default: return { kind: 'tcp' };
  }
}

function number(settings: ReadonlyMap<string, string>, word: string, otherwise: number): number {
  const text = settings.get(word) ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
}
