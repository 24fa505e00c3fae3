/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): the ring, but a destination that has reached (1 + epsilon) times its fair part of
 * the active connections, this one included, is passed over for the next on the ring. Affinity while there is room, balance always.
 */
import { IndexedList } from '../../schedulers/indexed-list.ts';
import { destinationLabel, isAvailable } from '../../schedulers/load.ts';
import type { SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { flowHash } from './hash.ts';
import { HashRing } from './hash-ring.ts';

const EPSILON = 0.25;

export class BoundedLoadHashing<D extends SchedulerDestination> extends IndexedList<D> {
  readonly name = 'bounded';
  readonly #epsilon: number;
  #ring: HashRing<D> | null = null;
  /** Of available destinations, by place and in sum. */
  #active = new Float64Array(0);
  #weights = new Float64Array(0);
  #activeSum = 0;
  #weightSum = 0;

  constructor(env: SchedulerEnvironment, epsilon = EPSILON) {
    super(env);
    this.#epsilon = epsilon;
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    this.refresh(service);
    this.#ring ??= new HashRing(service);
    const perWeight = ((1 + this.#epsilon) * (this.#activeSum + 1)) / this.#weightSum;
    const owner = this.#ring.find(flowHash(service, packet), (destination) => isAvailable(destination) && destination.activeConns < Math.ceil(perWeight * destination.weight));
    if (owner !== null) this.env.explain?.(`${destinationLabel(owner)} is the first on the ring with fewer than ${Math.ceil(perWeight * owner.weight)} active connections`);
    return owner;
  }

  override edited(service: SchedulerService<D>, destination: D): void {
    super.edited(service, destination);
    this.#ring = null;
  }

  protected clear(count: number): void {
    this.#ring = null;
    this.#active = new Float64Array(count);
    this.#weights = new Float64Array(count);
    this.#activeSum = this.#weightSum = 0;
  }

  protected write(place: number, destination: D): void {
    const counts = isAvailable(destination);
    const active = counts ? destination.activeConns : 0, weight = counts ? destination.weight : 0;
    this.#activeSum += active - this.#active[place]!;
    this.#weightSum += weight - this.#weights[place]!;
    this.#active[place] = active;
    this.#weights[place] = weight;
  }
}
