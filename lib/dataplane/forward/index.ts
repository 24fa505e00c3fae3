/** Where a packet of a connection goes, by the method its connection was made with. Next hops are cached in the entry until the network changes. */
import { INTERFACE_LOCAL } from '../../wire/frame.ts';
import { DROP } from '../../model/drop-reason.ts';
import { countOut } from '../account.ts';
import * as at from '../connection-layout.ts';
import { connectionRecord } from '../connection-records.ts';
import type { CoreContext } from '../core-context.ts';
import type { Packet } from '../packet.ts';
import { ROUTE_LOCAL } from '../routes.ts';
import { CONTINUE, DELIVER, DROP as DROPPED, TRANSMIT, type Verdict } from '../verdict.ts';
import { forwardDirect } from './dr.ts';
import { deliverLocally } from './local.ts';
import { rewrite } from './nat.ts';
import { leaveByForwarding, leaveByIpvs, noRouteByForwarding, noRouteByIpvs } from './out-route.ts';
import { forwardTunnel } from './tun.ts';

/** A packet from the client, to the connection's real server. */
export function forwardRequest(p: Packet, conn: number, core: CoreContext): Verdict {
  const words = core.connections.words;
  const base = conn * at.CONN_WORDS;
  const method = ((words[base + at.STATE] as number) & at.METHOD_MASK) >> at.METHOD_SHIFT;
  const hop = words[base + at.HOP_AGE] === core.network.generation ? words[base + at.HOP] as number : hopOf(conn, core);
  if (core.trace !== null) traceForward(conn, method, hop, core);
  if (hop === ROUTE_LOCAL) return deliverLocally(p, conn, method, core);
  if (hop < 0) {
    const verdict = noRouteByIpvs(p, core);
    countAnswer(conn, method, core);
    return verdict;
  }
  // A loopback source never leaves the host.
  if (p.family === 4 && (p.s0 & 0xff) === 127) return dropped(core, DROP.martianSource);
  core.answerBytes = 0;
  const verdict = leave(p, conn, method, hop, core);
  if (verdict === DROPPED) countAnswer(conn, method, core);
  return verdict;
}

/**
 * The director's own ICMP answer about a packet passes ip_vs_out_icmp, which counts it for the connection that the quote names: not for NAT, where
 * the quote is no answer's inverse, and not for one-packet connections, which no lookup finds.
 */
export function countAnswer(conn: number, method: number, core: CoreContext): void {
  if (core.answerBytes === 0 || method === at.METHOD.masq) return;
  if (((core.connections.words[conn * at.CONN_WORDS + at.STATE] as number) & at.CONN_ONE_PACKET) === 0) countOut(core, conn, core.answerBytes);
}

function leave(p: Packet, conn: number, method: number, hop: number, core: CoreContext): Verdict {
  switch (method) {
    case at.METHOD.masq: {
      const verdict = leaveByIpvs(p, core.network.mtuOf(hop), false, core);
      if (verdict !== CONTINUE) return verdict;
      if ((core.connections.words[conn * at.CONN_WORDS + at.STATE]! & at.CONN_HELPER) !== 0 && !core.ftp.toServer(p, conn, core)) return DROPPED;
      rewrite(core.connections, conn * 2, p);
      core.network.sendPacket(p, hop, core.sink);
      return TRANSMIT;
    }
    case at.METHOD.tunnel: {
      const destination = core.services.destinations[core.connections.words[conn * at.CONN_WORDS + at.DESTINATION] as number];
      if (destination === undefined) return dropped(core, DROP.destinationUnavailable);
      return forwardTunnel(p, destination.tunnelTarget, hop, core);
    }
    default:
      return forwardDirect(p, hop, core);
  }
}

/** A packet from the real server, to the connection's client (NAT). Takes the host's forwarding path, as the kernel's answers do. */
export function forwardAnswer(p: Packet, conn: number, core: CoreContext): Verdict {
  const { network } = core;
  const words = core.connections.words;
  const out = conn * at.CONN_WORDS + at.ENTRY_WORDS;
  core.trace?.step('forward', 'the answer gets the virtual address and port as its source');
  const helped = (words[out - at.ENTRY_WORDS + at.STATE]! & at.CONN_HELPER) !== 0;
  let hop = words[out + at.HOP] as number;
  if (words[out + at.HOP_AGE] !== network.generation) {
    hop = network.route(p.family, p.d0, p.d1, p.d2, p.d3);
    words[out + at.HOP] = hop;
    words[out + at.HOP_AGE] = network.generation;
  }
  if (hop === ROUTE_LOCAL) {
    if (helped && !core.ftp.toClient(p, conn, core)) return DROPPED;
    rewrite(core.connections, conn * 2 + 1, p);
    return DELIVER;
  }
  if (p.interfaceIdx !== INTERFACE_LOCAL) {
    if (!(p.family === 4 ? network.forwarding4 : network.forwarding6)) return dropped(core, DROP.forwardingOff);
    if (hop < 0) return noRouteByForwarding(p, hop, core);
    const verdict = leaveByForwarding(p, network.mtuOf(hop), words[conn * at.CONN_WORDS + at.TARGET] as number, core);
    if (verdict !== CONTINUE) return verdict;
  } else if (hop < 0) {
    return dropped(core, DROP.noRoute);
  }
  if (helped && !core.ftp.toClient(p, conn, core)) return DROPPED;
  rewrite(core.connections, conn * 2 + 1, p);
  network.sendPacket(p, hop, core.sink);
  return TRANSMIT;
}

/** The host's forwarding path as far as IPVS sees packets on it: TTL and MTU, for a packet that is of no connection. */
export function enterForwarding(p: Packet, core: CoreContext): Verdict {
  const { network } = core;
  if (!(p.family === 4 ? network.forwarding4 : network.forwarding6)) return dropped(core, DROP.forwardingOff);
  const hop = network.route(p.family, p.d0, p.d1, p.d2, p.d3);
  return hop < 0 ? noRouteByForwarding(p, hop, core) : leaveByForwarding(p, network.mtuOf(hop), 0, core);
}

/** Next hop towards the connection's real server, looked up and kept. Bypass goes to the address the client asked for. */
export function hopOf(conn: number, core: CoreContext): number {
  const { network, connections } = core;
  const { words, cold, addresses } = connections;
  const base = conn * at.CONN_WORDS;
  const state = words[base + at.STATE] as number;
  const bypass = (state & at.METHOD_MASK) >> at.METHOD_SHIFT === at.METHOD.bypass;
  let hop: number;
  if (bypass && ((words[base + at.KEY] as number) & at.KEY_IPV6) === 0) {
    hop = network.route(4, words[base + at.TARGET] as number, 0, 0, 0);
  } else {
    const array = bypass ? addresses : cold;
    const begin = bypass ? conn * at.ADDRESS_WORDS + 4 : conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
    const family = bypass || (state & at.CONN_DESTINATION_IPV6) !== 0 ? 6 : 4;
    const destination = bypass ? undefined : core.services.destinations[words[base + at.DESTINATION] as number];
    // Fast path: another connection of this destination has asked.
    if (destination !== undefined && destination.hop >= 0 && destination.hopAge === network.generation) hop = destination.hop;
    else hop = network.route(family, array[begin] as number, array[begin + 1] as number, array[begin + 2] as number, array[begin + 3] as number);
    if (destination !== undefined) {
      destination.hop = hop;
      destination.hopAge = network.generation;
    }
  }
  words[base + at.HOP] = hop;
  words[base + at.HOP_AGE] = network.generation;
  return hop;
}

function traceForward(conn: number, method: number, hop: number, core: CoreContext): void {
  const { destination, destinationPort } = connectionRecord(core.connections, conn, core.nowMs);
  core.trace?.step('forward', forwardDetail(method, destination, destinationPort, hop, core));
}

/** "masq, 10.1.0.1 port 80, out of eth1". */
export function forwardDetail(method: number, destination: string, port: number, hop: number, core: CoreContext): string {
  const way = hop === ROUTE_LOCAL ? 'to the local node' : hop < 0 ? 'without a route' : `out of ${core.network.interfaceAt(core.network.interfaceOf(hop))?.name ?? 'nowhere'}`;
  return `${at.METHOD_NAMES[method]}, ${destination} port ${port}, ${way}`;
}

function dropped(core: CoreContext, reason: number): Verdict {
  core.drops[reason]!++;
  return DROPPED;
}
