/**
 * From what was read to what is wanted: defaults filled in, contradictions settled as validate_check_config() settles them, each with a remark.
 */
import { IPIP_TUNNEL, type Destination } from '../../model/destination.ts';
import type { DesiredDestination, DesiredService, SorryServer } from '../../model/desired-configuration.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import { PERSISTENCE_ENGINES, serviceFamily, type ServiceId, type VirtualService } from '../../model/virtual-service.ts';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { CheckerDraft, Group, GroupMark, Method, ServerDraft, ServiceDraft, SorryDraft, TrackFile } from './draft.ts';
import { finishChecks, startsDown, startWeightAdd, type CheckDefaults } from './finish-checks.ts';
import { familiesOf } from './group-keyword.ts';
import type { ScriptRules } from './scripts.ts';
import { DEFAULT_PERSISTENCE_SEC } from './service-keywords.ts';
import { INT32_MAX } from './values.ts';

const DEFAULT_SCHEDULER = 'wlc';
const DEFAULT_METHOD: Method = { method: 'masq', tunnel: IPIP_TUNNEL };
/** 0/8, multicast and the limited broadcast address; :: and IPv6 multicast. */
const NEVER_UNICAST = /^(0\.|22[4-9]\.|23\d\.|255\.255\.255\.255$|::$|ff[0-9a-f]{2}:)/;
/** hysteresis < quorum is counted without a sign: quorum 0 leaves this. */
const UNSIGNED_MINUS_ONE = 4_294_967_295;

export interface FinishContext {
  readonly diagnostics: Diagnostics;
  readonly groups: ReadonlyMap<string, Group>;
  readonly trackFiles: ReadonlyMap<string, TrackFile>;
  readonly host: ConfigHost;
  /** nftables_ipvs: the first mark that a group is folded into. Null: groups are not folded. */
  readonly foldedFrom: number | null;
  /** smtp_alert and smtp_alert_checker of global_defs. */
  readonly smtpAlert: boolean | null;
}

/** Scripts without enable_script_security run with root's rights whoever may write to them: keepalived calls that a security violation. */
export function checkScriptSecurity(services: readonly DesiredService[], drafts: readonly ServiceDraft[], scripts: ScriptRules, diagnostics: Diagnostics): void {
  if (scripts.security) return;
  const commands = services.flatMap(({ policy, destinations }) => [
    policy.quorumUp?.command, policy.quorumDown?.command, ...destinations.flatMap(({ notifyUp, notifyDown, checks }) => [notifyUp?.command, notifyDown?.command, ...checks.map(({ check }) => (check.kind === 'exec' ? check.command : undefined))]),
  ]);
  const first = commands.find((command) => command !== undefined && scripts.present(command));
  if (first !== undefined) diagnostics.warn(drafts[0]!.place, `scripts are used ("${first}") but enable_script_security is not`, 'they run, as keepalived runs them');
}

export function finishServices(drafts: readonly ServiceDraft[], context: FinishContext): DesiredService[] {
  const groupTurns = new Map<string, number>();
  const markFamilies = new Map<GroupMark, 4 | 6>();
  const marks = new Map<string, number>();
  return drafts.flatMap((draft) => {
    const turn = draft.target.kind === 'group' ? groupTurns.get(draft.target.group) ?? 0 : 0;
    if (draft.target.kind === 'group') groupTurns.set(draft.target.group, turn + 1);
    const finished = finishService(draft, turn, markFamilies, context);
    return finished === null ? [] : [folded(finished, draft, marks, context)];
  });
}

/** A group of nothing but addresses becomes one mark for each protocol, counted up from the first. */
function folded(service: DesiredService, { target, protocol }: ServiceDraft, marks: Map<string, number>, { foldedFrom }: FinishContext): DesiredService {
  const [first] = service.ids;
  if (foldedFrom === null || target.kind !== 'group' || first === undefined || service.ids.some(({ kind }) => kind === 'fwmark')) return service;
  const key = `${target.group} ${protocol ?? ''}`;
  if (!marks.has(key)) marks.set(key, foldedFrom + marks.size);
  return { ...service, foldedId: { kind: 'fwmark', fwmark: marks.get(key)!, family: serviceFamily(first) } };
}

function finishService(draft: ServiceDraft, groupTurn: number, markFamilies: Map<GroupMark, 4 | 6>, context: FinishContext): DesiredService | null {
  const { diagnostics, groups } = context;
  const { place, target } = draft;
  const members = target.kind === 'group' ? groups.get(target.group)?.members ?? null : [];
  if (members === null) {
    const group = target.kind === 'group' ? target.group : '';
    diagnostics.warn(place, `no virtual_server_group "${group}"`, 'the service is left out', group, [...groups.keys()]);
    return null;
  }
  if (target.kind === 'group' && !joinsGroup(draft, members)) {
    diagnostics.warn(place, `virtual_server_group ${target.group} is of another address family than the service's real servers`, 'the service is left out', target.group);
    return null;
  }
  const hasAddress = target.kind === 'address' || members.some(({ kind }) => kind === 'address');
  const hasMark = target.kind === 'fwmark' || members.some(({ kind }) => kind === 'fwmark');
  const name = (): string => serviceText(draft, groupTurn);

  if (draft.haSuspend && hasMark) {
    diagnostics.warn(place, `${name()}: ha_suspend needs an address, not a firewall mark`, 'ha_suspend is off');
    draft.haSuspend = false;
  }
  if (draft.servers.length === 0) {
    diagnostics.warn(place, `${name()} has no real servers`, 'the service is left out');
    return null;
  }
  if (hasAddress && draft.protocol === null) {
    diagnostics.warn(place, `${name()} has no protocol`, 'UDP is taken');
    draft.protocol = 'udp';
  } else if (!hasAddress && draft.protocol !== null) {
    diagnostics.warn(draft.protocolPlace ?? place, `${name()}: a firewall mark has no protocol`, 'protocol is ignored', 'protocol');
    draft.protocol = null;
  }
  if (draft.scheduler === null) {
    diagnostics.warn(place, `${name()} has no scheduler`, `${DEFAULT_SCHEDULER} is taken`);
    draft.scheduler = DEFAULT_SCHEDULER;
  }
  if (draft.onePacket && hasAddress && draft.protocol !== 'udp') {
    diagnostics.warn(place, `${name()}: one-packet scheduling needs UDP`, 'ops is off');
    draft.onePacket = false;
  }
  const portless = target.kind === 'address' ? target.port === 0 : members.some((member) => member.kind === 'address' && member.port === 0);
  if (portless && draft.persistenceSec === 0) {
    diagnostics.warn(place, `${name()}: only persistent services may do without a port`, `persistence of ${DEFAULT_PERSISTENCE_SEC} s is switched on`);
    draft.persistenceSec = DEFAULT_PERSISTENCE_SEC;
  }
  if (draft.method === null && (draft.servers.some(({ method }) => method === null) || draft.sorry?.method === null)) {
    diagnostics.warn(place, `${name()} has no forwarding method`, 'NAT is taken');
  }
  const method = draft.method ?? DEFAULT_METHOD;
  const family = draft.family ?? 4;
  const kept = withoutDuplicates(draft.servers, name(), draft, diagnostics);
  const twin = kept.find((server) => server.address === draft.sorry?.address && server.port === draft.sorry.port);
  if (twin !== undefined && draft.sorry !== null) matchInhibit(draft, twin, draft.sorry, name(), diagnostics);
  settleQuorum(draft, kept, name(), diagnostics);
  checkPorts(draft, kept, members, name(), method, diagnostics);

  const usable = members.filter((member) => member.kind === 'address' || takesMark(member, family, markFamilies, name(), draft, diagnostics));
  const ids = serviceIds(draft, usable, family);
  if (ids.length === 0) return null;
  if (draft.persistenceSec > 0 && draft.persistenceEngine !== null && !PERSISTENCE_ENGINES.includes(draft.persistenceEngine)) {
    diagnostics.warn(place, `${name()}: no persistence engine "${draft.persistenceEngine}"`, 'the service is left out', draft.persistenceEngine, PERSISTENCE_ENGINES);
    return null;
  }
  const grouped = target.kind === 'group';
  const taken = kept.filter((server) => takenByKernel(server, name(), diagnostics));
  // NB: the services of a group do not get their persistence_granularity.
  const noMask = family === 6 ? '128' : '255.255.255.255';
  const service: VirtualService = {
    id: ids[0]!, scheduler: draft.scheduler, schedFlags: draft.schedFlags, persistenceSec: draft.persistenceSec,
    persistenceMask: grouped ? noMask : draft.persistenceMask ?? noMask, persistenceEngine: draft.persistenceSec === 0 ? null : draft.persistenceEngine, onePacket: draft.onePacket,
  };
  return {
    ids, service, name: name(),
    destinations: taken.map((server) => finishServer(server, draft, method, grouped, context)),
    policy: {
      ...withoutRefused(draft, kept.filter((server) => !taken.includes(server)), context), quorumUp: draft.quorumUp, quorumDown: draft.quorumDown, sorryServer: sorryServer(draft, method, grouped),
      alpha: draft.alpha === true, omega: draft.omega, haSuspend: draft.haSuspend, smtpAlert: draft.smtpAlert ?? context.smtpAlert ?? false, panicThreshold: 0, endFailed: false,
      onFailure: 'remove',
    },
  };
}

function takenByKernel({ lower, upper, place, address }: ServerDraft, name: string, diagnostics: Diagnostics): boolean {
  if (NEVER_UNICAST.test(address)) {
    diagnostics.note(place, `${name}: ${address} is not the address of one host`, 'IPVS does not take the server; keepalived counts it as there', address);
    return false;
  }
  if (lower <= upper && upper <= INT32_MAX) return true;
  diagnostics.note(place, lower > upper ? `${name}: lthreshold ${lower} of ${address} is above its uthreshold ${upper}` : `${name}: uthreshold ${upper} of ${address} is above ${INT32_MAX}`, 'IPVS does not take the server; keepalived counts it as there', address);
  return false;
}

/** keepalived counts a server that the kernel refuses as there: its weight is a part of the quorum that the others need not reach. */
function withoutRefused(draft: ServiceDraft, refused: readonly ServerDraft[], { trackFiles, host }: FinishContext): { readonly quorum: number; readonly hysteresis: number } {
  const counted = refused.filter((server) => !server.checkers.some((checker) => startsDown(checker, { service: draft, server, trackFiles }, host)));
  const needed = draft.quorum - counted.reduce((sum, { weight }) => sum + (weight ?? draft.weight), 0);
  return needed >= 0 ? { quorum: needed, hysteresis: draft.hysteresis } : { quorum: 0, hysteresis: Math.max(0, draft.hysteresis + needed) };
}

/** As keepalived writes services in messages, FIFOs and scripts: "[10.0.0.1]:tcp:80", "FWM 3", "[GROUP]:0". */
function serviceText({ target, protocol }: ServiceDraft, groupTurn: number): string {
  if (target.kind === 'fwmark') return `FWM ${target.fwmark}`;
  return target.kind === 'group' ? `[${target.group}]:${groupTurn}` : `[${target.address}]:${protocol ?? 'none'}:${target.port}`;
}

/** Whether the families of the group and of the service go together; a service that has none yet takes the group's. */
function joinsGroup(draft: ServiceDraft, members: Group['members']): boolean {
  const { ipv4, ipv6 } = familiesOf(members);
  if ((ipv4 && draft.family === 6) || (ipv6 && draft.family === 4)) return false;
  if (ipv4 !== ipv6) draft.family ??= ipv4 ? 4 : 6;
  return true;
}

/** A sorry server that is one of the real servers stays or goes as that one does. */
function matchInhibit(draft: ServiceDraft, twin: ServerDraft, sorry: SorryDraft, name: string, diagnostics: Diagnostics): void {
  const inhibit = twin.inhibit ?? draft.inhibit;
  if (sorry.inhibit !== inhibit) diagnostics.warn(sorry.place, `${name}: real server ${twin.address} is the sorry server, but only one of them has inhibit`, `the real server's counts: ${inhibit ? 'on' : 'off'}`, sorry.address);
  sorry.inhibit = inhibit;
}

/** DR and TUN cannot change ports. */
function checkPorts(draft: ServiceDraft, servers: readonly ServerDraft[], members: Group['members'], name: string, method: Method, diagnostics: Diagnostics): void {
  const { target, sorry } = draft;
  const servicePort = target.kind === 'address' ? target.port : 0;
  const parties: readonly { readonly what: string; readonly party: ServerDraft | SorryDraft }[] = [
    ...servers.map((server) => ({ what: `real server ${server.address}:${server.port}`, party: server })),
    ...(sorry === null ? [] : [{ what: `sorry server ${sorry.address}:${sorry.port}`, party: sorry }]),
  ];
  for (const { what, party } of parties) {
    const used = party.method ?? method;
    // NB: a sorry server that is masqueraded to keeps port 0.
    if (party.port === 0 && target.kind === 'address' && (party !== sorry || used.method !== 'masq')) party.port = servicePort;
    if (used.method === 'masq' || party.port === servicePort) continue;
    const how = used.method === 'route' ? 'DR' : 'TUN';
    if (target.kind === 'group') {
      if (party.port === 0) continue;
      const differing = members.filter((member) => member.kind === 'address' && member.port !== party.port).length;
      if (members.some(({ kind }) => kind === 'fwmark') || differing > 0) diagnostics.warn(party.place, `${name}: ${what} has another port than members of the group, which ${how} cannot change`, "each member's own port is used");
      continue;
    }
    const effect = target.kind === 'fwmark' ? 'the port is cleared' : `port ${servicePort} is used`;
    diagnostics.warn(party.place, target.kind === 'fwmark' ? `${name}: ${what} has a port, which ${how} to a firewall mark cannot use` : `${name}: ${what} has another port, which ${how} cannot change`, effect);
    party.port = servicePort;
  }
}

function withoutDuplicates(servers: readonly ServerDraft[], name: string, draft: ServiceDraft, diagnostics: Diagnostics): ServerDraft[] {
  const seen = new Set<string>();
  return servers.filter((server) => {
    const key = `${server.address} ${server.port}`;
    if (!seen.has(key)) return seen.add(key) !== undefined;
    diagnostics.warn(server.place, `${name}: real server [${server.address}]:${draft.protocol ?? 'none'}:${server.port} stands there twice`, 'the second one is left out', server.address);
    return false;
  });
}

function settleQuorum(draft: ServiceDraft, servers: readonly ServerDraft[], name: string, diagnostics: Diagnostics): void {
  const total = servers.reduce((sum, { weight }) => sum + (weight ?? draft.weight), 0);
  if (draft.quorum > total) {
    diagnostics.warn(draft.place, `${name}: quorum ${draft.quorum} is more than all weights together, ${total}`, `quorum ${total} is taken`);
    draft.quorum = total;
  }
  if (draft.hysteresis < draft.quorum) return;
  const least = draft.quorum === 0 ? UNSIGNED_MINUS_ONE : draft.quorum - 1;
  diagnostics.warn(draft.place, `${name}: hysteresis ${draft.hysteresis} is not below quorum ${draft.quorum}`, `hysteresis ${least} is taken`);
  draft.hysteresis = least;
}

/** A mark of a group that names no family belongs to the family of the first service that uses it. */
function takesMark(mark: GroupMark, family: 4 | 6, families: Map<GroupMark, 4 | 6>, name: string, { place }: ServiceDraft, diagnostics: Diagnostics): boolean {
  if (mark.family !== null) return true;
  if (!families.has(mark)) families.set(mark, family);
  if (families.get(mark) === family) return true;
  diagnostics.warn(place, `${name}: mark ${mark.fwmark} of the group is used with the other address family already`, 'the mark does not get this service; give it inet or inet6 in the group');
  return false;
}

function serviceIds({ target, protocol, family }: ServiceDraft, members: Group['members'], serversFamily: 4 | 6): ServiceId[] {
  const address = (text: string, port: number): ServiceId => ({ kind: 'address', protocol: protocol ?? 'udp', address: text, port });
  if (target.kind === 'address') return [address(target.address, target.port)];
  if (target.kind === 'fwmark') return [{ kind: 'fwmark', fwmark: target.fwmark, family: serversFamily }];
  return members.map((member) => (member.kind === 'address' ? address(member.address, member.port) : { kind: 'fwmark', fwmark: member.fwmark, family: member.family ?? family ?? serversFamily }));
}

function finishServer(server: ServerDraft, draft: ServiceDraft, serviceMethod: Method, grouped: boolean, context: FinishContext): DesiredDestination {
  const inhibit = server.inhibit ?? draft.inhibit;
  const defaults: CheckDefaults = { service: draft, server, trackFiles: context.trackFiles };
  const weight = server.weight ?? draft.weight;
  const addedWeight = server.checkers.reduce((sum, checker) => sum + startWeightAdd(checker, defaults, context.host), 0);
  return {
    destination: destination(server.address, server.port, server.method ?? serviceMethod, weight, grouped, server),
    checks: server.checkers.flatMap((checker): HealthCheck[] => finishChecks(checker, defaults)),
    inhibitOnFailure: inhibit, notifyUp: server.notifyUp, notifyDown: server.notifyDown, slowStart: false, loadMonitor: null, disabled: false,
    smtpAlert: server.smtpAlert ?? context.smtpAlert ?? true,
    startsUp: !server.checkers.some((checker: CheckerDraft) => startsDown(checker, defaults, context.host)),
    ...(addedWeight === 0 ? {} : { startWeight: Math.max(0, weight + addedWeight) }),
  };
}

function sorryServer(draft: ServiceDraft, serviceMethod: Method, grouped: boolean): SorryServer | null {
  const { sorry } = draft;
  if (sorry === null) return null;
  return { destination: destination(sorry.address, sorry.port, sorry.method ?? serviceMethod, 1, grouped, { upper: 0, lower: 0 }), inhibit: sorry.inhibit, mode: 'replace' };
}

function destination(address: string, port: number, { method, tunnel }: Method, weight: number, grouped: boolean, { upper, lower }: { readonly upper: number; readonly lower: number }): Destination {
  return { address, port: grouped && method !== 'masq' ? 0 : port, method, tunnel, weight, upperThreshold: upper, lowerThreshold: lower };
}
