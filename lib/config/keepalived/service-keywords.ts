/** virtual_server and real_server blocks (check_parser.c). */
import { NO_SCHEDULER, SCHEDULER_NAMES } from '../../schedulers/names.ts';
import { SCHED_FLAG } from '../../model/virtual-service.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { readAddress, readPort } from './addresses.ts';
import type { Keyword, KeywordTable } from './block-parser.ts';
import { noTiming, type Group, type ServerDraft, type ServiceDraft } from './draft.ts';
import type { ConfigLine } from './line-source.ts';
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
  readonly groups: ReadonlyMap<string, Group>;
  readonly services: ServiceDraft[];
}

export interface ServiceReader {
  readonly keyword: Keyword;
  /** The server being read, for checkers. */
  server(): ServerDraft | null;
}

export function serviceReader({ diagnostics, values, groups, services }: ServiceContext, checkers: (server: () => ServerDraft | null) => KeywordTable): ServiceReader {
  let service = emptyService({ place: { file: '', line: 0 }, words: [], text: '' }, { kind: 'fwmark', fwmark: 0 });
  let server: ServerDraft | null = null;
  const serviceTiming = timingKeywords(() => service, values);
  const serverTiming = timingKeywords(() => server ?? noTiming(), values);
  const onServer = (change: (server: ServerDraft) => void): void => {
    if (server !== null) change(server);
  };
  const scheduler: Keyword = { read: (line) => {
    const name = values.word(line);
    if (name === null) return;
    if (name !== NO_SCHEDULER && (SCHEDULER_NAMES as readonly string[]).includes(name)) service.scheduler = name;
    else diagnostics.warn(line.place, `unknown scheduler "${name}"`, 'ignored', name, SCHEDULER_NAMES);
  } };
  const method: Keyword = { read: (line) => { service.method = readMethod(line, diagnostics) ?? service.method; } };
  const serverMethod: Keyword = { read: (line) => onServer((one) => { one.method = readMethod(line, diagnostics) ?? one.method; }) };
  const flag: Keyword = { read: (line) => {
    const word = line.words[0]!;
    const [wanted, bit] = FLAGS[word]!;
    if (wanted !== null && service.scheduler !== wanted) diagnostics.warn(line.place, `${word} is for scheduler ${wanted}${service.scheduler === null ? ', and none is set yet' : `, not ${service.scheduler}`}`, 'ignored', word);
    else service.schedFlags |= bit;
  } };
  const threshold = (field: 'upper' | 'lower'): Keyword => ({ read: (line) => {
    const value = values.integer(line, 1, 0, UINT32_MAX);
    if (value !== null) onServer((one) => { one[field] = value; });
  } });

  const serverBlock: KeywordTable = {
    weight: { read: (line) => { const weight = values.integer(line, 1, 0, INT32_MAX); if (weight !== null) onServer((one) => { one.weight = weight; }); } },
    lvs_method: serverMethod, lb_kind: serverMethod,
    uthreshold: threshold('upper'), lthreshold: threshold('lower'),
    inhibit_on_failure: { read: (line) => { const on = values.flag(line); if (on !== null) onServer((one) => { one.inhibit = on; }); } },
    notify_up: { read: (line) => { const script = values.script(line); if (script !== null) onServer((one) => { one.notifyUp = script; }); } },
    notify_down: { read: (line) => { const script = values.script(line); if (script !== null) onServer((one) => { one.notifyDown = script; }); } },
    smtp_alert: { read: (line) => { const on = values.flag(line); if (on !== null) onServer((one) => { one.smtpAlert = on; }); } },
    virtualhost: { read: (line) => { const host = values.word(line); if (host !== null) onServer((one) => { one.virtualHost = host; }); } },
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
      else if (service.target.kind === 'address' && service.family !== family) diagnostics.warn(line.place, `ip_family ${word} does not fit the address ${service.target.address}`, 'ignored', word);
      else if (service.target.kind === 'group' && service.family !== null && service.family !== family) diagnostics.warn(line.place, `ip_family ${word} does not fit the addresses of the group`, 'ignored', word);
      else service.family = family;
    } },
    lvs_sched: scheduler, lb_algo: scheduler, lvs_method: method, lb_kind: method,
    hashed: {},
    ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, flag])),
    ops: { read: () => { service.onePacket = true; } },
    persistence_engine: { read: (line) => {
      const engine = values.word(line);
      if (engine === 'sip') service.persistenceEngine = engine;
      else if (engine !== null) diagnostics.warn(line.place, `unknown persistence engine "${engine}"`, 'ignored', engine, ['sip']);
    } },
    persistence_timeout: { read: (line) => {
      const seconds = line.words.length < 2 ? DEFAULT_PERSISTENCE_SEC : values.integer(line, 1, 1, MOST_PERSISTENCE_SEC, 'ignored: no persistence');
      if (seconds !== null) service.persistenceSec = seconds;
    } },
    persistence_granularity: { read: (line) => {
      const text = values.word(line);
      if (text === null) return;
      const mask = readAddress(text);
      const length = /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 128;
      if (mask?.family === 4 && service.family !== 6) service.persistenceMask = mask.address;
      else if (length && service.family !== 4) service.persistenceMask = text;
      else diagnostics.warn(line.place, `persistence_granularity "${text}" is ${service.family === 6 ? 'no prefix length of 1-128' : 'no netmask'}`, 'ignored', text);
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
    virtualhost: { read: (line) => { const host = values.word(line); if (host !== null) service.virtualHost = host; } },
    snmp_name: {},
    sorry_server: { read: (line) => {
      const target = readTarget(line, 1, 'sorry server');
      if (target !== null) service.sorry = { ...target, place: line.place };
    } },
    sorry_server_inhibit: { read: () => { service.sorryInhibit = true; } },
    sorry_server_lvs_method: { read: (line) => { service.sorryMethod = readMethod(line, diagnostics) ?? service.sorryMethod; } },
    inhibit_on_failure: { read: (line) => { const on = values.flag(line); if (on !== null) service.inhibit = on; } },
    quorum: { read: (line) => { const quorum = values.integer(line, 1, 1, UINT32_MAX); if (quorum !== null) service.quorum = quorum; } },
    hysteresis: { read: (line) => { const value = values.integer(line, 1, 0, UINT32_MAX); if (value !== null) service.hysteresis = value; } },
    quorum_up: { read: (line) => { service.quorumUp = values.script(line) ?? service.quorumUp; } },
    quorum_down: { read: (line) => { service.quorumDown = values.script(line) ?? service.quorumDown; } },
    real_server: {
      read: (line) => {
        server = null;
        const target = readTarget(line, 1, 'real server');
        if (target === null) return false;
        server = {
          ...noTiming(), ...target, filePort: target.port, place: line.place, weight: 1, method: null, inhibit: null, notifyUp: null, notifyDown: null, upper: 0, lower: 0, smtpAlert: null, virtualHost: null, checkers: [],
        };
        return undefined;
      },
      block: serverBlock,
      close: () => {
        if (server !== null) service.servers.push(server);
        server = null;
      },
    },
  };

  /** "ADDRESS [PORT]" from word `n`. Port 0: the service's. */
  function readTarget(line: ConfigLine, n: number, what: string): { readonly address: string; readonly family: 4 | 6; readonly port: number } | null {
    const text = line.words[n] ?? '';
    const read = readAddress(text);
    const port = line.words[n + 1] === undefined ? 0 : readPort(line.words[n + 1]!);
    if (read === null || port === null) {
      diagnostics.warn(line.place, `${what} "${line.words.slice(n, n + 2).join(' ')}" has no valid ${read === null ? 'address' : 'port'}`, 'left out', read === null ? text : line.words[n + 1]!);
      return null;
    }
    const servicePort = service.target.kind === 'address' ? service.target.port : 0;
    return { ...read, port: port === 0 ? servicePort : port };
  }

  const keyword: Keyword = {
    read: (line) => {
      const found = readService(line, { diagnostics, values, groups });
      if (found === null) return false;
      service = found;
      return undefined;
    },
    block: serviceBlock,
    close: () => { services.push(service); },
  };
  return { keyword, server: () => server };
}

function readService(line: ConfigLine, { diagnostics, values, groups }: Pick<ServiceContext, 'diagnostics' | 'values' | 'groups'>): ServiceDraft | null {
  const [, kind, argument] = line.words;
  if (kind === undefined || ((kind === 'fwmark' || kind === 'group') && argument === undefined)) {
    diagnostics.error(line.place, 'virtual_server without an address, fwmark or group', 'keepalived stops here; the block is skipped', 'virtual_server');
    return null;
  }
  if (kind === 'fwmark') {
    const fwmark = values.integer(line, 2, 1, UINT32_MAX, 'the block is skipped');
    return fwmark === null ? null : emptyService(line, { kind: 'fwmark', fwmark });
  }
  if (kind === 'group') {
    const group = groups.get(argument!);
    if (group === undefined) {
      diagnostics.warn(line.place, `no virtual_server_group "${argument}"`, 'the block is skipped', argument!, [...groups.keys()]);
      return null;
    }
    const member = group.members.find((one) => one.kind === 'address');
    return { ...emptyService(line, { kind: 'group', group: group.name }), family: member === undefined ? null : member.address.includes(':') ? 6 : 4 };
  }
  const read = readAddress(kind);
  const port = argument === undefined ? 0 : readPort(argument);
  if (read === null || port === null) {
    diagnostics.warn(line.place, `virtual_server "${[kind, argument].filter(Boolean).join(' ')}" has no valid ${read === null ? 'address' : 'port'}`, 'the block is skipped', read === null ? kind : argument!);
    return null;
  }
  return { ...emptyService(line, { kind: 'address', address: read.address, port }), family: read.family };
}

function emptyService({ place }: ConfigLine, target: ServiceDraft['target']): ServiceDraft {
  return {
    ...noTiming(), place, target, family: null, protocol: null, protocolPlace: null, scheduler: null, schedFlags: 0, method: null, persistenceSec: 0, persistenceMask: null, persistenceEngine: null,
    onePacket: false, quorum: 1, hysteresis: 0, quorumUp: null, quorumDown: null, omega: false, haSuspend: false, inhibit: false, smtpAlert: null, virtualHost: null, sorry: null, sorryInhibit: false,
    sorryMethod: null, servers: [],
  };
}
