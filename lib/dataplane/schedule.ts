/**
 * First packets: from a packet without connection to a connection, or to the answer the client gets instead (ip_vs_try_to_schedule,
 * ip_vs_schedule, ip_vs_leave). First it is decided, which changes nothing but the scheduler's place, then carried out.
 */
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { CHUNK, CHUNK_HEADER_LENGTH, SCTP_LENGTH, chunkType } from '../wire/sctp.ts';
import { RST, SYN } from '../wire/tcp.ts';
import { swap16 } from '../wire/address.ts';
import { DROP } from '../model/drop-reason.ts';
import { IPPROTO } from '../model/protocol.ts';
import { countConnection } from './account.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import { ANSWER_UNREACHABLE, BYPASS, CONNECT, REFUSE, type Chooser, type Decision } from './decision.ts';
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';
import { answerPortUnreachable } from './icmp-answer.ts';
import type { Packet } from './packet.ts';
import { createTemplate, decideTemplate } from './persistence.ts';
import type { ServiceEntry } from './service-entry.ts';
import { DROP as DROPPED, PASS, type Verdict } from './verdict.ts';

const FTP_PORT = 21;
const FTP_DATA_PORT = 20;
/** What the trace says then. */
export const TABLE_FULL_DETAIL = 'the connection table is full';
const RAW_FTP_DATA_PORT = swap16(FTP_DATA_PORT);

/** What a schedule function returns in place of a connection: a verdict, as a negative number. */
export function refused(verdict: Verdict): number {
  return -1 - verdict;
}

export function verdictOf(result: number): Verdict {
  return (-1 - result) as Verdict;
}

/** A connection for the packet that has none: its number, or refused(verdict). */
export function scheduleFirst(core: CoreContext, p: Packet): number {
  decideFirst(core, p, core.chooser, core.decision);
  return carryOut(core, p, core.decision);
}

/** The same for the flow already in core.flow: of `p`, or of what `p` quotes (schedule_icmp). */
export function scheduleFlow(core: CoreContext, p: Packet): number {
  decideFlow(core, p, core.chooser, core.decision);
  return carryOut(core, p, core.decision);
}

/** What is to become of `p`, into `decision`; nothing changes but the chooser's own state, core.flow and core.templateFlow. */
export function decideFirst(core: CoreContext, p: Packet, chooser: Chooser, decision: Decision): void {
  if (!beginsConnection(core, p)) {
    core.trace?.step('schedule', 'not the first packet of a connection');
    decision.clear();
    return;
  }
  p.mark = core.services.markServices > 0 ? core.marks.classify(p) : 0;
  if (core.trace !== null && core.services.markServices > 0) core.trace.step('mark', core.marks.describe(p));
  core.flow.fromPacket(p);
  decideFlow(core, p, chooser, decision);
}

/** The same for the flow in core.flow. */
export function decideFlow(core: CoreContext, p: Packet, chooser: Chooser, decision: Decision): void {
  decision.clear();
  const { flow } = core;
  const service = core.services.find(flow.family, flow.mark, flow.protocol, flow.v0, flow.v1, flow.v2, flow.v3, flow.virtualPort);
  if (service === null) {
    core.trace?.step('service', 'no virtual service');
    return;
  }
  core.trace?.step('service', `virtual service ${service.key}, ${service.schedulerName}`);
  decision.service = service;
  if (isMartian(core, p)) return decision.refuse(DROP.martianSource);
  if (chooser.dropsPacket()) {
    core.trace?.step('defence', `drop_packet drops one new connection in ${core.sysctl.am_droprate}, this one`);
    return decision.refuse(DROP.dropEntryDefence);
  }
  // Data connections of active FTP come from port 20; NAT has made their entries already.
  if (flow.clientPort === RAW_FTP_DATA_PORT || answersLocalConnection(core, p)) return;
  const found = service.persistenceMs > 0 ? decidePersistent(core, service, p, chooser, decision) : decideOrdinary(core, service, chooser, decision);
  if (decision.outcome !== REFUSE && !found) decideWithoutDestination(core, service, p, decision);
}

function decideOrdinary(core: CoreContext, service: ServiceEntry, chooser: Chooser, decision: Decision): boolean {
  const { flow } = core;
  // Port 0 and FTP services take other ports only when persistent.
  if (service.fwmark === 0 && flow.virtualPort !== service.rawPort) return false;
  const destination = chooser.pick(service, flow);
  if (destination === null) return false;
  core.trace?.step('schedule', `${service.schedulerName} picks ${destination.address}:${destination.port}`);
  connect(decision, destination, destination.port === 0 ? flow.virtualPort : destination.rawPort);
  return true;
}

function decidePersistent(core: CoreContext, service: ServiceEntry, p: Packet, chooser: Chooser, decision: Decision): boolean {
  const { flow } = core;
  if (!decideTemplate(core, service, flow, p, chooser, decision)) return false;
  const destination = decision.destination as DestinationEntry;
  connect(decision, destination, flow.virtualPort === service.rawPort && destination.port !== 0 ? destination.rawPort : flow.virtualPort);
  return true;
}

/** No destination: what the client gets (ip_vs_leave). */
function decideWithoutDestination(core: CoreContext, service: ServiceEntry, p: Packet, decision: Decision): void {
  const { flow } = core;
  if (core.sysctl.cache_bypass !== 0 && service.fwmark !== 0 && !flow.quoted && isFarUnicast(core, p)) {
    core.trace?.step('schedule', 'no destination: cache bypass to the original address');
    decision.outcome = BYPASS;
    return;
  }
  // An FTP service answers for high ports only as far as it knows them.
  if (service.port === FTP_PORT && flow.virtualPort !== service.rawPort) return;
  core.trace?.step('schedule', 'no destination: port unreachable');
  decision.outcome = ANSWER_UNREACHABLE;
}

/** The time as a connection keeps it. NB: a number with a fraction is boxed when it is passed on, for every new connection. */
function wholeMs(core: CoreContext): number {
  return Math.floor(core.nowMs);
}

function connect(decision: Decision, destination: DestinationEntry, rawPort: number): void {
  decision.outcome = CONNECT;
  decision.destination = destination;
  decision.rawPort = rawPort;
}

/** Make what was decided happen: the connection, or refused(verdict). */
function carryOut(core: CoreContext, p: Packet, decision: Decision): number {
  const { flow, connections } = core;
  const service = decision.service as ServiceEntry;
  if (decision.staleTemplate >= 0) connections.invalidate(decision.staleTemplate);
  if (decision.outcome === CONNECT) {
    const destination = decision.destination as DestinationEntry;
    const template = decision.makesTemplate ? createTemplate(core, service, decision) : decision.template;
    if (decision.makesTemplate && template < 0) return full(core);
    const conn = connections.create(flow, destination, decision.rawPort, onePacketFlag(service, flow), wholeMs(core));
    if (template >= 0) {
      if (conn >= 0) connections.setControl(conn, template);
      connections.touch(template, core.nowMs);
    }
    if (conn < 0) return full(core);
    countConnection(core, service, destination);
    core.observer?.scheduled(service, flow, conn);
    return conn;
  }
  if (decision.outcome === BYPASS) {
    const conn = connections.create(flow, null, 0, onePacketFlag(service, flow), wholeMs(core));
    if (conn < 0) return full(core);
    core.observer?.scheduled(service, flow, conn);
    return conn;
  }
  if (decision.outcome === ANSWER_UNREACHABLE) {
    core.observer?.scheduled(service, flow, -1);
    if (!flow.quoted) answerPortUnreachable(p, core);
    return drop(core, DROP.noDestination);
  }
  return decision.outcome === REFUSE ? drop(core, decision.drop) : refused(PASS);
}

/**
 * A datagram that a real server sends on its own (ip_vs_new_conn_out): with a persistence engine it becomes a connection of the service, as if the client it
 * goes to had begun it, tied to that server. -1 when it does not.
 */
export function scheduleAnswer(core: CoreContext, p: Packet, destination: DestinationEntry): number {
  const { flow, connections, decision } = core;
  const { service } = destination;
  flow.fromAnswer(p, service.raw, service.rawPort);
  decision.clear();
  const found = decideTemplate(core, service, flow, p, core.chooser, decision, destination);
  if (decision.staleTemplate >= 0) connections.invalidate(decision.staleTemplate);
  const template = found && decision.makesTemplate ? createTemplate(core, service, decision) : decision.template;
  if (!found || template < 0) return -1;
  const conn = connections.create(flow, destination, p.ports & 0xffff, onePacketFlag(service, flow), wholeMs(core));
  if (conn >= 0) {
    connections.setControl(conn, template);
    countConnection(core, service, destination);
    core.observer?.adopted(conn);
    core.trace?.step('create', `connection ${conn}, begun by the real server`);
  }
  connections.touch(template, core.nowMs);
  return conn;
}

/** TCP begins with SYN (also SYN/ACK, for active FTP), SCTP with INIT, UDP with anything. */
function beginsConnection(core: CoreContext, p: Packet): boolean {
  if (p.protocol === IPPROTO.tcp) return (p.tcpFlags & RST) === 0 && ((p.tcpFlags & SYN) !== 0 || core.sysctl.sloppy_tcp !== 0);
  if (p.protocol !== IPPROTO.sctp) return true;
  const chunkOff = p.l4Off + SCTP_LENGTH;
  if (chunkOff + CHUNK_HEADER_LENGTH > p.l3End) return false;
  const chunk = chunkType(p.memory, chunkOff);
  return chunk === CHUNK.init || (core.sysctl.sloppy_sctp !== 0 && chunk !== CHUNK.abort);
}

/** Sources that cannot have come from a network (fib_validate_source; IPv6 checks less). */
function isMartian(core: CoreContext, p: Packet): boolean {
  if (p.interfaceIdx === INTERFACE_LOCAL || p.family === 6) return false;
  const first = p.s0 & 0xff;
  return first === 0 || first === 127 || core.network.isLocal(4, p.s0, 0, 0, 0);
}

/** A packet of the director's own stack that answers a connection to a local real server is not a new connection. */
function answersLocalConnection(core: CoreContext, p: Packet): boolean {
  if (p.interfaceIdx !== INTERFACE_LOCAL) return false;
  const { flow } = core;
  const entry = core.connections.find(flow.family, flow.protocol, flow.v0, flow.v1, flow.v2, flow.v3, flow.c0, flow.c1, flow.c2, flow.c3,
    flow.virtualPort | (flow.clientPort << 16));
  return entry >= 0 && (entry & 1) === 0;
}

function isFarUnicast(core: CoreContext, p: Packet): boolean {
  if (core.network.isLocal(p.family, p.d0, p.d1, p.d2, p.d3)) return false;
  const first = p.d0 & 0xff;
  return p.family === 4 ? first > 0 && first < 224 : first !== 0xff;
}

function onePacketFlag(service: ServiceEntry, flow: Flow): number {
  return service.onePacket && flow.protocol === IPPROTO.udp ? at.CONN_ONE_PACKET : 0;
}

function full(core: CoreContext): number {
  core.trace?.step('create', TABLE_FULL_DETAIL);
  return drop(core, DROP.tableFull);
}

function drop(core: CoreContext, reason: number): number {
  core.drops[reason]!++;
  return refused(DROPPED);
}
