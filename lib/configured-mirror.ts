/**
 * What the data plane is configured with, followed from the edits that go to it: which destinations must be kept resolved, and whether a
 * connection still belongs to anything.
 */
import { destinationKey } from './model/destination.ts';
import { protocolName } from './model/protocol.ts';
import type { ConnectionRecord } from './model/stats.ts';
import type { TableEdit } from './model/table-edit.ts';
import { serviceKey, type ServiceId } from './model/virtual-service.ts';

interface Mirrored {
  readonly id: ServiceId;
  /** destinationKey -> address. */
  readonly destinations: Map<string, string>;
}

/** What an edit did to the set of services and destinations. */
export type MirrorChange = 'none' | 'added' | 'removed';

export class ConfiguredMirror {
  readonly #services = new Map<string, Mirrored>();

  get isEmpty(): boolean {
    return this.#services.size === 0;
  }

  apply(edit: TableEdit): MirrorChange {
    switch (edit.op) {
      case 'addService':
        this.#services.set(serviceKey(edit.service.id), { id: edit.service.id, destinations: new Map() });
        return 'added';
      case 'deleteService':
        return this.#services.delete(serviceKey(edit.id)) ? 'removed' : 'none';
      case 'addDestination': {
        const { address, port } = edit.destination;
        this.#services.get(serviceKey(edit.id))?.destinations.set(destinationKey(address, port), address);
        return 'added';
      }
      case 'deleteDestination':
        return this.#services.get(serviceKey(edit.id))?.destinations.delete(destinationKey(edit.address, edit.port)) ? 'removed' : 'none';
      case 'flush':
        this.#services.clear();
        return 'removed';
      default:
        return 'none';
    }
  }

  /** Addresses of all destinations, each once. */
  destinationAddresses(): readonly string[] {
    return [...new Set([...this.#services.values()].flatMap(({ destinations }) => [...destinations.values()]))];
  }

  /** Whether a service and a destination like the connection's are still there. Of a mark service the connection does not tell the mark. */
  covers({ protocol, virtual, virtualPort, destination, destinationPort, family }: ConnectionRecord): boolean {
    const name = protocolName(protocol);
    const key = destinationKey(destination, destinationPort);
    const anyPort = destinationKey(destination, 0);
    for (const { id, destinations } of this.#services.values()) {
      const isItsService = id.kind === 'fwmark' ? id.family === family : id.protocol === name && id.address === virtual && (id.port === virtualPort || id.port === 0);
      if (isItsService && (destinations.has(key) || destinations.has(anyPort))) return true;
    }
    return false;
  }
}
