/**
 * Shared shape of the schedulers that keep something about each destination, by its place in the list, and are told when connections change it. After
 * the list itself has changed all of it is written anew, once, when somebody is picked next.
 */
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

export abstract class IndexedList<D extends SchedulerDestination> implements Scheduler<D> {
  abstract readonly name: string;
  protected readonly env: SchedulerEnvironment;
  #stale = true;

  constructor(env: SchedulerEnvironment) {
    this.env = env;
  }

  abstract schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null;
  /** Forget everything; there are `count` places now. */
  protected abstract clear(count: number): void;
  /** What is kept of the destination at `place`. */
  protected abstract write(place: number, destination: D): void;

  added(_service: SchedulerService<D>, _destination: D): void {
    this.#stale = true;
  }

  removed(_service: SchedulerService<D>, destination: D, _position: number): void {
    destination.place = -1;
    this.#stale = true;
  }

  edited(_service: SchedulerService<D>, destination: D): void {
    this.loaded(destination);
  }

  loaded(destination: D): void {
    if (!this.#stale && destination.place >= 0) this.write(destination.place, destination);
  }

  expire(_service: SchedulerService<D>): void {}

  /** Call before anything that is kept is read. */
  protected refresh({ destinations }: SchedulerService<D>): void {
    if (!this.#stale) return;
    this.clear(destinations.length);
    for (let place = 0; place < destinations.length; place++) {
      const destination = destinations[place] as D;
      destination.place = place;
      this.write(place, destination);
    }
    this.#stale = false;
  }
}
