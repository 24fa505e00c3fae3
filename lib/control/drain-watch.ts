/** Drained and disabled real servers that still have connections: told once when the last one has ended. */
import { destinationKey } from '../model/destination.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';
import type { ApiCaller } from './api/message.ts';

export interface Draining {
  /** As events name it. */
  readonly service: string;
  readonly id: ServiceId;
  readonly address: string;
  readonly port: number;
}

export class DrainWatch {
  readonly #waiting = new Map<string, Draining>();

  add(one: Draining): void {
    this.#waiting.set(keyOf(one), one);
  }

  remove(one: Draining): void {
    this.#waiting.delete(keyOf(one));
  }

  /** Those whose last connection and template have ended since the last look. */
  async look(api: ApiCaller): Promise<readonly Draining[]> {
    if (this.#waiting.size === 0) return [];
    const { services } = await api.call('list', {});
    const ended = [...this.#waiting.values()].filter(({ id, address, port }) => {
      const run = services.find(({ service }) => serviceKey(service.id) === serviceKey(id))?.destinations.find(({ destination }) => destination.address === address && destination.port === port)?.run;
      return run === undefined || run.activeConns + run.inactiveConns + run.persistentConns === 0;
    });
    for (const one of ended) this.remove(one);
    return ended;
  }
}

function keyOf({ id, address, port }: Draining): string {
  return `${serviceKey(id)} ${destinationKey(address, port)}`;
}
