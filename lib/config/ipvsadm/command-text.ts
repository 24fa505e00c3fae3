/** Commands as one would type them to ipvsadm, in numbers. */
import type { ControlCommand, SyncDaemon } from '../../model/control-command.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import { numericPlace } from '../rules.ts';
import { destinationRule, serviceOption, serviceRule } from './save-form.ts';

/** Null for commands that ipvsadm has no words for. */
export function commandText(command: ControlCommand): string | null {
  switch (command.op) {
    case 'addService': return serviceRule(command.service, option(command.service.id));
    case 'editService': return serviceRule(command.service, option(command.service.id)).replace(/^-A/, '-E');
    case 'deleteService': return `-D ${option(command.id)}`;
    case 'addDestination':
    case 'editDestination': {
      const { upperThreshold, lowerThreshold, address, port } = command.destination;
      const rule = destinationRule(option(command.id), command.destination, numericPlace(address, port)).replace(/^-a/, command.op === 'addDestination' ? '-a' : '-e');
      return `${rule}${upperThreshold > 0 ? ` -x ${upperThreshold}` : ''}${lowerThreshold > 0 ? ` -y ${lowerThreshold}` : ''}`;
    }
    case 'deleteDestination': return `-d ${option(command.id)} -r ${numericPlace(command.address, command.port)}`;
    case 'flush': return '-C';
    case 'timeouts': return `--set ${command.timeouts.tcp} ${command.timeouts.tcpFin} ${command.timeouts.udp}`;
    case 'startDaemon': return daemonText(command.daemon);
    case 'stopDaemon': return `--stop-daemon ${command.role}`;
    case 'zero': return `-Z${command.id === null ? '' : ` ${option(command.id)}`}`;
    default: return null;
  }
}

function daemonText({ role, interface: name, syncId, maxLength, group, port, ttl }: SyncDaemon): string {
  const options = [[maxLength, `--sync-maxlen ${maxLength}`], [group, `--mcast-group ${group}`], [port, `--mcast-port ${port}`], [ttl, `--mcast-ttl ${ttl}`]] as const;
  return [`--start-daemon ${role} --mcast-interface ${name} --syncid ${syncId}`, ...options.flatMap(([given, text]) => (given ? [text] : []))].join(' ');
}

function option(id: ServiceId): string {
  return serviceOption(id, id.kind === 'fwmark' ? String(id.fwmark) : numericPlace(id.address, id.port));
}
