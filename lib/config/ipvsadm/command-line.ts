/**
 * One ipvsadm command line, from words to what it asks for. Follows ipvsadm.c 1.31 step by step (parse_options, then the checks of
 * process_options), because which of several mistakes is reported, and how, depends on that order:
 * values as they come, then words left over, scheduler flags, legality, and last what depends on several options.
 */
import { IPIP_TUNNEL, type Destination, type ForwardingMethod, type Tunnel, type TunnelChecksum, type TunnelType } from '../../model/destination.ts';
import type { Protocol } from '../../model/protocol.ts';
import { SCHED_FLAG, serviceFamily, type ServiceId, type VirtualService } from '../../model/virtual-service.ts';
import { schedulerFlagNames } from '../../schedulers/names.ts';
import { parseAddress } from '../../wire/address.ts';
import type { ControlCommand, SyncDaemon } from '../../model/control-command.ts';
import { checkOptions, checkTunnelOptions, COMMAND_NAMES, OPTIONS, TUNNEL_OPTIONS, type CommandName, type OptionName, type Tag } from './options.ts';
import { OptionScanner } from './popt.ts';
import type { NameResolver } from './name-resolver.ts';
import { readHost, readHostAndPort, readIpv6, type HostAndPort } from './service-address.ts';
import { scanError, tryHelp, usage } from './usage-error.ts';
import { leadingNumber, readIpv4, readNumber } from './values.ts';

export interface ListRequest {
  readonly what: 'table' | 'connections' | 'timeouts' | 'daemons';
  /** One service only. */
  readonly service: ServiceId | null;
  /** Options without a value, by name: numeric, stats, rate, exact, thresholds, persistent-conn, tun-info, nosort, json. */
  readonly options: ReadonlySet<OptionName>;
}

export type CommandLine =
  | { readonly kind: 'command'; readonly command: ControlCommand }
  | { readonly kind: 'list'; readonly request: ListRequest }
  | { readonly kind: 'save'; readonly numeric: boolean }
  | { readonly kind: 'restore' | 'help' | 'version' };

const DEFAULT_SCHEDULER = 'wlc';
const DEFAULT_PERSISTENCE_SEC = 360;
const DEFAULT_MCAST_INTERFACE = 'eth0';
const MAX_TIMEOUT_SEC = 31 * 24 * 3600;
const INT_MAX = 0x7fffffff;
const UINT_MAX = 0xffffffff;
const MAX_SYNC_BYTES = 65535 - 20 - 8;

const FULL_MASK = { 4: '255.255.255.255', 6: '128' } as const;
const PROTOCOL_OF: Readonly<Record<string, Protocol>> = { 'tcp-service': 'tcp', 'udp-service': 'udp', 'sctp-service': 'sctp' };
const METHOD_OF: Readonly<Record<string, ForwardingMethod>> = { masquerading: 'masq', ipip: 'tunnel', gatewaying: 'route' };
const CHECKSUM_OF: Readonly<Record<string, TunnelChecksum>> = { 'tun-nocsum': 'none', 'tun-csum': 'csum', 'tun-remcsum': 'remcsum' };
const TUNNEL_TYPES: readonly TunnelType[] = ['ipip', 'gue', 'gre'];
const ANY_SCHEDULER_FLAGS: Readonly<Record<string, number>> = { 'flag-1': SCHED_FLAG.flag1, 'flag-2': SCHED_FLAG.flag2, 'flag-3': SCHED_FLAG.flag3 };

/** What the options seen so far say; ipvsadm's command entry with its defaults. */
interface Draft {
  readonly given: Set<OptionName>;
  protocol: Protocol | null;
  service: HostAndPort | null;
  fwmark: number;
  family: 4 | 6;
  scheduler: string;
  schedFlagsText: string;
  schedFlags: number;
  persistenceSec: number;
  mask: string;
  engine: string;
  onePacket: boolean;
  server: HostAndPort | null;
  method: ForwardingMethod;
  weight: number;
  upperThreshold: number;
  lowerThreshold: number;
  tunnel: Tunnel;
  daemon: SyncDaemon;
}

/** `words` without the program's name; `program` is what messages call it. Throws UsageError. */
export async function parseCommandLine(words: readonly string[], program: string, names: NameResolver): Promise<CommandLine> {
  const scanner = new OptionScanner<Tag>(OPTIONS, words);
  const first = scanner.next();
  if (!('tag' in first) || !isCommand(first.tag)) throw tryHelp(program);
  const command = first.tag;
  if (command === 'help' || command === 'version') return { kind: command };

  const draft = emptyDraft();
  if (command === 'start-daemon') draft.daemon = { ...draft.daemon, role: readRole(first.argument!, 'start-daemon parameter') };
  if (command === 'stop-daemon') draft.daemon = { ...draft.daemon, role: readRole(first.argument!, 'start_daemon') };

  for (;;) {
    const step = scanner.next();
    if ('end' in step) break;
    if ('problem' in step) throw scanError(scanner.word, step.problem);
    if (isCommand(step.tag)) throw usage(`invalid option \`${scanner.word}'`);
    await takeOption(draft, step.tag, step.argument ?? '', step.argument !== null, names);
  }
  const timeouts = command === 'set' ? readTimeouts(scanner.leftovers) : null;
  if (scanner.leftovers.length > 0) throw usage(`unexpected argument ${scanner.leftovers[0]}`);
  draft.schedFlags = readSchedulerFlags(draft);

  checkOptions(command, draft.given);
  if (timeouts !== null) return { kind: 'command', command: { op: 'timeouts', timeouts } };
  return finish(command, draft);
}

function emptyDraft(): Draft {
  return {
    given: new Set(), protocol: null, service: null, fwmark: 0, family: 4, scheduler: '', schedFlagsText: '', schedFlags: 0,
    persistenceSec: 0, mask: FULL_MASK[4], engine: '', onePacket: false, server: null, method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0,
    tunnel: IPIP_TUNNEL, daemon: { role: 'master', interface: '', syncId: 0, maxLength: 0, group: '', port: 0, ttl: 0 },
  };
}

function isCommand(tag: Tag): tag is CommandName {
  return (COMMAND_NAMES as readonly string[]).includes(tag);
}

function once(draft: Draft, name: OptionName): void {
  if (draft.given.has(name)) throw usage(`multiple '${name}' options specified`);
  draft.given.add(name);
}

async function takeOption(draft: Draft, tag: Exclude<Tag, CommandName>, text: string, hasValue: boolean, names: NameResolver): Promise<void> {
  const number = (low: number, high: number, what: string): number => {
    const value = readNumber(text, low, high);
    if (value === null) throw usage(`illegal ${what} specified`);
    return value;
  };
  switch (tag) {
    case 'tcp-service':
    case 'udp-service':
    case 'sctp-service':
      once(draft, 'service-address');
      draft.protocol = PROTOCOL_OF[tag]!;
      draft.service = await readHostAndPort(text, draft.protocol, names);
      if (draft.service === null) throw usage('illegal virtual server address[:port] specified');
      draft.family = familyOf(draft.service.address);
      if (draft.family === 6) draft.mask = FULL_MASK[6];
      return;
    case 'fwmark-service':
      once(draft, 'service-address');
      draft.protocol = 'tcp';
      draft.fwmark = readNumber(text, 1, UINT_MAX) ?? 0;
      if (draft.fwmark === 0) throw usage(`invalid fwmark value \`${text}' specified`);
      return;
    case 'ipv6':
      if (draft.fwmark === 0) throw usage('-6 used before -f\n');
      draft.family = 6;
      draft.mask = FULL_MASK[6];
      return;
    case 'scheduler':
      once(draft, tag);
      draft.scheduler = text;
      return;
    case 'persistent':
      once(draft, tag);
      draft.persistenceSec = hasValue ? readTimeout(text, 1) : DEFAULT_PERSISTENCE_SEC;
      return;
    case 'netmask':
      once(draft, tag);
      draft.mask = await readMask(text, draft.family, names);
      return;
    case 'real-server':
      once(draft, tag);
      draft.server = await readHostAndPort(text, draft.protocol, names);
      if (draft.server === null) throw usage('illegal real server address[:port] specified');
      // NB: the service's port as far as it is known here; -r before -t means port 0.
      draft.server = { address: draft.server.address, port: draft.server.port ?? draft.service?.port ?? 0 };
      return;
    case 'masquerading':
    case 'ipip':
    case 'gatewaying':
      once(draft, 'forwarding-method');
      draft.method = METHOD_OF[tag]!;
      return;
    case 'weight':
      once(draft, tag);
      draft.weight = number(0, INT_MAX, 'weight');
      return;
    case 'u-threshold':
      once(draft, tag);
      draft.upperThreshold = number(0, INT_MAX, 'u_threshold');
      return;
    case 'l-threshold':
      once(draft, tag);
      draft.lowerThreshold = number(0, INT_MAX, 'l_threshold');
      return;
    case 'pe':
      once(draft, tag);
      draft.engine = text;
      return;
    case 'sched-flags':
      once(draft, tag);
      draft.schedFlagsText = text;
      return;
    case 'ops':
      once(draft, tag);
      draft.onePacket = true;
      return;
    case 'tun-type':
      once(draft, tag);
      if (!TUNNEL_TYPES.includes(text as TunnelType)) throw usage('illegal tunnel type specified');
      draft.tunnel = { ...draft.tunnel, type: text as TunnelType };
      return;
    case 'tun-port':
      once(draft, tag);
      draft.tunnel = { ...draft.tunnel, port: number(1, 65535, 'tunnel port') };
      return;
    case 'tun-nocsum':
    case 'tun-csum':
    case 'tun-remcsum':
      once(draft, tag);
      draft.tunnel = { ...draft.tunnel, checksum: CHECKSUM_OF[tag]! };
      return;
    case 'mcast-interface':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, interface: text };
      return;
    case 'syncid':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, syncId: number(0, 255, 'syncid') };
      return;
    case 'sync-maxlen':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, maxLength: number(1, MAX_SYNC_BYTES, 'sync-maxlen') };
      return;
    case 'mcast-group':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, group: readGroup(text) };
      return;
    case 'mcast-port':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, port: number(1, 65535, 'mcast-port') };
      return;
    case 'mcast-ttl':
      once(draft, tag);
      draft.daemon = { ...draft.daemon, ttl: number(1, 255, 'mcast-ttl') };
      return;
    case 'sort':
      return;
    default:
      once(draft, tag as OptionName);
  }
}

/** The checks that depend on several options, and the request itself. */
function finish(command: Exclude<CommandName, 'help' | 'version'>, draft: Draft): CommandLine {
  const run = (control: ControlCommand): CommandLine => ({ kind: 'command', command: control });
  switch (command) {
    case 'add-service': return run({ op: 'addService', service: service(draft) });
    case 'edit-service': return run({ op: 'editService', service: service(draft) });
    case 'delete-service': return run({ op: 'deleteService', id: serviceId(draft) });
    case 'add-server': return run({ op: 'addDestination', id: serviceId(draft), destination: destination(draft) });
    case 'edit-server': return run({ op: 'editDestination', id: serviceId(draft), destination: destination(draft) });
    case 'delete-server': return run({ op: 'deleteDestination', id: serviceId(draft), address: draft.server!.address, port: draft.server!.port! });
    case 'flush': return run({ op: 'flush' });
    case 'zero': return run({ op: 'zero', id: draft.given.has('service-address') ? serviceId(draft) : null });
    case 'start-daemon': return run({ op: 'startDaemon', daemon: { ...draft.daemon, interface: draft.daemon.interface || DEFAULT_MCAST_INTERFACE } });
    case 'stop-daemon': return run({ op: 'stopDaemon', role: draft.daemon.role });
    case 'set': throw usage('--set option requires 3 timeout values');
    case 'restore': return { kind: 'restore' };
    case 'save': return { kind: 'save', numeric: draft.given.has('numeric') };
    case 'list': return { kind: 'list', request: listRequest(draft) };
  }
}

function serviceId(draft: Draft): ServiceId {
  if (draft.fwmark !== 0) return { kind: 'fwmark', fwmark: draft.fwmark, family: draft.family };
  return { kind: 'address', protocol: draft.protocol!, address: draft.service!.address, port: draft.service!.port ?? 0 };
}

function service(draft: Draft): VirtualService {
  const id = serviceId(draft);
  if (id.kind === 'address' && id.port === 0 && draft.persistenceSec === 0) throw usage('Zero port specified for non-persistent service');
  if (id.kind === 'address' && id.protocol !== 'udp' && draft.onePacket) throw usage('One-Packet Scheduling is only for UDP virtual services');
  return {
    id, scheduler: draft.scheduler || DEFAULT_SCHEDULER, schedFlags: draft.schedFlags, persistenceSec: draft.persistenceSec,
    persistenceMask: draft.mask, persistenceEngine: draft.engine || null, onePacket: draft.onePacket,
  };
}

function destination(draft: Draft): Destination {
  const id = serviceId(draft);
  const { address } = draft.server!;
  // Direct routing and tunnelling cannot change the port: what was given is silently the service's.
  const port = id.kind === 'address' && draft.method !== 'masq' ? id.port : draft.server!.port!;
  if (familyOf(address) !== serviceFamily(id) && draft.method !== 'tunnel') throw usage('Different address family is allowed only for tunneling servers');
  if (draft.method !== 'tunnel' && TUNNEL_OPTIONS.some((name) => draft.given.has(name))) throw usage('Tunnel options conflict with forward method');
  checkTunnelOptions(draft.tunnel.type, draft.given);
  return { address, port, method: draft.method, tunnel: draft.tunnel, weight: draft.weight, upperThreshold: draft.upperThreshold, lowerThreshold: draft.lowerThreshold };
}

function listRequest(draft: Draft): ListRequest {
  const { given } = draft;
  const has = (...options: OptionName[]): boolean => options.some((name) => given.has(name));
  if ((has('connection', 'timeout', 'daemon') && has('stats', 'rate', 'thresholds')) || (has('timeout', 'daemon') && has('persistent-conn'))) {
    throw usage('options conflicts in the list command');
  }
  return {
    what: has('connection') ? 'connections' : has('timeout') ? 'timeouts' : has('daemon') ? 'daemons' : 'table',
    service: has('service-address') ? serviceId(draft) : null,
    options: given,
  };
}

function readRole(text: string, what: string): SyncDaemon['role'] {
  if (text !== 'master' && text !== 'backup') throw usage(`illegal ${what} specified`);
  return text;
}

/** Takes the three values of --set off the words left over. */
function readTimeouts(words: string[]): { tcp: number; tcpFin: number; udp: number } {
  const [tcp, tcpFin, udp] = words.splice(0, 3);
  if (tcp === undefined || tcpFin === undefined || udp === undefined) throw usage('--set option requires 3 timeout values');
  return { tcp: readTimeout(tcp, 0), tcpFin: readTimeout(tcpFin, 0), udp: readTimeout(udp, 0) };
}

function readTimeout(text: string, low: number): number {
  const seconds = readNumber(text, low, MAX_TIMEOUT_SEC);
  if (seconds === null) throw usage(`invalid timeout value \`${text}' specified`);
  return seconds;
}

async function readMask(text: string, family: 4 | 6, names: NameResolver): Promise<string> {
  if (family === 6) {
    const length = leadingNumber(text);
    if (length < 1 || length > 128) throw usage('illegal ipv6 netmask specified');
    return String(length);
  }
  const mask = await readHost(text, names);
  if (mask === null) throw usage('illegal virtual server persistent mask specified');
  return mask;
}

function readGroup(text: string): string {
  const group = text.includes(':') ? readIpv6(text) : parseAddress(text) && readIpv4(text);
  const multicast = group !== null && (group.startsWith('ff') || /^(22[4-9]|23\d)\./.test(group));
  if (!multicast) throw usage(`invalid IPv${text.includes(':') ? 6 : 4} mcast-group \`${text}'`);
  return group;
}

function readSchedulerFlags(draft: Draft): number {
  if (draft.schedFlagsText === '') return 0;
  const scheduler = draft.scheduler || DEFAULT_SCHEDULER;
  let flags = 0;
  for (const name of draft.schedFlagsText.split(',').filter((word) => word !== '')) {
    const bit = ANY_SCHEDULER_FLAGS[name] ?? schedulerFlagNames(scheduler).find((flag) => flag.name === name)?.bit;
    if (bit !== undefined) flags |= bit;
    else throw usage(`${isFlagOfAnother(name) ? 'incompatible' : 'invalid'} scheduler flag \`${name}'`);
  }
  return flags;
}

function isFlagOfAnother(name: string): boolean {
  return ['sh', 'mh'].some((scheduler) => schedulerFlagNames(scheduler).some((flag) => flag.name === name));
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}
