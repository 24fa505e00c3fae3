/** A virtual section of ldirectord.cf with its defaults: one service, its servers and their check. */
import { IPIP_TUNNEL, type Destination } from '../../model/destination.ts';
import { PLAIN_POLICY, type DesiredDestination, type DesiredService, type SorryServer } from '../../model/desired-configuration.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import { SCHED_FLAG } from '../../model/virtual-service.ts';
import { SCHEDULER_NAMES } from '../../schedulers/names.ts';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { readAddress, readRange } from '../keepalived/addresses.ts';
import { sectionChecks } from './checks.ts';
import type { Section, SettingLine } from './read-ldirectord.ts';
import { hostAddress, METHODS, parseReal } from './targets.ts';

const DEFAULT_SCHEDULER = 'wrr';
const MAX_WEIGHT = 2_147_483_647;
const FLAG_BITS: Readonly<Record<string, number>> = {
  'flag-1': SCHED_FLAG.flag1, 'flag-2': SCHED_FLAG.flag2, 'flag-3': SCHED_FLAG.flag3, 'sh-fallback': SCHED_FLAG.flag1, 'sh-port': SCHED_FLAG.flag2, 'mh-fallback': SCHED_FLAG.flag1, 'mh-port': SCHED_FLAG.flag2,
};

/** Settings of the section over the file's. */
export type Lookup = (name: string) => SettingLine | null;

export interface RealServer {
  readonly destination: Destination;
  readonly request: string | null;
  readonly receive: string | null;
}

export function finishSection(section: Section, globals: ReadonlyMap<string, SettingLine>, host: ConfigHost, diagnostics: Diagnostics): DesiredService[] {
  const lookup: Lookup = (name) => section.settings.get(name) ?? globals.get(name) ?? null;
  const id = serviceId(section, host, diagnostics);
  if (id === null) return [];
  const quiescent = lookup('quiescent')?.value === 'yes';
  const scheduler = section.settings.get('scheduler');
  if (scheduler !== undefined && !(SCHEDULER_NAMES as readonly string[]).includes(scheduler.value)) {
    diagnostics.warn(scheduler.place, `unknown scheduler "${scheduler.value}"`, 'the service is left out: ldirectord only fails when it calls ipvsadm', scheduler.value, SCHEDULER_NAMES);
    return [];
  }
  const reals = section.reals.flatMap(({ line, family }) => realServers(line, family, id, host, diagnostics));
  const name = section.virtual.value;
  if (reals.length === 0) diagnostics.note(section.virtual.place, `${name} has no real servers`, 'the service has none', name);
  const checks = sectionChecks(section, id, lookup, diagnostics);
  const destinations = reals.map((real): DesiredDestination => withStart({
    destination: real.destination, checks: checks(real), inhibitOnFailure: quiescent, notifyUp: null, notifyDown: null, slowStart: false, loadMonitor: null, disabled: false,
    smtpAlert: lookup('emailalert') !== null, startsUp: false,
  }));
  const command = lookup('fallbackcommand')?.value;
  const fallbackScript = (word: string) => (command === undefined ? null : { command: `${command} ${word} ${name} ${id.kind === 'fwmark' ? 'fwm' : id.protocol}` });
  return [{
    ids: [id], name, destinations,
    service: {
      id, scheduler: scheduler?.value ?? DEFAULT_SCHEDULER, schedFlags: schedFlags(section.settings.get('schedflags'), diagnostics), persistenceSec: Number(section.settings.get('persistent')?.value ?? 0),
      persistenceMask: netmask(section.settings.get('netmask'), section.family, diagnostics), persistenceEngine: null, onePacket: section.settings.get('ops')?.value === 'yes',
    },
    policy: {
      ...PLAIN_POLICY, sorryServer: fallback(lookup(section.family === 6 ? 'fallback6' : 'fallback'), section.family, id, host, diagnostics),
      quorumUp: fallbackScript('stop'), quorumDown: fallbackScript('start'), onFailure: quiescent ? 'quiesce' : 'remove',
    },
  }];
}

/** A server that is up without being asked is up from the start. */
function withStart(destination: DesiredDestination): DesiredDestination {
  return { ...destination, startsUp: destination.checks.every(({ check }) => check.kind === 'fixed' && check.up) };
}

function serviceId({ virtual, family, settings }: Section, host: ConfigHost, diagnostics: Diagnostics): ServiceId | null {
  const { value, place } = virtual;
  const stated = settings.get('protocol');
  const mark = /^\d+$/.exec(value)?.[0] ?? (family === 4 && /^\d+\.\d+\.\d+\.\d+$/.test(value) ? /^\d+/.exec(value)![0] : null);
  if (mark !== null) {
    if (value !== mark) diagnostics.warn(place, `"${value}" has no port`, `ldirectord reads it as firewall mark ${mark}`, value);
    if (stated !== undefined && stated.value !== 'fwm') diagnostics.error(stated.place, 'protocol must be fwm if the virtual service is a fwmark (a number)', 'the file is refused; ignored', stated.value);
    const fwmark = Number(mark);
    if (fwmark >= 1 && fwmark <= 0xffff_ffff) return { kind: 'fwmark', fwmark, family };
    diagnostics.error(place, `firewall mark ${mark} is outside [1, 4294967295]`, 'the file is refused; the service is left out', mark);
    return null;
  }
  const [, hostText, portText] = (family === 6 ? /^(\[[^\]]+\]):([A-Za-z0-9_-]+)$/ : /^([A-Za-z0-9.-]+):([A-Za-z0-9_-]+)$/).exec(value) ?? [];
  const protocol = stated?.value === 'udp' ? 'udp' : stated?.value === 'tcp' ? 'tcp' : null;
  const address = hostText === undefined ? null : hostAddress(hostText, family, host);
  const port = portText === undefined ? null : portOf(portText, protocol ?? 'tcp', host);
  if (address === null || port === null) {
    diagnostics.error(place, `invalid address for virtual service: "${value}"`, 'the file is refused; the service is left out', value);
    return null;
  }
  if (stated?.value === 'fwm') diagnostics.error(stated.place, 'protocol cannot be fwm if the virtual service is an address', 'the file is refused; ignored', 'fwm');
  return { kind: 'address', protocol: protocol ?? (port === 53 ? 'udp' : 'tcp'), address, port };
}

function realServers(line: SettingLine, family: 4 | 6, id: ServiceId, host: ConfigHost, diagnostics: Diagnostics): RealServer[] {
  const { value, place } = line;
  const refuse = (message: string, word = value): [] => {
    diagnostics.error(place, message, 'the file is refused; the server is left out', word);
    return [];
  };
  const parsed = parseReal(value, family);
  if (parsed === null) return refuse(`invalid address for real server: "${value}"`);
  const [methodWord = '', ...options] = parsed.rest.split(/\s+/);
  const method = Object.hasOwn(METHODS, methodWord) ? METHODS[methodWord]! : null;
  if (method === null) return refuse('forward method must be gate, masq or ipip', methodWord);
  const weightText = /^\d+$/.test(options[0] ?? '') ? options[0]! : '1';
  const weight = Number(weightText);
  if (weight > MAX_WEIGHT) return refuse(`weight ${weightText} is too large`, weightText);
  const first = hostAddress(parsed.first, family, host);
  const last = parsed.last === null ? first : hostAddress(parsed.last, family, host);
  if (first === null || last === null) return refuse(`no address for real server "${first === null ? parsed.first : parsed.last}"`, first === null ? parsed.first : parsed.last!);
  const addresses = first === last ? [first] : readRange(`${first}-${last}`)?.addresses ?? null;
  if (addresses === null) return refuse(`"${parsed.first}->${parsed.last}" is no range of addresses`, parsed.first);
  const port = parsed.port === null ? null : portOf(parsed.port, id.kind === 'address' && id.protocol === 'udp' ? 'udp' : 'tcp', host);
  if (parsed.port !== null && port === null) return refuse(`invalid port for real server: "${parsed.port}"`, parsed.port);
  const [request = null, receive = null] = [...parsed.rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]!);
  const limit = (letter: string): number => Number(new RegExp(`<${letter}:(\\d+)>`).exec(parsed.rest)?.[1] ?? 0);
  return addresses.map((address) => {
    // A local address is reached without translation; only translation can change the port.
    const used = method === 'masq' && host.isLocal(address) ? 'route' : method;
    const servicePort = id.kind === 'fwmark' ? 0 : id.port;
    return { request, receive, destination: { address, port: used === 'masq' ? port ?? servicePort : servicePort, method: used, tunnel: IPIP_TUNNEL, weight, upperThreshold: limit('u'), lowerThreshold: limit('l') } };
  });
}

function fallback(line: SettingLine | null, family: 4 | 6, id: ServiceId, host: ConfigHost, diagnostics: Diagnostics): SorryServer | null {
  if (line === null) return null;
  const [place = '', methodWord = 'gate'] = line.value.split(/\s+/);
  const [, hostText = '', portText] = (family === 6 ? /^(\[[^\]]+\])(?::([A-Za-z0-9_-]+))?$/ : /^([A-Za-z0-9.-]+)(?::([A-Za-z0-9_-]+))?$/).exec(place) ?? [];
  const address = hostAddress(hostText, family, host);
  const port = portText === undefined ? null : portOf(portText, 'tcp', host);
  const method = Object.hasOwn(METHODS, methodWord) ? METHODS[methodWord]! : null;
  if (address === null || method === null || (portText !== undefined && port === null)) {
    diagnostics.error(line.place, method === null ? 'forward method must be gate, masq or ipip' : `invalid address for fallback server: "${place}"`, 'the file is refused; there is no fallback', method === null ? methodWord : place);
    return null;
  }
  const servicePort = id.kind === 'fwmark' ? 0 : id.port;
  return { destination: { address, port: method === 'masq' || id.kind === 'fwmark' ? port ?? servicePort : servicePort, method, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 }, inhibit: false, mode: 'replace' };
}

function portOf(text: string, protocol: 'tcp' | 'udp', host: ConfigHost): number | null {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 65_535 ? Number(text) : null;
  return host.portOf(text, protocol);
}

function schedFlags(line: SettingLine | undefined, diagnostics: Diagnostics): number {
  return (line?.value ?? '').split(',').map((word) => word.trim()).filter((word) => word !== '').reduce((flags, word) => {
    if (Object.hasOwn(FLAG_BITS, word)) return flags | FLAG_BITS[word]!;
    diagnostics.warn(line!.place, `unknown scheduler flag "${word}"`, 'ignored', word, Object.keys(FLAG_BITS));
    return flags;
  }, 0);
}

function netmask(line: SettingLine | undefined, family: 4 | 6, diagnostics: Diagnostics): string {
  const full = family === 6 ? '128' : '255.255.255.255';
  if (line === undefined) return full;
  const good = family === 6 ? /^\d{1,3}$/.test(line.value) && Number(line.value) >= 1 && Number(line.value) <= 128 : readAddress(line.value)?.family === 4;
  if (good) return line.value;
  diagnostics.error(line.place, `invalid netmask "${line.value}"`, 'the file is refused; ignored', line.value);
  return full;
}
