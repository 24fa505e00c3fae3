/**
 * Locality-based least connections: packets to one destination address keep going to the destination that had it last, unless
 * that one is gone, quiesced or overfull; then the weighted least loaded one takes over (kernel: ip_vs_lblc.c). For caches.
 * The thresholds of -x do not matter to a destination that is remembered.
 */
import { AddressCache, PresentDestinations, isOverfull } from './address-cache.ts';
import type { CacheEntry } from './address-cache.ts';
import { leastLoadedPerWeight } from './least-loaded.ts';
import { connectionLoad, destinationLabel } from './load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

interface Locality<D> extends CacheEntry { destination: D }

export class LocalityLeastConnections<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'lblc';
  readonly #env: SchedulerEnvironment;
  readonly #cache = new AddressCache<Locality<D>>();
  readonly #present: PresentDestinations<D>;

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#present = new PresentDestinations(service);
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const { explain } = this.#env;
    const nowMs = this.#env.now();
    const entry = this.#cache.lookup(packet.destination);
    if (entry !== undefined) {
      entry.lastUseMs = nowMs;
      const remembered = this.#present.current(entry.destination);
      if (remembered !== undefined && remembered.weight > 0 && !isOverfull(remembered, service)) {
        explain?.(`${destinationLabel(remembered)} is remembered for this destination address`);
        return remembered;
      }
      explain?.(`${destinationLabel(entry.destination)} is remembered, but ${remembered === undefined ? 'gone' : remembered.weight <= 0 ? 'has weight 0' : 'overfull'}`);
    }
    const least = leastLoadedPerWeight(service.destinations, connectionLoad, explain);
    if (least === null) return null;
    if (entry === undefined) this.#cache.store(packet.destination, { destination: least, lastUseMs: nowMs });
    else entry.destination = least;
    return least;
  }

  checkpoint({ destination }: SchedulerPacket): () => void {
    return this.#cache.checkpoint(destination);
  }

  added(_service: SchedulerService<D>, destination: D): void {
    this.#present.add(destination);
  }

  removed(_service: SchedulerService<D>, destination: D): void {
    this.#present.remove(destination);
  }

  edited(): void {}

  expire(): void {
    this.#cache.sweep(this.#env.now(), this.#env.sysctl('lblc_expiration') * 1000);
  }
}
