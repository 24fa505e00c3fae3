/** From a desired configuration and what runs to the fewest commands between them. A decision only: somebody else runs the commands. */
import type { ControlCommand, SyncDaemon } from '../model/control-command.ts';
import type { DesiredConfiguration } from '../model/desired-configuration.ts';
import type { Timeouts } from '../model/table-edit.ts';
import { serviceKey } from '../model/virtual-service.ts';
import { desiredTable, type Moment } from './desired-table.ts';
import { reconcile, type ConfiguredService } from './reconcile.ts';

export interface Running {
  /** Destinations newest first. */
  readonly services: readonly ConfiguredService[];
  readonly timeouts: Timeouts;
  readonly daemons?: readonly SyncDaemon[];
}

export interface PlanOptions {
  readonly moment: Moment;
  /** Services that the configuration does not have stay. */
  readonly keepOthers: boolean;
}

export function plan(running: Running, desired: DesiredConfiguration, { moment, keepOthers }: PlanOptions): ControlCommand[] {
  const table = desiredTable(desired, moment);
  const wanted = new Set(table.map(({ service }) => serviceKey(service.id)));
  const current = keepOthers ? running.services.filter(({ service }) => wanted.has(serviceKey(service.id))) : running.services;
  return [...reconcile(current, table), ...timeoutCommands(running.timeouts, desired.globals.timeouts), ...syncCommands(running.daemons ?? [], desired.globals.syncDaemon)];
}

/** 0 leaves a time as it is. */
export function timeoutCommands(running: Timeouts, wanted: DesiredConfiguration['globals']['timeouts']): ControlCommand[] {
  const differs = (['tcp', 'tcpFin', 'udp'] as const).some((field) => wanted[field] !== 0 && wanted[field] !== running[field]);
  return differs ? [{ op: 'timeouts', timeouts: wanted }] : [];
}

/**
 * Both roles, as keepalived without a VRRP instance starts them; a role that runs already is left as it is unless its interface or id differ. A
 * configuration that says nothing of synchronisation leaves it alone.
 */
export function syncCommands(running: readonly SyncDaemon[], wanted: DesiredConfiguration['globals']['syncDaemon']): ControlCommand[] {
  if (wanted === null) return [];
  return (['master', 'backup'] as const).flatMap((role): ControlCommand[] => {
    const present = running.find((daemon) => daemon.role === role);
    if (present?.interface === wanted.interface && present.syncId === wanted.syncId) return [];
    return [...(present === undefined ? [] : [{ op: 'stopDaemon', role } as const]), { op: 'startDaemon', daemon: { role, ...wanted } }];
  });
}
