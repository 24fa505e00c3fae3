/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): the ring, but a destination that has reached (1 + epsilon) times its fair part of
 * the active connections, this one included, is passed over for the next on the ring. Affinity while there is room, balance always.
 */
import type { SchedulerDestination, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { flowHash } from './hash.ts';
import { RingHashing } from './hash-ring.ts';

const EPSILON = 0.25;

export class BoundedLoadHashing<D extends SchedulerDestination> extends RingHashing<D> {
  override readonly name = 'bounded';
  readonly #epsilon: number;

  constructor(epsilon = EPSILON) {
    super();
    this.#epsilon = epsilon;
  }

  override schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    let connections = 1, weights = 0;
    for (const { activeConns, weight, overloaded } of service.destinations) {
      if (weight === 0 || overloaded) continue;
      connections += activeConns;
      weights += weight;
    }
    const perWeight = ((1 + this.#epsilon) * connections) / weights;
    return this.ring(service).find(flowHash(service, packet), ({ activeConns, weight, overloaded }) => weight > 0 && !overloaded && activeConns < Math.ceil(perWeight * weight));
  }
}
