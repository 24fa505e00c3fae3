/** Connections as listings and statistics show them (ip_vs_conn_seq_show). Off the packet path. */
import { formatAddress, swap16 } from '../wire/address.ts';
import { SCTP_STATE_NAMES, TCP_STATE_NAMES, TEMPLATE_STATE_NAMES, UDP_STATE_NAMES } from '../model/conn-state.ts';
import { IPPROTO, protocolName } from '../model/protocol.ts';
import type { ConnectionRecord } from '../model/stats.ts';
import * as at from './connection-layout.ts';
import type { Connections } from './connections.ts';

const STATE_NAMES: Readonly<Record<number, readonly string[]>> = {
  [IPPROTO.tcp]: TCP_STATE_NAMES, [IPPROTO.udp]: UDP_STATE_NAMES, [IPPROTO.sctp]: SCTP_STATE_NAMES,
};

export function connectionRecord(connections: Connections, conn: number, nowMs: number): ConnectionRecord {
  const { words, cold, addresses } = connections;
  const base = conn * at.CONN_WORDS;
  const key = words[base + at.KEY] as number;
  const state = words[base + at.STATE] as number;
  const family = (key & at.KEY_IPV6) === 0 ? 4 : 6;
  const ports = words[base + at.PORTS] as number;
  const own = conn * at.ADDRESS_WORDS;
  const real = conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
  const engine = connections.engineTemplates.of(conn);
  const text = (array: Int32Array, begin: number, of: 4 | 6): string =>
    formatAddress(of, array[begin] as number, array[begin + 1] as number, array[begin + 2] as number, array[begin + 3] as number);
  return {
    family,
    protocol: key & 0xff,
    state: stateName(key & 0xff, state),
    expiresSec: Math.max(0, Math.floor(connections.leftMs(conn, nowMs) / 1000)),
    ageSec: Math.max(0, Math.floor(((connections.clock(nowMs) - (connections.created[conn] as number)) | 0) / 1000)),
    idleSec: Math.floor(connections.quietMs(conn, connections.clock(nowMs)) / 1000),
    client: family === 4 ? formatAddress(4, words[base + at.SOURCE] as number, 0, 0, 0) : text(addresses, own, 6),
    clientPort: swap16(ports & 0xffff),
    virtual: family === 4 ? formatAddress(4, words[base + at.TARGET] as number, 0, 0, 0) : text(addresses, own + 4, 6),
    virtualPort: swap16(ports >>> 16),
    destination: text(cold, real, (state & at.CONN_DESTINATION_IPV6) !== 0 || (family === 6 && words[base + at.DESTINATION] === -1) ? 6 : 4),
    destinationPort: swap16((words[base + at.NEW_PORTS] as number) >>> 16),
    template: (state & at.CONN_TEMPLATE) !== 0,
    method: methodOf(state),
    pe: engine?.engine ?? null,
    peData: engine?.data ?? null,
    ...((state & at.CONN_SYNCED) !== 0 ? { synced: true } : {}),
  };
}

/** "tcp ESTABLISHED" -> how many. */
export function countByState(connections: Connections): Record<string, number> {
  const counts = new Map<number, number>();
  const { words } = connections;
  for (let conn = 0; conn < connections.highest; conn++) {
    const base = conn * at.CONN_WORDS;
    const key = words[base + at.KEY] as number;
    if (key === 0 || (key & at.KEY_TEMPLATE) !== 0) continue;
    const id = ((key & 0xff) << 8) | ((words[base + at.STATE] as number) & at.STATE_MASK);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].map(([id, count]) => [`${protocolName(id >> 8) ?? 'ip'} ${stateName(id >> 8, id & 0xff)}`, count]));
}

/** Cache bypass is listed as direct routing. */
function methodOf(state: number): ConnectionRecord['method'] {
  const name = at.METHOD_NAMES[(state & at.METHOD_MASK) >> at.METHOD_SHIFT] as (typeof at.METHOD_NAMES)[number];
  return name === 'bypass' ? 'route' : name;
}

function stateName(protocol: number, state: number): string {
  const names = (state & at.CONN_TEMPLATE) !== 0 ? TEMPLATE_STATE_NAMES : STATE_NAMES[protocol] ?? TEMPLATE_STATE_NAMES;
  return names[state & at.STATE_MASK] ?? 'NONE';
}
