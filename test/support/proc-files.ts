/**
 * The kernel's /proc/net/ip_vs* files rendered from what the control plane knows, as ip_vs_ctl.c and ip_vs_conn.c print them. tsipvs itself has no
 * such files; the golden cases read them, which checks the same numbers by a second way.
 */
import type { ListedService } from '../../lib/control/api/message.ts';
import type { ForwardingMethod } from '../../lib/model/destination.ts';
import { protocolName } from '../../lib/model/protocol.ts';
import { type ConnectionRecord, type Stats } from '../../lib/model/stats.ts';
import { serviceFamily } from '../../lib/model/virtual-service.ts';
import { addressBytes } from './frame-view.ts';

const JIFFIES_PER_SECOND = 250;
const METHOD_NAMES: Readonly<Record<ForwardingMethod, string>> = { masq: 'Masq', route: 'Route', tunnel: 'Tunnel', local: 'Local' };

/** /proc/net/ip_vs (ip_vs_info_seq_show). */
export function procIpVs(services: readonly ListedService[], connTabSize: number): string {
  const lines = [`IP Virtual Server version 1.2.1 (size=${connTabSize})`, 'Prot LocalAddress:Port Scheduler Flags', '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn'];
  for (const { service, destinations } of services) {
    const { id } = service;
    const ops = service.onePacket ? 'ops ' : '';
    const what = id.kind === 'fwmark' ? `FWM  ${hex(id.fwmark, 8)} ${service.scheduler} ${ops}`
      : serviceFamily(id) === 6 ? `${id.protocol.toUpperCase()}  ${addressHex(id.address)}:${hex(id.port, 4)} ${service.scheduler} `
      : `${id.protocol.toUpperCase()}  ${addressHex(id.address)}:${hex(id.port, 4)} ${service.scheduler} ${ops} `;
    lines.push(what + (service.persistenceSec ? `persistent ${service.persistenceSec * JIFFIES_PER_SECOND} ${maskHex(service.persistenceMask)}` : ''));
    for (const { destination, run } of destinations) {
      lines.push(`  -> ${addressHex(destination.address)}:${hex(destination.port, 4)}      ${METHOD_NAMES[destination.method].padEnd(7)} ${String(destination.weight).padEnd(6)} ${
        String(run.activeConns).padEnd(10)} ${String(run.inactiveConns).padEnd(10)}`);
    }
  }
  return lines.map((l) => `${l}\n`).join('');
}

/** /proc/net/ip_vs_conn (ip_vs_conn_seq_show). */
export function procConnections(records: readonly ConnectionRecord[]): string {
  const rows = records.map((r) => `${connectionColumns(r)} ${String(r.expiresSec).padStart(7)}${r.pe === null ? '' : ` ${r.pe} ${r.peData ?? ''}`}\n`);
  return ['Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n', ...rows].join('');
}

/** /proc/net/ip_vs_conn_sync (ip_vs_conn_sync_seq_show); entries made here are LOCAL, received ones SYNC. */
export function procConnectionsSync(records: readonly ConnectionRecord[]): string {
  const rows = records.map((r) => `${connectionColumns(r)} ${(r.synced ? 'SYNC' : 'LOCAL').padEnd(6)} ${String(r.expiresSec).padStart(7)}\n`);
  return ['Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n', ...rows].join('');
}

/** /proc/net/ip_vs_stats (ip_vs_stats_show). */
export function procStats(total: Stats): string {
  const row = (values: readonly number[]): string => values.map((v, i) => hex(v, 0).padStart(i < 3 ? 8 : 16)).join(' ');
  return ['   Total Incoming Outgoing         Incoming         Outgoing', '   Conns  Packets  Packets            Bytes            Bytes',
    row([total.conns, total.inPkts, total.outPkts, total.inBytes, total.outBytes]), '', ' Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s',
    row([total.cps, total.inPps, total.outPps, total.inBps, total.outBps])].map((l) => `${l}\n`).join('');
}

/** Application helpers: ours looks after FTP without being loaded, so what the recording loaded decides whether it is listed. */
export function procApps(connections: readonly ConnectionRecord[], modules: ReadonlySet<string>): string {
  const controls = connections.filter((r) => r.protocol === 6 && r.virtualPort === 21 && r.method === 'masq' && !r.template).length;
  return `prot port    usecnt name\n${modules.has('ip_vs_ftp') ? `TCP  21      ${String(controls).padEnd(6)} ${'ftp'.padEnd(17)}\n` : ''}`;
}

function connectionColumns(r: ConnectionRecord): string {
  const protocol = (r.protocol === 0 ? 'IP' : protocolName(r.protocol)?.toUpperCase() ?? String(r.protocol)).padEnd(3);
  return `${protocol} ${connAddress(r.client)} ${hex(r.clientPort, 4)} ${connAddress(r.virtual)} ${hex(r.virtualPort, 4)} ${connAddress(r.destination)} ${hex(r.destinationPort, 4)} ${r.state.padEnd(11)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}

/** IPv6 without brackets, as %pI6 prints it. */
function connAddress(text: string): string {
  return addressHex(text).replace(/[[\]]/g, '');
}

function addressHex(text: string): string {
  const bytes = addressBytes(text);
  return bytes.length === 4 ? bytes.toString('hex').toUpperCase() : `[${bytes.toString('hex').replace(/(....)(?!$)/g, '$1:')}]`;
}

/** IPv4: the mask. IPv6: the prefix length as a host-order word printed swapped. */
function maskHex(mask: string): string {
  if (mask.includes('.')) return addressBytes(mask).toString('hex').toUpperCase();
  const word = Buffer.alloc(4);
  word.writeUInt32LE(Number(mask));
  return word.toString('hex').toUpperCase();
}
