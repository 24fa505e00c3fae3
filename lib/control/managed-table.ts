/**
 * Managed services and the table's entries: one service may have several (a group's addresses), and one entry several services (a file that
 * names it twice; what comes first counts). Says what an entry shall hold, and which commands bring it there.
 */
import type { ManagedService } from '../health/managed-service.ts';
import type { ControlCommand } from '../model/control-command.ts';
import { destinationFor } from '../model/desired-configuration.ts';
import { destinationKey, type Destination } from '../model/destination.ts';
import { serviceKey } from '../model/virtual-service.ts';
import { serviceOf } from './desired-table.ts';
import { reconcile, type ConfiguredService } from './reconcile.ts';
import type { ServiceTable } from './service-table.ts';

export type TableView = Pick<ServiceTable, 'services' | 'service'>;

export class ManagedTable {
  /** serviceKey -> the services that have it. */
  readonly #byKey = new Map<string, ManagedService[]>();

  constructor(services: readonly ManagedService[]) {
    for (const service of services) {
      for (const id of service.desired.ids) {
        const key = serviceKey(id);
        const sharing = this.#byKey.get(key);
        if (sharing === undefined) this.#byKey.set(key, [service]);
        else if (!sharing.includes(service)) sharing.push(service);
      }
    }
  }

  get keys(): readonly string[] {
    return [...this.#byKey.keys()];
  }

  sharing(key: string): readonly ManagedService[] {
    return this.#byKey.get(key) ?? [];
  }

  /** From the table as it is, once these are managed instead of `before`; entries of neither stay as they are. Null: no entry but these stays. */
  changesFrom(before: ManagedTable | null, table: TableView): ControlCommand[] {
    const concerned = before === null ? null : new Set([...before.keys, ...this.keys]);
    return reconcile(table.services().filter(({ service }) => concerned === null || concerned.has(serviceKey(service.id))), this.keys.map((key) => this.#wanted(key)));
  }

  /** What one service's entries lack. */
  difference({ desired }: ManagedService, table: TableView): ControlCommand[] {
    return reconcile(desired.ids.flatMap((id) => table.service(id) ?? []), desired.ids.map(serviceKey).filter((key) => this.#byKey.has(key)).map((key) => this.#wanted(key)));
  }

  #wanted(key: string): ConfiguredService {
    const sharing = this.#byKey.get(key)!;
    const first = sharing[0]!.desired;
    const id = first.ids.find((one) => serviceKey(one) === key)!;
    const destinations = new Map<string, Destination>();
    for (const service of sharing) {
      for (const destination of service.decide().wanted.toReversed()) {
        const own = destinationFor(id, destination);
        const place = destinationKey(own.address, own.port);
        if (!destinations.has(place)) destinations.set(place, own);
      }
    }
    return { service: serviceOf(first.service, id), destinations: [...destinations.values()].toReversed() };
  }
}

/** A repair, in words. */
export function describeCommand(command: ControlCommand): string {
  switch (command.op) {
    case 'addService': return 'service put back';
    case 'editService': return 'service options restored';
    case 'addDestination': return `${destinationKey(command.destination.address, command.destination.port)} put back`;
    case 'editDestination': return `${destinationKey(command.destination.address, command.destination.port)} restored to weight ${command.destination.weight}`;
    case 'deleteDestination': return `${destinationKey(command.address, command.port)} removed`;
    default: return command.op;
  }
}
