/**
 * The backup's end of connection synchronisation (ip_vs_sync.c, ip_vs_proc_conn): a record makes a connection, or brings one that is there to the master's
 * state. The destination is looked for in the backup's own services; without one the connection still forwards by what the record says.
 */
import { IPPROTO, protocolName } from '../model/protocol.ts';
import { SCTP_STATE_NAMES, TCP_STATE_NAMES, UDP_STATE_NAMES } from '../model/conn-state.ts';
import { swap16 } from '../wire/address.ts';
import * as at from './connection-layout.ts';
import type { BindTarget } from './connection-binding.ts';
import type { CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { Flow } from './flow.ts';
import { engineKey } from './persistence.ts';
import { readSyncMessage, SYNC_FLAG, type SyncRecord } from './sync-message.ts';

/** Entries of version 0, which carries no timeouts, whose state has none of its own: templates. */
const DEFAULT_TIMEOUT_SEC = 180;
const STATE_COUNT: Readonly<Record<number, number>> = { [IPPROTO.tcp]: TCP_STATE_NAMES.length, [IPPROTO.udp]: UDP_STATE_NAMES.length, [IPPROTO.sctp]: SCTP_STATE_NAMES.length };

const flow = new Flow();

/** Take over what a master with this syncid (0: any) says. */
export function applySyncMessage(core: CoreContext, message: Uint8Array, syncId: number): void {
  for (const record of readSyncMessage(message, syncId)) applyRecord(core, record);
}

function applyRecord(core: CoreContext, record: SyncRecord): void {
  const template = (record.flags & SYNC_FLAG.template) !== 0;
  if (!template && (protocolName(record.protocol) === undefined || record.state >= STATE_COUNT[record.protocol]!)) return;
  const { connections } = core;
  fillFlow(record);
  let conn = findConnection(core, record, template);
  if (conn >= 0 && !template && leadsElsewhere(core, conn, record)) {
    // What ended was replaced here already.
    if ((record.flags & SYNC_FLAG.inactive) !== 0) return;
    connections.expireNow(conn, core.nowMs);
    conn = -1;
  }
  if (conn >= 0) {
    if (!template) setActive(core, conn, (record.flags & SYNC_FLAG.inactive) === 0);
    bindLate(core, conn, record);
  } else {
    conn = createConnection(core, record, template);
    if (conn < 0) return;
  }
  const base = conn * at.CONN_WORDS;
  const { words } = connections;
  words[base + at.PACKETS] = core.sysctl.sync_threshold;
  connections.setState(conn, (words[base + at.STATE]! & ~at.STATE_MASK) | record.state);
  core.sync.master?.remember(conn);
  const timeoutMs = record.timeoutSec > 0 ? record.timeoutSec * 1000 : stateTimeoutMs(core, record, template);
  connections.setTimeout(conn, timeoutMs >>> 0, core.nowMs);
}

function createConnection(core: CoreContext, record: SyncRecord, template: boolean): number {
  const destination = findDestination(core, record);
  const target: BindTarget = destination ?? unbound(record);
  const flags = at.CONN_SYNCED | (template ? at.CONN_TEMPLATE : 0) | ((record.flags & SYNC_FLAG.noClientPort) !== 0 ? at.CONN_NO_CLIENT_PORT : 0)
    | (template && record.pe !== null ? at.CONN_ENGINE : 0);
  const conn = core.connections.create(flow, target, swap16(record.destinationPort), flags, core.nowMs);
  if (conn < 0) return conn;
  if (template && record.pe !== null) core.connections.engineTemplates.bind(conn, { key: engineKey(flow, engineData(record)), engine: record.pe, data: engineData(record) });
  if (!template) core.observer?.adopted(conn);
  if (!template) setActive(core, conn, (record.flags & SYNC_FLAG.inactive) === 0);
  return conn;
}

/** A connection that had no destination gets one when its service has it now (ip_vs_try_bind_dest). */
function bindLate(core: CoreContext, conn: number, record: SyncRecord): void {
  const { connections } = core;
  if (connections.words[conn * at.CONN_WORDS + at.DESTINATION] !== -1) return;
  const destination = findDestination(core, record);
  if (destination === null) return;
  connections.end(conn);
  createConnection(core, record, (record.flags & SYNC_FLAG.template) !== 0);
}

/** ip_vs_find_dest: mark services have their servers under port 0 unless NAT names one. */
function findDestination(core: CoreContext, record: SyncRecord): DestinationEntry | null {
  const service = core.services.find(flow.family, record.fwmark, record.protocol, flow.v0, flow.v1, flow.v2, flow.v3, flow.virtualPort);
  if (service === null) return null;
  const raw = rawWords(record.destination);
  const first = record.fwmark !== 0 && (record.flags & SYNC_FLAG.methodMask) !== SYNC_FLAG.masq ? 0 : record.destinationPort;
  const holds = (d: DestinationEntry, port: number): boolean => d.port === port && d.family === record.family && d.raw.every((word, i) => word === raw[i]);
  return service.destinations.find((d) => holds(d, first)) ?? service.destinations.find((d) => holds(d, first ^ record.destinationPort)) ?? null;
}

/** Forwards by the record alone. */
function unbound(record: SyncRecord): BindTarget {
  const method = (['masq', 'local', 'tunnel', 'route'] as const)[record.flags & SYNC_FLAG.methodMask] ?? 'route';
  return { slot: -1, family: record.family, raw: rawWords(record.destination), method, bound: () => {} };
}

function findConnection(core: CoreContext, record: SyncRecord, template: boolean): number {
  const { connections } = core;
  if (template && record.pe !== null) return connections.engineTemplates.find(engineKey(flow, engineData(record)));
  const entry = connections.find(flow.family, flow.protocol, flow.c0, flow.c1, flow.c2, flow.c3, flow.v0, flow.v1, flow.v2, flow.v3,
    flow.clientPort | (flow.virtualPort << 16), template ? at.KEY_TEMPLATE : 0);
  return entry >= 0 && (entry & 1) === 0 ? entry >> 1 : -1;
}

function leadsElsewhere(core: CoreContext, conn: number, record: SyncRecord): boolean {
  const { words, cold } = core.connections;
  const raw = rawWords(record.destination);
  const address = conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
  return swap16((words[conn * at.CONN_WORDS + at.NEW_PORTS] as number) >>> 16) !== record.destinationPort || raw.some((word, i) => word !== cold[address + i]);
}

function setActive(core: CoreContext, conn: number, active: boolean): void {
  const { words } = core.connections;
  const base = conn * at.CONN_WORDS;
  const flags = words[base + at.STATE] as number;
  if (((flags & at.CONN_INACTIVE) === 0) === active) return;
  core.connections.setState(conn, flags ^ at.CONN_INACTIVE);
  core.services.destinations[words[base + at.DESTINATION] as number]?.moved(active);
  core.observer?.activity(conn, active);
}

function stateTimeoutMs(core: CoreContext, record: SyncRecord, template: boolean): number {
  if (template) return DEFAULT_TIMEOUT_SEC * 1000;
  if (record.protocol === IPPROTO.udp) return core.timeouts.udp;
  return (record.protocol === IPPROTO.tcp ? core.timeouts.tcp : core.timeouts.sctp)[record.state] as number;
}

function fillFlow(record: SyncRecord): void {
  flow.family = record.family;
  flow.protocol = record.protocol;
  flow.mark = record.fwmark;
  const client = rawWords(record.client);
  const virtual = rawWords(record.virtual);
  [flow.c0, flow.c1, flow.c2, flow.c3] = client as unknown as [number, number, number, number];
  [flow.v0, flow.v1, flow.v2, flow.v3] = virtual as unknown as [number, number, number, number];
  flow.clientPort = swap16(record.clientPort);
  flow.virtualPort = swap16(record.virtualPort);
  flow.quoted = false;
}

function rawWords(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(4);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function engineData(record: SyncRecord): string {
  return Buffer.from(record.peData ?? []).toString('latin1');
}
