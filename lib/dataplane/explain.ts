/**
 * What would become of a first packet now, without doing it: the walk of burst.ts up to the decision, which is the same code (schedule.ts) with a
 * chooser that only looks, and then what making and forwarding the connection would say. It leaves the same steps in the trace as the packet itself.
 * test/dataplane/explain.test.ts holds the two together.
 */
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { formatAddress, parseAddress, swap16, type ParsedAddress } from '../wire/address.ts';
import { DROP, DROP_REASONS } from '../model/drop-reason.ts';
import type { DecidedBy, Explanation, FlowQuestion } from '../model/explanation.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as at from './connection-layout.ts';
import { connectionRecord } from './connection-records.ts';
import { beginsAnew } from './connection-reuse.ts';
import { nextState, stateDetail } from './connection-state.ts';
import type { CoreContext } from './core-context.ts';
import { ANSWER_UNREACHABLE, BYPASS, CONNECT, Decision, REFUSE, type Chooser } from './decision.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { forwardDetail } from './forward/index.ts';
import { isLoopback } from './forward/local.ts';
import type { Packet } from './packet.ts';
import { ROUTE_LOCAL } from './routes.ts';
import { decideFirst, decideFlow, TABLE_FULL_DETAIL } from './schedule.ts';
import { SLOT_AVAILABLE, SLOT_WORDS } from './services.ts';
import { INPUT, INPUT_ONLY } from './tcp-state.ts';
import { DELIVER, DROP as DROPPED, PASS, TRANSMIT, type Verdict } from './verdict.ts';

export interface Foreseen {
  readonly verdict: Verdict;
  /** Drop reason name, or ''. */
  readonly reason: string;
  readonly service: string | null;
  readonly decidedBy: DecidedBy;
  readonly destination: Explanation['destination'];
}

/** How `p` leaves once it has a connection. */
interface Bound {
  readonly method: number;
  readonly family: 4 | 6;
  readonly raw: ArrayLike<number>;
  /** As listed. */
  readonly address: string;
  readonly port: number;
}

/** Where the packet would come in: by the interface named, else by the one that leads to its client; INTERFACE_LOCAL where that is the director. */
export function arrivalInterface({ network }: CoreContext, { client, interface: name }: FlowQuestion): number {
  if (name !== undefined) {
    for (let idx = 0; network.interfaceAt(idx) !== null; idx++) if (network.interfaceAt(idx)?.name === name) return idx;
    return INTERFACE_LOCAL;
  }
  const { family, words } = parseAddress(client) as ParsedAddress;
  const hop = network.route(family, words[0] as number, words[1] as number, words[2] as number, words[3] as number);
  return hop >= 0 ? network.interfaceOf(hop) : hop === ROUTE_LOCAL ? INTERFACE_LOCAL : 0;
}

/** core.trace takes the steps. `mark`: the firewall mark it bears; undefined: what the mark rules give it. */
export function foresee(core: CoreContext, p: Packet, mark: number | undefined, chooser: Chooser): Foreseen {
  if ((p.family === 4 ? core.services.count4 : core.services.count6) === 0) return nothing(PASS);
  const entry = core.connections.lookup(p);
  if (entry >= 0) {
    core.trace?.step('lookup', `connection ${entry >> 1}, ${(entry & 1) === 0 ? 'from the client' : 'from the real server'}`);
    return (entry & 1) === 0 ? fromClient(core, p, entry >> 1, mark, chooser) : { ...nothing(TRANSMIT), decidedBy: 'connection' };
  }
  if (core.sysctl.nat_icmp_send !== 0 && isRealServer(core, p)) return nothing(DROPPED, DROP.noConnection);
  if (core.sysctl.backup_only !== 0 && core.backupDaemon) return nothing(PASS);
  const expected = core.connections.withoutClientPort > 0
    ? core.connections.find(p.family, p.protocol, p.s0, p.s1, p.s2, p.s3, p.d0, p.d1, p.d2, p.d3, p.ports & ~0xffff) : -1;
  return expected < 0 ? first(core, p, mark, chooser) : fromClient(core, p, expected >> 1, mark, chooser);
}

function fromClient(core: CoreContext, p: Packet, conn: number, mark: number | undefined, chooser: Chooser): Foreseen {
  const { connections, services } = core;
  if (core.sysctl.backup_only !== 0 && core.backupDaemon) return nothing(PASS);
  if (p.protocol !== IPPROTO.udp && beginsAnew(core, p, conn)) {
    core.trace?.step('lookup', 'the old connection is over; scheduling anew');
    return first(core, p, mark, chooser);
  }
  const base = conn * at.CONN_WORDS;
  const slot = connections.words[base + at.DESTINATION] as number;
  if (slot >= 0 && services.slots[SLOT_WORDS * slot + SLOT_AVAILABLE] === 0) {
    core.trace?.step('lookup', 'its destination was removed');
    return core.sysctl.expire_nodest_conn === 0 ? nothing(DROPPED, DROP.destinationUnavailable) : first(core, p, mark, chooser);
  }
  const flags = connections.words[base + at.STATE] as number;
  const record = connectionRecord(connections, conn, core.nowMs);
  const cold = conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
  const bound: Bound = {
    method: (flags & at.METHOD_MASK) >> at.METHOD_SHIFT, family: (flags & at.CONN_DESTINATION_IPV6) !== 0 ? 6 : 4,
    raw: connections.cold.subarray(cold, cold + 4), address: record.destination, port: record.destinationPort,
  };
  return goingOn(core, p, bound, flags & at.STATE_MASK, (flags & at.CONN_NO_OUTPUT) !== 0, services.destinations[slot]?.service.key ?? null, 'connection');
}

function first(core: CoreContext, p: Packet, mark: number | undefined, chooser: Chooser): Foreseen {
  const decision = new Decision();
  if (mark === undefined) {
    decideFirst(core, p, chooser, decision);
  } else {
    p.mark = mark | 0;
    core.trace?.step('mark', `firewall mark ${mark}, as asked`);
    core.flow.fromPacket(p);
    decideFlow(core, p, chooser, decision);
  }
  const service = decision.service?.key ?? null;
  switch (decision.outcome) {
    case CONNECT:
      return connecting(core, p, decision, decision.destination as DestinationEntry);
    case BYPASS:
      return created(core, p, decision, { method: at.METHOD.bypass, family: p.family, raw: [p.d0, p.d1, p.d2, p.d3], address: p.family === 4 ? '0.0.0.0' : '::', port: 0 }, 'bypass');
    case ANSWER_UNREACHABLE:
      return { ...nothing(DROPPED, DROP.noDestination), service };
    case REFUSE:
      return { ...nothing(DROPPED, decision.drop), service };
    default:
      return { ...nothing(PASS), service };
  }
}

function connecting(core: CoreContext, p: Packet, decision: Decision, destination: DestinationEntry): Foreseen {
  const bound: Bound = { method: at.METHOD[destination.method], family: destination.family, raw: destination.raw, address: destination.address, port: swap16(decision.rawPort) };
  return created(core, p, decision, bound, decision.template >= 0 ? 'template' : 'scheduler');
}

/** A connection would be made, and before it a template perhaps. */
function created(core: CoreContext, p: Packet, decision: Decision, bound: Bound, decidedBy: DecidedBy): Foreseen {
  const service = decision.service?.key ?? null;
  const conn = core.connections.upcoming(decision.makesTemplate ? 1 : 0);
  if (conn < 0) {
    core.trace?.step('create', TABLE_FULL_DETAIL);
    return { ...nothing(DROPPED, DROP.tableFull), service };
  }
  core.trace?.step('create', `connection ${conn}`);
  return goingOn(core, p, bound, 0, bound.method !== at.METHOD.masq && bound.method !== at.METHOD.bypass, service, decidedBy);
}

/** The state step and the way out. */
function goingOn(core: CoreContext, p: Packet, bound: Bound, state: number, noOutput: boolean, service: string | null, decidedBy: DecidedBy): Foreseen {
  const next = nextState(core, p, noOutput ? INPUT_ONLY : INPUT, state);
  if (next >= 0 && next !== state) core.trace?.step('state', stateDetail(core, p.protocol, next));
  const { method, raw } = bound;
  const hop = core.network.route(bound.family, raw[0] as number, raw[1] as number, raw[2] as number, raw[3] as number);
  core.trace?.step('forward', forwardDetail(method, bound.address, bound.port, hop, core));
  const bypass = method === at.METHOD.bypass;
  const destination = bypass ? { address: formatAddress(p.family, p.d0, p.d1, p.d2, p.d3), port: swap16(p.ports >>> 16) } : { address: bound.address, port: bound.port };
  const ends = (verdict: Verdict, drop = -1): Foreseen => ({ ...nothing(verdict, drop), service, decidedBy, destination });
  if (hop !== ROUTE_LOCAL) return hop < 0 ? ends(DROPPED, DROP.noRoute) : ends(TRANSMIT);
  if (bypass) return ends(DROPPED, DROP.noRoute);
  return method === at.METHOD.masq && p.interfaceIdx !== INTERFACE_LOCAL && isLoopback(raw, 0, p.family) ? ends(DROPPED, DROP.destinationLoopback) : ends(DELIVER);
}

function isRealServer(core: CoreContext, p: Packet): boolean {
  return core.services.realServers.find(p.family, p.protocol, p.s0, p.s1, p.s2, p.s3, p.ports & 0xffff) !== null;
}

function nothing(verdict: Verdict, drop = -1): Foreseen {
  return { verdict, reason: DROP_REASONS[drop]?.[0] ?? '', service: null, decidedBy: 'nobody', destination: null };
}
