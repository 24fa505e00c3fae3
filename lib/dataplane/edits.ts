/** Applies the control plane's edits, in order, with the kernel's consequences for connections that exist. Edits come validated and never throw. */
import type { TableEdit } from '../model/table-edit.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import { TOTAL } from './core-context.ts';

export function applyEdit(core: CoreContext, edit: TableEdit): void {
  const { services } = core;
  switch (edit.op) {
    case 'addService':
      return services.addService(edit.service);
    case 'editService':
      return services.editService(edit.service);
    case 'deleteService':
      services.deleteService(edit.id);
      return endOrphans(core);
    case 'addDestination':
      return services.addDestination(edit.id, edit.destination);
    case 'editDestination':
      return services.editDestination(edit.id, edit.destination);
    case 'deleteDestination':
      services.deleteDestination(edit.id, edit.address, edit.port);
      return endOrphans(core);
    case 'endConnections': {
      const destination = services.get(edit.id)?.destinations.find((each) => each.address === edit.address && each.port === edit.port);
      return destination === undefined ? undefined : endWhere(core, (slot) => slot === destination.slot);
    }
    case 'flush':
      for (const { id } of [...services.byKey.values()]) services.deleteService(id);
      return endOrphans(core);
    case 'zero':
      return zero(core, edit);
    case 'timeouts':
      return core.timeouts.set(edit.timeouts);
    case 'sysctl':
      core.sysctl[edit.name] = edit.value;
      return core.defence.update(core.connections);
    case 'marks':
      return core.marks.setRules(edit.rules);
    case 'network':
      core.marks.setInterfaces(edit.state);
      return core.network.apply(edit.state);
    case 'neighbour':
      return core.network.setNeighbour(edit.neighbour);
    case 'daemons':
      core.backupDaemon = edit.backup !== null;
      core.sync.configure(core, edit.master, edit.backup);
  }
}

/** -Z: the service with its destinations, or everything. */
function zero(core: CoreContext, edit: TableEdit & { op: 'zero' }): void {
  const { services, counters } = core;
  core.forwarders?.collect();
  if (edit.id === null) counters.zero(TOTAL);
  for (const service of services.byKey.values()) {
    if (edit.id !== null && service !== services.get(edit.id)) continue;
    counters.zero(service.counters);
    for (const destination of service.destinations) counters.zero(destination.counters);
  }
}

/** With expire_nodest_conn, connections of removed destinations end at once (ip_vs_expire_nodest_conn_flush). */
function endOrphans(core: CoreContext): void {
  if (core.sysctl.expire_nodest_conn === 0) return;
  const { destinations } = core.services;
  endWhere(core, (slot) => destinations[slot]?.available !== true);
}

/** Connections whose destination's slot is one of these, and then the templates that only they held. */
function endWhere(core: CoreContext, ends: (slot: number) => boolean): void {
  const { connections } = core;
  for (let conn = 0; conn < connections.highest; conn++) {
    if (!connections.inUse(conn) || connections.childrenOf(conn) > 0) continue;
    const slot = connections.words[conn * at.CONN_WORDS + at.DESTINATION] as number;
    if (slot < 0 || !ends(slot)) continue;
    const control = connections.controlOf(conn);
    connections.end(conn);
    if (control >= 0 && connections.inUse(control) && connections.childrenOf(control) === 0) connections.end(control);
  }
}
