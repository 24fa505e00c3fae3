/** A rules file (ipvsadm -S form) as a desired configuration: services without checks. Edits and deletions in it are done as they come. */
import type { ControlCommand } from '../../model/control-command.ts';
import { destinationKey, type Destination } from '../../model/destination.ts';
import { NO_GLOBALS, PLAIN_POLICY, type DesiredConfiguration, type DesiredDestination } from '../../model/desired-configuration.ts';
import { LvsError } from '../../model/errors.ts';
import { serviceKey, type ServiceId, type VirtualService } from '../../model/virtual-service.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics } from '../diagnostics.ts';
import { idText } from '../native/read-native.ts';
import { parseNumberedRules } from '../rules.ts';
import type { NameResolver } from './name-resolver.ts';

interface Ruled { service: VirtualService; readonly destinations: Map<string, Destination> }

export async function readRulesConfiguration(path: string, host: ConfigHost): Promise<DesiredConfiguration> {
  const diagnostics = new Diagnostics();
  const table = new Map<string, Ruled>();
  let timeouts = NO_GLOBALS.timeouts;
  try {
    for (const { line, command } of await parseNumberedRules(host.readFile(path) ?? '', resolver(host))) {
      if (command.op === 'timeouts') timeouts = { tcp: command.timeouts.tcp, tcpFin: command.timeouts.tcpFin, udp: command.timeouts.udp };
      else {
        const complaint = apply(command, table);
        if (complaint !== null) diagnostics.error({ file: path, line }, complaint, 'the file is refused');
      }
    }
  } catch (error) {
    if (!(error instanceof LvsError)) throw error;
    const [, line = '0', message = error.message] = /^rules line (\d+): (.*)$/s.exec(error.message) ?? [];
    diagnostics.error({ file: path, line: Number(line) }, message, 'the file is refused');
  }
  const services = [...table.values()].map(({ service, destinations }) => ({
    ids: [service.id], service, name: idText(service.id), policy: PLAIN_POLICY,
    destinations: [...destinations.values()].map((destination): DesiredDestination => ({
      destination, checks: [], inhibitOnFailure: false, notifyUp: null, notifyDown: null, slowStart: false, loadMonitor: null, disabled: false, smtpAlert: false, startsUp: true,
    })),
  }));
  return { format: 'ipvsadm', files: [path], services, globals: { ...NO_GLOBALS, timeouts }, diagnostics: diagnostics.list, kept: [] };
}

/** What is wrong, or null. */
function apply(command: ControlCommand, table: Map<string, Ruled>): string | null {
  const ruled = (id: ServiceId): Ruled | undefined => table.get(serviceKey(id));
  switch (command.op) {
    case 'addService':
      if (ruled(command.service.id) !== undefined) return `service ${idText(command.service.id)} stands there already`;
      table.set(serviceKey(command.service.id), { service: command.service, destinations: new Map() });
      return null;
    case 'editService': {
      const found = ruled(command.service.id);
      if (found !== undefined) found.service = command.service;
      return found === undefined ? `no service ${idText(command.service.id)}` : null;
    }
    case 'deleteService': return table.delete(serviceKey(command.id)) ? null : `no service ${idText(command.id)}`;
    case 'addDestination':
    case 'editDestination': {
      const found = ruled(command.id);
      if (found === undefined) return `no service ${idText(command.id)}`;
      const key = destinationKey(command.destination.address, command.destination.port);
      if (found.destinations.has(key) !== (command.op === 'editDestination')) return command.op === 'addDestination' ? `destination ${key} stands there already` : `no destination ${key}`;
      found.destinations.set(key, command.destination);
      return null;
    }
    case 'deleteDestination': return ruled(command.id)?.destinations.delete(destinationKey(command.address, command.port)) === true ? null : `no destination ${command.address}:${command.port}`;
    case 'flush':
      table.clear();
      return null;
    default: return null;
  }
}

function resolver(host: ConfigHost): NameResolver {
  return {
    addressOf: async (name) => host.addressOf(name, 4), hostOf: async () => null, serviceOf: () => null,
    portOf: (service, protocol) => host.portOf(service, protocol === 'udp' ? 'udp' : 'tcp'),
  };
}
