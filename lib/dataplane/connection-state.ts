/**
 * The state step of the walk: a packet of a connection moves its state, its timeout, and the active and inactive counts of its destination
 * (tcp_state_transition, udp_state_transition, sctp_state_transition). Most packets change nothing and only say when they came.
 */
import { SCTP_STATE, SCTP_STATE_NAMES, TCP_STATE, TCP_STATE_NAMES, TEMPLATE_STATE } from '../model/conn-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { Packet } from './packet.ts';
import { sctpActive, sctpNextState } from './sctp-state.ts';
import { INPUT_ONLY, OUTPUT, tcpActive, tcpNextState } from './tcp-state.ts';

/** `direction`: INPUT or OUTPUT of tcp-state. */
export function advanceState(core: CoreContext, conn: number, direction: number, p: Packet): void {
  const { connections } = core;
  const words = connections.words;
  const base = conn * at.CONN_WORDS;
  words[base + at.LAST_SEEN] = connections.clock(core.nowMs);
  const flags = words[base + at.STATE] as number;
  const state = flags & at.STATE_MASK;
  let timeoutMs: number;
  if (p.protocol === IPPROTO.tcp) {
    const next = tcpNextState(core.defence.tcpTable, seenDirection(words, base, flags, direction), p.tcpFlags, state);
    if (next !== state) enterState(core, conn, next, tcpActive(next), next === TCP_STATE.ESTABLISHED);
    timeoutMs = core.timeouts.tcp[next] as number;
  } else if (p.protocol === IPPROTO.udp) {
    if (direction === OUTPUT) assureTemplate(core, conn);
    timeoutMs = core.timeouts.udp;
  } else {
    const next = sctpNextState(p.memory, p.l4Off, p.l3End, seenDirection(words, base, flags, direction), state);
    if (next < 0) return;
    if (next !== state) enterState(core, conn, next, sctpActive(next), next === SCTP_STATE.ESTABLISHED);
    timeoutMs = core.timeouts.sctp[next] as number;
  }
  if (words[base + at.TIMEOUT] !== timeoutMs) connections.setTimeout(conn, timeoutMs >>> 0, core.nowMs);
}

const STATE_NAMES: Readonly<Record<number, readonly string[]>> = { [IPPROTO.tcp]: TCP_STATE_NAMES, [IPPROTO.sctp]: SCTP_STATE_NAMES };

/** A connection without NAT goes by the table for one direction, until a packet of the real server does come by. */
function seenDirection(words: Int32Array, base: number, flags: number, direction: number): number {
  if ((flags & at.CONN_NO_OUTPUT) === 0) return direction;
  if (direction !== OUTPUT) return INPUT_ONLY;
  words[base + at.STATE] = flags & ~at.CONN_NO_OUTPUT;
  return OUTPUT;
}

function enterState(core: CoreContext, conn: number, next: number, active: boolean, established: boolean): void {
  const words = core.connections.words;
  const base = conn * at.CONN_WORDS;
  let flags = words[base + at.STATE] as number;
  const destination = core.services.destinations[words[base + at.DESTINATION] as number];
  if (destination !== undefined && active === ((flags & at.CONN_INACTIVE) !== 0)) {
    destination.moved(active);
    core.observer?.activity(conn, active);
    flags ^= at.CONN_INACTIVE;
  }
  core.connections.setState(conn, (flags & ~at.STATE_MASK) | next);
  if (core.trace !== null) core.trace.step('state', stateDetail(core, words[base + at.KEY]! & 0xff, next));
  if (established) assureTemplate(core, conn);
}

/** The state after `p`, which comes from the client, in `state`; -1 when SCTP stays as it is. */
export function nextState(core: CoreContext, p: Packet, direction: number, state: number): number {
  if (p.protocol === IPPROTO.tcp) return tcpNextState(core.defence.tcpTable, direction, p.tcpFlags, state);
  return p.protocol === IPPROTO.udp ? state : sctpNextState(p.memory, p.l4Off, p.l3End, direction, state);
}

/** "SYN_RECV, inactive". */
export function stateDetail(core: CoreContext, protocol: number, state: number): string {
  const active = protocol === IPPROTO.tcp ? tcpActive(state) : sctpActive(state);
  return `${STATE_NAMES[protocol]?.[state] ?? state}, ${active ? 'active' : 'inactive'}${protocol === IPPROTO.tcp && core.defence.secureTcp ? ', by the table of secure_tcp' : ''}`;
}

/** A template that led to an established connection is kept even when drop_entry empties the table (ip_vs_control_assure_ct). */
function assureTemplate(core: CoreContext, conn: number): void {
  const { connections } = core;
  const control = connections.controlOf(conn);
  if (control < 0) return;
  const at10 = control * at.CONN_WORDS + at.STATE;
  if ((connections.words[at10]! & at.CONN_TEMPLATE) !== 0) connections.words[at10] = (connections.words[at10]! & ~at.STATE_MASK) | TEMPLATE_STATE.ASSURED;
}
