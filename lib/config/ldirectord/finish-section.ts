/** A virtual section of ldirectord.cf with its defaults: one service, its servers and their check. */
import { IPIP_TUNNEL, type Destination } from '../../model/destination.ts';
import { PLAIN_POLICY, type DesiredDestination, type DesiredService, type SorryServer } from '../../model/desired-configuration.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { sectionChecks } from './checks.ts';
import type { Section, SettingLine } from './read-ldirectord.ts';
import { serviceOptions } from './service-options.ts';
import { addressRange, hostAddress, METHODS, parseFallback, parseReal, parseRealOptions, servicePort } from './targets.ts';

const MAX_WEIGHT = 2_147_483_647;

/** Settings of the section over the file's, or the file's alone. */
export interface Lookup {
  (name: string): SettingLine | null;
  global(name: string): SettingLine | null;
}

export interface RealServer {
  /** As it will be in the table: only masquerading changes the port. */
  readonly destination: Destination;
  /** The port the file gives, which is where checks go; 0 without. */
  readonly port: number;
  readonly request: string | null;
  readonly receive: string | null;
}

export interface ReadSection {
  readonly section: Section;
  readonly id: ServiceId;
  readonly service: DesiredService;
  /** In the order of service.destinations. */
  readonly reals: readonly RealServer[];
  /** What ldirectord knows a server's check by: servers with the same one share their state across services. */
  readonly identities: readonly string[];
  readonly quiescent: boolean;
  /** ipvsadm would not take the service. */
  readonly refused: boolean;
}

export function finishSection(section: Section, globals: ReadonlyMap<string, SettingLine>, host: ConfigHost, diagnostics: Diagnostics): ReadSection | null {
  const lookup: Lookup = Object.assign((name: string) => section.settings.get(name) ?? globals.get(name) ?? null, { global: (name: string) => globals.get(name) ?? null });
  const id = serviceId(section, host, diagnostics);
  if (id === null) return null;
  const quiescent = lookup('quiescent')?.value === 'yes';
  const name = section.virtual.value.trim();
  const reals = section.reals.flatMap((line) => realServers(line, section.family, id, host, diagnostics));
  if (reals.length === 0) diagnostics.note(section.virtual.place, `${name} has no real servers`, 'the service has none', name);
  const checks = sectionChecks(section, id, lookup, diagnostics);
  const destinations = reals.map((real): DesiredDestination => ({
    destination: real.destination, checks: checks.of(real), inhibitOnFailure: quiescent, notifyUp: null, notifyDown: null, slowStart: false, loadMonitor: null, disabled: false,
    smtpAlert: lookup('emailalert') !== null, startsUp: checks.alwaysUp,
  }));
  const command = lookup('fallbackcommand')?.value;
  const place = id.kind === 'fwmark' ? `:0 fwm` : `${id.address.includes(':') ? `[${id.address}]` : id.address}:${id.port} ${id.protocol}`;
  const fallbackScript = (word: string) => (command === undefined ? null : { command: `${command} ${word} ${place}` });
  const options = serviceOptions(section, id, diagnostics);
  return {
    section, id, reals, identities: reals.map(checks.identity), quiescent, refused: options === null,
    service: {
      ids: [id], name, destinations,
      service: options ?? { id, scheduler: 'wrr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false },
      policy: { ...PLAIN_POLICY, sorryServer: fallback(section, globals, id, host, diagnostics), quorumUp: fallbackScript('stop'), quorumDown: fallbackScript('start'), onFailure: quiescent ? 'quiesce' : 'remove' },
    },
  };
}

function serviceId({ virtual, family, settings }: Section, host: ConfigHost, diagnostics: Diagnostics): ServiceId | null {
  const { value, place } = virtual;
  const stated = settings.get('protocol');
  const refuse = (message: string, word = value): null => {
    diagnostics.error(place, message, 'the file is refused; the service is left out', word);
    return null;
  };
  const [, hostText, portText] = /^([0-9A-Za-z._+-]+):([0-9A-Za-z_-]+)/.exec(value) ?? (family === 6 ? /^(\[[0-9A-Fa-f:]+\]):([0-9A-Za-z_-]+)/.exec(value) : null) ?? [];
  if (hostText === undefined || portText === undefined) {
    const mark = /^\d+/.exec(value)?.[0];
    if (mark === undefined) return refuse(/^\[[0-9A-Fa-f:]+\]:/.test(value) ? 'an IPv6 address cannot stand here: it is virtual6' : `invalid address for virtual server: "${value.trim()}"`);
    if (value.trim() !== mark) diagnostics.warn(place, `"${value.trim()}" has no port`, `ldirectord reads it as firewall mark ${mark}`, value.trim());
    if (stated !== undefined && stated.value !== 'fwm') diagnostics.error(stated.place, 'protocol must be fwm if the virtual service is a fwmark (a number)', 'the file is refused; ignored', stated.value);
    const fwmark = Number(mark);
    if (fwmark >= 1 && fwmark <= 0xffff_ffff) return { kind: 'fwmark', fwmark, family };
    diagnostics.warn(place, `firewall mark ${mark} is outside [1, 4294967295]`, 'the service is left out: ldirectord only fails when it calls ipvsadm', mark);
    return null;
  }
  if (stated !== undefined && stated.value !== 'tcp' && stated.value !== 'udp') diagnostics.error(stated.place, 'protocol must be tcp or udp if the virtual service is an address and port', 'the file is refused; ignored', stated.value, ['tcp', 'udp']);
  const protocol = stated?.value === 'udp' || stated?.value === 'tcp' ? stated.value : portText === '53' || portText === 'domain' ? 'udp' : 'tcp';
  const address = hostAddress(hostText, family, host);
  const port = servicePort(portText, protocol, host);
  if (address === null || port === null) return refuse(`invalid address for virtual service: "${value.trim()}" (${address === null ? `no IPv${family} address "${hostText}"` : `no port "${portText}"`})`, address === null ? hostText : portText);
  return { kind: 'address', protocol, address, port };
}

function realServers(line: SettingLine, family: 4 | 6, id: ServiceId, host: ConfigHost, diagnostics: Diagnostics): RealServer[] {
  const { value, place } = line;
  const refuse = (message: string, word = value): [] => {
    diagnostics.error(place, message, 'the file is refused; the server is left out', word);
    return [];
  };
  const parsed = parseReal(value);
  if (parsed === null) return refuse(`invalid address for real server: "${value.trim()}"`);
  const first = hostAddress(parsed.first, family, host);
  if (first === null) return refuse(`invalid address (${parsed.first}) for real server: could not resolve host`, parsed.first);
  const port = parsed.port === null ? 0 : servicePort(parsed.port, null, host);
  if (port === null) return refuse(`invalid port (${parsed.port!}) for real server: could not resolve port`, parsed.port!);
  const last = parsed.last === null ? null : hostAddress(parsed.last, family, host);
  if (parsed.last !== null && last === null) return refuse(`invalid address (${parsed.last}) for real server: could not resolve end host`, parsed.last);
  if (last !== null && family === 6) return refuse('a range of IPv6 addresses is not supported', `->${parsed.last!}`);
  const addresses = last === null ? [first] : addressRange(first, last);
  if (addresses === null) return refuse(`invalid range ${parsed.first}->${parsed.last!}: backwards, or too long`, parsed.first);
  const options = parseRealOptions(parsed.rest);
  if ('complaint' in options) return refuse(options.complaint, options.word);
  const { method, request, receive, lower, upper } = options;
  const weight = Number(options.weight);
  if (weight > MAX_WEIGHT || lower > upper || upper > MAX_WEIGHT) {
    diagnostics.warn(place, lower > upper ? `the lower threshold ${lower} is above the upper one, ${upper}` : `a weight or threshold above ${MAX_WEIGHT}`, 'the server is left out: ldirectord only fails when it calls ipvsadm', lower > upper ? 'l:' : options.weight);
    return [];
  }
  return addresses.map((address) => {
    // Only translation can change the port, but a marked service has none to change.
    const inTable = method === 'masq' || id.kind === 'fwmark' ? port : id.port;
    return { request, receive, port, destination: { address, port: inTable, method, tunnel: IPIP_TUNNEL, weight, upperThreshold: upper, lowerThreshold: lower } };
  });
}

/** The section's, else the file's, which has none for firewall marks. */
function fallback(section: Section, globals: ReadonlyMap<string, SettingLine>, id: ServiceId, host: ConfigHost, diagnostics: Diagnostics): SorryServer | null {
  const { family, settings } = section;
  const name = family === 6 ? 'fallback6' : 'fallback';
  const own = settings.get(name);
  const line = own ?? globals.get(name);
  if (line === undefined) return null;
  const refuse = (message: string, word: string, known: readonly string[] = []): null => {
    diagnostics.error(line.place, message, 'the file is refused; there is no fallback', word, known);
    return null;
  };
  const { host: hostText, port: portText, methodWord } = parseFallback(line.value);
  if (!Object.hasOwn(METHODS, methodWord)) return refuse('forward method must be gate, masq or ipip', methodWord, Object.keys(METHODS));
  const address = hostAddress(hostText, family, host);
  if (address === null) return refuse(`invalid IPv${family} address or could not resolve for fallback server: "${hostText}"`, hostText === '' ? name : hostText);
  const port = portText === null ? null : servicePort(portText, id.kind === 'address' && id.protocol === 'udp' ? 'udp' : 'tcp', host);
  if (portText !== null && port === null) return refuse(`invalid port for fallback server: "${portText}"`, portText);
  if (own === undefined && id.kind === 'fwmark') {
    diagnostics.warn(section.virtual.place, `the file's fallback does not serve firewall marks`, 'there is none: ldirectord only fails when it calls ipvsadm', section.virtual.value.trim());
    return null;
  }
  const service = id.kind === 'fwmark' ? 0 : id.port;
  const method = METHODS[methodWord]!;
  const inTable = method === 'masq' || id.kind === 'fwmark' ? port ?? service : service;
  return { destination: { address, port: inTable, method, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 }, inhibit: false, mode: 'replace' };
}
