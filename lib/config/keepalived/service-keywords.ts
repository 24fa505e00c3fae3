/** virtual_server and real_server blocks (check_parser.c). */
import { NO_SCHEDULER, SCHEDULER_NAMES } from '../../schedulers/names.ts';
import { SCHED_FLAG } from '../../model/virtual-service.ts';
import type { Script } from '../../model/desired-configuration.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import { isWholePort, readAbbreviatedAddress, readHostPart, readPort } from './addresses.ts';
import type { Keyword, KeywordTable } from './block-parser.ts';
import { noTiming, type ServerDraft, type ServiceDraft } from './draft.ts';
import type { ConfigLine } from './line-source.ts';
import type { ScriptRules } from './scripts.ts';
import { readMethod } from './methods.ts';
import { timingKeywords } from './timing-keywords.ts';
import { INT32_MAX, UINT32_MAX, type Values } from './values.ts';

/** persistence_timeout without a number, and what a service without a port gets. */
export const DEFAULT_PERSISTENCE_SEC = 360;
const MOST_PERSISTENCE_SEC = 2_678_400;
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const FLAGS: Readonly<Record<string, readonly [scheduler: string | null, bit: number]>> = {
  'flag-1': [null, SCHED_FLAG.flag1], 'flag-2': [null, SCHED_FLAG.flag2], 'flag-3': [null, SCHED_FLAG.flag3],
  'sh-fallback': ['sh', SCHED_FLAG.flag1], 'sh-port': ['sh', SCHED_FLAG.flag2], 'mh-fallback': ['mh', SCHED_FLAG.flag1], 'mh-port': ['mh', SCHED_FLAG.flag2],
};

export interface ServiceContext {
  readonly diagnostics: Diagnostics;
  readonly values: Values;
  readonly services: ServiceDraft[];
  readonly scripts: ScriptRules;
}

export interface ServiceReader {
  readonly keyword: Keyword;
  /** The server being read, for checkers. */
  server(): ServerDraft | null;
}

export function serviceReader({ diagnostics, values, services, scripts }: ServiceContext, checkers: (server: () => ServerDraft | null) => KeywordTable): ServiceReader {
  let service = emptyService({ place: { file: '', line: 0 }, words: [], text: '' }, { kind: 'fwmark', fwmark: 0 });
  let server: ServerDraft | null = null;
  const serviceTiming = timingKeywords(() => service, values, 1);
  const serverTiming = timingKeywords(() => server ?? noTiming(), values, 1);
  const onServer = (change: (server: ServerDraft) => void): void => {
    if (server !== null) change(server);
  };
  const scheduler: Keyword = { read: (line) => {
    const name = values.word(line);
    if (name === null) return;
    if (name !== NO_SCHEDULER && (SCHEDULER_NAMES as readonly string[]).includes(name)) service.scheduler = name;
    else diagnostics.warn(line.place, `unknown scheduler "${name}"`, 'ignored', name, SCHEDULER_NAMES);
  } };
  const method: Keyword = { read: (line) => { service.method = readMethod(line, service.method, values, diagnostics); } };
  const serverMethod: Keyword = { read: (line) => onServer((one) => { one.method = readMethod(line, one.method, values, diagnostics); }) };
  const flag: Keyword = { read: (line) => {
    const word = line.words[0]!;
    const [wanted, bit] = FLAGS[word]!;
    if (wanted === null || service.scheduler === wanted) service.schedFlags |= bit;
    // NB: keepalived is silent where another hashing scheduler than the flag's is set.
    else diagnostics.add(service.scheduler === 'sh' || service.scheduler === 'mh' ? 'note' : 'warning', line.place, `${word} is for scheduler ${wanted}${service.scheduler === null ? ', and none is set yet' : `, not ${service.scheduler}`}`, 'ignored', word);
  } };
  const script = (line: ConfigLine, before: Script | null): Script | null => {
    const found = values.script(line);
    const refusal = found === null ? null : scripts.refusal(found);
    if (refusal !== null) {
      diagnostics.note(line.place, `${line.words[0]}: ${refusal}`, 'the script is left out', line.words[0]!);
      return before;
    }
    if (found === null || before === null) return found ?? before;
    diagnostics.warn(line.place, `${line.words[0]} stands there twice`, 'the second one is ignored', line.words[0]!);
    return before;
  };
  const threshold = (field: 'upper' | 'lower'): Keyword => ({ read: (line) => {
    const value = values.unsigned(line, 1, 0, UINT32_MAX);
    if (value !== null) onServer((one) => { one[field] = value; });
  } });

  const serverBlock: KeywordTable = {
    weight: { read: (line) => { const weight = values.unsigned(line, 1, 0, INT32_MAX); if (weight !== null) onServer((one) => { one.weight = weight; }); } },
    lvs_method: serverMethod,
    uthreshold: threshold('upper'), lthreshold: threshold('lower'),
    inhibit_on_failure: { read: (line) => { const on = values.flag(line); if (on !== null) onServer((one) => { one.inhibit = on; }); } },
    notify_up: { read: (line) => onServer((one) => { one.notifyUp = script(line, one.notifyUp); }) },
    notify_down: { read: (line) => onServer((one) => { one.notifyDown = script(line, one.notifyDown); }) },
    smtp_alert: { read: (line) => { const on = values.flag(line); if (on !== null) onServer((one) => { one.smtpAlert = on; }); } },
    virtualhost: { read: (line) => { const host = values.optionalWord(line); if (host !== null) onServer((one) => { one.virtualHost = host; }); } },
    snmp_name: {}, ...serverTiming,
    ...checkers(() => server),
  };

  const serviceBlock: KeywordTable = {
    ...serviceTiming,
    alpha: { read: () => { service.alpha = true; } },
    omega: { read: () => { service.omega = true; } },
    ip_family: { read: (line) => {
      const word = values.word(line);
      const family = word === 'inet' ? 4 : word === 'inet6' ? 6 : null;
      if (family === null) { if (word !== null) diagnostics.warn(line.place, `ip_family "${word}" is neither inet nor inet6`, 'ignored', word, ['inet', 'inet6']); }
      else if (service.family !== null && service.family !== family) diagnostics.warn(line.place, `ip_family ${word} does not fit ${service.target.kind === 'address' ? `the address ${service.target.address}` : 'what stands above it'}`, 'ignored', word);
      else service.family = family;
    } },
    lvs_sched: scheduler, lb_algo: scheduler, lvs_method: method, lb_kind: method,
    hashed: { read: (line) => {
      if (service.scheduler !== 'sh' && service.scheduler !== 'mh') diagnostics.warn(line.place, 'hashed is for scheduler sh', 'ignored', 'hashed');
    } },
    ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, flag])),
    ops: { read: () => { service.onePacket = true; } },
    persistence_engine: { read: (line) => {
      const engine = values.word(line);
      if (engine === null) return;
      service.persistenceEngine = engine;
      if (engine !== 'sip') diagnostics.note(line.place, `unknown persistence engine "${engine}"`, 'a service with persistence is refused with it', engine);
    } },
    persistence_timeout: { read: (line) => {
      const seconds = line.words.length < 2 ? DEFAULT_PERSISTENCE_SEC : values.unsigned(line, 1, 1, MOST_PERSISTENCE_SEC, { effect: 'ignored: no persistence', lenient: false });
      if (seconds !== null) service.persistenceSec = seconds;
    } },
    persistence_granularity: { read: (line) => {
      const text = values.word(line);
      if (text === null) return;
      const family = service.family ?? (text.includes('.') ? 4 : 6);
      const length = family === 6 ? values.unsigned(line, 1, 1, 128, { lenient: false }) : null;
      const mask = family === 6 ? length === null ? null : String(length) : readAbbreviatedAddress(text);
      if (mask === null) {
        if (family === 4) diagnostics.warn(line.place, `persistence_granularity "${text}" is no netmask`, 'ignored', text);
        return;
      }
      service.persistenceMask = mask;
      service.family ??= family;
      if (service.persistenceSec === 0) service.persistenceSec = DEFAULT_PERSISTENCE_SEC;
    } },
    protocol: { read: (line) => {
      const word = values.word(line);
      if (word === null) return;
      if (PROTOCOLS.includes(word.toUpperCase())) {
        service.protocol = word.toLowerCase() as 'tcp' | 'udp' | 'sctp';
        service.protocolPlace = line.place;
      } else diagnostics.warn(line.place, `unknown protocol "${word}"`, 'ignored', word, PROTOCOLS);
    } },
    ha_suspend: { read: () => { service.haSuspend = true; } },
    smtp_alert: { read: (line) => { const on = values.flag(line); if (on !== null) service.smtpAlert = on; } },
    virtualhost: { read: (line) => { const host = values.optionalWord(line); if (host !== null) service.virtualHost = host; } },
    snmp_name: {},
    sorry_server: { read: (line) => {
      const target = readTarget(line, 1, 'sorry server');
      if (target !== null) service.sorry = { ...target, place: line.place, method: service.method, inhibit: false };
    } },
    sorry_server_inhibit: { read: (line) => {
      if (service.sorry !== null) service.sorry.inhibit = true;
      else diagnostics.warn(line.place, 'sorry_server_inhibit before or without a sorry_server', 'ignored', 'sorry_server_inhibit');
    } },
    sorry_server_lvs_method: { read: (line) => {
      if (service.sorry !== null) service.sorry.method = readMethod(line, service.sorry.method, values, diagnostics);
      else diagnostics.warn(line.place, 'sorry_server_lvs_method before or without a sorry_server', 'ignored', 'sorry_server_lvs_method');
    } },
    // NB: of a service it takes no word; anything behind it is not looked at.
    inhibit_on_failure: { read: () => { service.inhibit = true; } },
    weight: { read: (line) => { const weight = values.unsigned(line, 1, 1, INT32_MAX); if (weight !== null) service.weight = weight; } },
    quorum: { read: (line) => { service.quorum = values.unsigned(line, 1, 1, UINT32_MAX, { effect: 'quorum 1 is taken' }) ?? 1; } },
    hysteresis: { read: (line) => { const value = values.unsigned(line, 1, 0, UINT32_MAX); if (value !== null) service.hysteresis = value; } },
    quorum_up: { read: (line) => { service.quorumUp = script(line, service.quorumUp); } },
    quorum_down: { read: (line) => { service.quorumDown = script(line, service.quorumDown); } },
    real_server: {
      read: (line) => {
        server = null;
        const target = readTarget(line, 1, 'real server');
        if (target === null) return false;
        server = {
          alpha: null, connectTimeoutSec: null, retries: null, delayBeforeRetrySec: null, warmupSec: null, delayLoopSec: null,
          address: target.address, family: target.family, port: target.port, filePort: target.port, place: line.place, weight: null, method: service.method, inhibit: null, notifyUp: null, notifyDown: null, upper: 0, lower: 0, smtpAlert: null, virtualHost: null, checkers: [],
        };
        return undefined;
      },
      block: serverBlock,
      close: (_line, end) => {
        if (server !== null && fits(server, 'real server', end)) service.servers.push(server);
        server = null;
      },
    },
  };

  /** "ADDRESS [PORT]" from word `n`. Port 0: the service's. */
  function readTarget(line: ConfigLine, n: number, what: string): { readonly address: string; readonly family: 4 | 6; readonly port: number } | null {
    const text = values.word(line, n);
    if (text === null) return null;
    const read = readHostPart(text);
    const port = line.words[n + 1] === undefined ? 0 : readPort(line.words[n + 1]!);
    if (read === null || port === null) {
      diagnostics.warn(line.place, `${what} "${line.words.slice(n, n + 2).join(' ')}" has no valid ${read === null ? 'address' : 'port'}`, 'left out', read === null ? text : line.words[n + 1]!);
      return null;
    }
    const portText = line.words[n + 1];
    if (portText !== undefined && !isWholePort(portText)) diagnostics.warn(line.place, `${what}: port "${portText}" is not a number`, `${port} is taken`, portText);
    return { ...read, port };
  }

  /** Only tunnels cross address families; the first party that is not tunnelled to says which one a service without one has. */
  function fits({ address, family, method: used }: Pick<ServerDraft, 'address' | 'family' | 'method'>, what: string, end: Place): boolean {
    if (used?.method === 'tunnel') return true;
    service.family ??= family;
    if (service.family === family) return true;
    diagnostics.warn(end, `${what} ${address} is of another address family than the service`, 'left out: only tunnels cross families');
    return false;
  }

  const keyword: Keyword = {
    read: (line) => {
      const found = readService(line, { diagnostics, values });
      if (found === null) return false;
      service = found;
      return undefined;
    },
    block: serviceBlock,
    close: (_line, end) => {
      if (service.sorry !== null && !fits(service.sorry, 'sorry server', end)) service.sorry = null;
      if (service.target.kind === 'fwmark') service.family ??= familyOfTunnels(service);
      services.push(service);
    },
  };
  return { keyword, server: () => server };
}

/** Of a mark whose parties are all tunnelled to: theirs, where they agree. */
function familyOfTunnels({ sorry, servers }: ServiceDraft): 4 | 6 {
  const families = new Set([...(sorry === null ? [] : [sorry.family]), ...servers.map(({ family }) => family)]);
  return families.size === 1 && families.has(6) ? 6 : 4;
}

function readService(line: ConfigLine, { diagnostics, values }: Pick<ServiceContext, 'diagnostics' | 'values'>): ServiceDraft | null {
  const [, kind, argument] = line.words;
  if (kind === undefined || ((kind === 'fwmark' || kind === 'group') && argument === undefined)) {
    diagnostics.error(line.place, 'virtual_server without an address, fwmark or group', 'keepalived stops here; the block is skipped', 'virtual_server');
    return null;
  }
  if (kind === 'fwmark') {
    const fwmark = values.unsigned(line, 2, 1, UINT32_MAX, { effect: 'the block is skipped' });
    return fwmark === null ? null : emptyService(line, { kind: 'fwmark', fwmark });
  }
  // The group may stand behind the services that use it.
  if (kind === 'group') return emptyService(line, { kind: 'group', group: argument! });
  const read = readHostPart(kind);
  const port = argument === undefined ? 0 : readPort(argument);
  if (read === null || port === null) {
    diagnostics.warn(line.place, `virtual_server "${[kind, argument].filter(Boolean).join(' ')}" has no valid ${read === null ? 'address' : 'port'}`, 'the block is skipped', read === null ? kind : argument!);
    return null;
  }
  if (argument !== undefined && !isWholePort(argument)) diagnostics.warn(line.place, `virtual_server: port "${argument}" is not a number`, `${port} is taken`, argument);
  return { ...emptyService(line, { kind: 'address', address: read.address, port }), family: read.family };
}

function emptyService({ place }: ConfigLine, target: ServiceDraft['target']): ServiceDraft {
  return {
    alpha: null, connectTimeoutSec: null, retries: null, delayBeforeRetrySec: null, warmupSec: null, delayLoopSec: null, place, target, family: null, protocol: null, protocolPlace: null, scheduler: null, schedFlags: 0, method: null, persistenceSec: 0, persistenceMask: null, persistenceEngine: null,
    onePacket: false, quorum: 1, hysteresis: 0, quorumUp: null, quorumDown: null, omega: false, haSuspend: false, inhibit: false, smtpAlert: null, virtualHost: null, sorry: null, weight: 1, servers: [],
  };
}
