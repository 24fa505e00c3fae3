/**
 * Whether the next packets of a connection's direction may go without a walk, decided once, behind a packet that has just been forwarded, and written into the entry as
 * its STAMP (connection-layout.ts). It vouches for all that the fast path goes by and that does not depend on the packet:
 *
 *     state       packets do not move it, nor its timeout                 UDP, established TCP
 *     nobody      looks into the payload, ends it, or follows it up       no helper, template, one-packet connection
 *     destination is there, and counted
 *     next hop    is the one that the network of today leads to
 *     method      NAT, direct routing, of IPv4 an IPIP tunnel over IPv4; with what that writes in NEW_ADDRESS and DELTAS
 *
 * Only the thread that owns the connections writes stamps; forwarders read them. A packet that finds none takes the walk, which is always right.
 */
import { fold, halves } from '../wire/checksum.ts';
import { IPPROTO } from '../model/protocol.ts';
import { TCP_STATE } from '../model/conn-state.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import { EPOCH, FORWARDING4, FORWARDING6, GENERATION, resetEpoch, STAMP_DIRECT, STAMP_NAT, STAMP_TUNNEL, TCP_MS, UDP_MS, isLateEpoch } from './fast-state.ts';
import { HOP_WORDS, MTU, SOURCE4 } from './next-hops.ts';
import { SLOT_AVAILABLE, SLOT_TUNNEL, SLOT_WORDS } from './services.ts';

const KEY_TCP = IPPROTO.tcp | at.KEY_USED, KEY_UDP = IPPROTO.udp | at.KEY_USED;
/** What only connections have that the walk must look at. */
const SPECIAL = at.CONN_TEMPLATE | at.CONN_ENDING | at.CONN_HELPER | at.CONN_NO_CLIENT_PORT | at.CONN_ONE_PACKET;
/** What a tunnel adds, and the smallest MTU it is led through (out-route.ts). */
export const OUTER_BYTES = 20;
const LEAST_TUNNEL_MTU = OUTER_BYTES + 68;
/** Protocol of the packet inside, in the word that holds TTL, protocol and checksum; and version and length. */
export const OUTER_PROTOCOL = 4 << 8, OUTER_VERSION = 0x45;

/** Behind a packet of `entry` (2i from the client, 2i + 1 from the real server) that went out. */
export function stamp(core: CoreContext, entry: number): void {
  const { words } = core.connections;
  const own = entry * at.ENTRY_WORDS;
  const kind = kindOf(core, own, (entry & 1) !== 0);
  if (kind === 0) return;
  const { state } = core.network;
  if (isLateEpoch(state)) {
    core.connections.forgetStamps();
    resetEpoch(state);
  }
  words[own + at.STAMP] = (state[EPOCH] as number) | kind;
}

/** STAMP_NAT, STAMP_DIRECT or STAMP_TUNNEL; 0: it has to walk. */
function kindOf(core: CoreContext, own: number, answer: boolean): number {
  const { connections: { words }, services: { slots }, network } = core;
  const { state: global, hops: { words: hops } } = network;
  const base = answer ? own - at.ENTRY_WORDS : own;
  const state = words[base + at.STATE] as number;
  if ((state & SPECIAL) !== 0) return 0;
  const six = ((words[own + at.KEY] as number) & at.KEY_IPV6) !== 0;
  const key = (words[own + at.KEY] as number) & ~at.KEY_IPV6;
  if (key === KEY_UDP) {
    // NB: a datagram of the real server assures the template that its connection hangs on.
    if (words[base + at.TIMEOUT] !== global[UDP_MS] || (answer && (state & at.CONN_CONTROLLED) !== 0)) return 0;
  } else if (key !== KEY_TCP || (state & at.STATE_MASK) !== TCP_STATE.ESTABLISHED || words[base + at.TIMEOUT] !== global[TCP_MS]) {
    return 0;
  }
  const slot = (words[base + at.DESTINATION] as number) * SLOT_WORDS;
  const hop = words[own + at.HOP] as number;
  if (slot < 0 || slots[slot + SLOT_AVAILABLE] === 0 || hop < 0 || words[own + at.HOP_AGE] !== global[GENERATION]) return 0;
  const method = (state & at.METHOD_MASK) >> at.METHOD_SHIFT;
  if (method === at.METHOD.masq) return answer && global[six ? FORWARDING6 : FORWARDING4] === 0 ? 0 : STAMP_NAT;
  if (answer) return 0;
  if (method === at.METHOD.route) return STAMP_DIRECT;
  if (six) return 0;
  const source = hops[hop * HOP_WORDS + SOURCE4] as number;
  const target = slots[slot + SLOT_TUNNEL] as number;
  if (method !== at.METHOD.tunnel || source === 0 || target === 0 || (hops[hop * HOP_WORDS + MTU] as number) < LEAST_TUNNEL_MTU) return 0;
  words[own + at.NEW_ADDRESS] = target;
  words[own + at.DELTAS] = fold(OUTER_VERSION + OUTER_PROTOCOL + halves(source) + halves(target));
  return STAMP_TUNNEL;
}
