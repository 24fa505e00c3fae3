/**
 * A hash ring (Karger et al. 1997) as ketama builds it: every destination owns points on a circle in number as its weight, 160 for one of average weight;
 * a client belongs to the next point. Built when first needed after a change.
 */
import { destinationLabel, isAvailable } from '../../schedulers/load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { destinationHash, flowHash } from './hash.ts';

export const POINTS_PER_DESTINATION = 160;

export class HashRing<D extends SchedulerDestination> {
  /** Sorted hashes of the points, and whose each is. */
  #points = new Float64Array(0);
  #owners: D[] = [];

  constructor(service: SchedulerService<D>) {
    // Those that are quiesced own nothing and change nobody else's points.
    const destinations = service.destinations.filter(({ weight }) => weight > 0);
    let total = 0;
    for (const { weight } of destinations) total += weight;
    const points: { readonly hash: number; readonly owner: D }[] = [];
    for (const owner of destinations) {
      const count = Math.max(1, Math.floor((POINTS_PER_DESTINATION * destinations.length * owner.weight) / total));
      for (let n = 1; n <= count; n++) points.push({ hash: destinationHash(owner, n), owner });
    }
    // Equal points: by address, not by place in the list, so that directors agree.
    points.sort((a, b) => a.hash - b.hash || a.owner.words[3]! - b.owner.words[3]!);
    this.#points = Float64Array.from(points, ({ hash }) => hash);
    this.#owners = points.map(({ owner }) => owner);
  }

  /** The first owner from the hash on that is good. */
  find(hash: number, good: (destination: D) => boolean): D | null {
    const { length } = this.#points;
    let low = 0, high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#points[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    for (let step = 0; step < length; step++) {
      const owner = this.#owners[(low + step) % length] as D;
      if (good(owner)) return owner;
    }
    return null;
  }
}

export class RingHashing<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'ring';
  readonly #env: SchedulerEnvironment;
  #ring: HashRing<D> | null = null;

  constructor(env: SchedulerEnvironment) {
    this.#env = env;
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    this.#ring ??= new HashRing(service);
    const hash = flowHash(service, packet);
    const owner = this.#ring.find(hash, isAvailable);
    if (owner !== null) this.#env.explain?.(`${destinationLabel(owner)} has the next point on the ring from ${hash} on`);
    return owner;
  }

  added(): void { this.#ring = null; }
  removed(): void { this.#ring = null; }
  edited(): void { this.#ring = null; }
  loaded(): void {}
  expire(): void {}
}
