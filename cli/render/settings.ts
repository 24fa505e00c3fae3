/** The short listings: -L --timeout and -L --daemon. */
import type { SyncDaemon } from '../../lib/model/control-command.ts';
import type { Timeouts } from '../../lib/model/table-edit.ts';

export function timeoutsText({ tcp, tcpFin, udp }: Timeouts): string {
  return `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}\n`;
}

export function daemonsText(daemons: readonly SyncDaemon[]): string {
  return daemons.map(({ role, interface: device, syncId, maxLength, group, port, ttl }) =>
    `${role} sync daemon (mcast=${device}, syncid=${syncId}, maxlen=${maxLength}, group=${group}, port=${port}, ttl=${ttl})\n`).join('');
}
