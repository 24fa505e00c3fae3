/**
 * Round robin: the destinations in turn, newest first, weights ignored except that 0 means no (kernel: ip_vs_rr.c).
 * The cursor is the position of the last pick, -1 for the list's head. It stays on its destination when the list changes and
 * steps back when that destination goes.
 */
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerService } from './scheduler.ts';

export class RoundRobin<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'rr';
  readonly #env: SchedulerEnvironment;
  #cursor = -1;

  constructor(env: SchedulerEnvironment) {
    this.#env = env;
  }

  schedule(service: SchedulerService<D>): D | null {
    const { destinations } = service;
    const { explain } = this.#env;
    for (let step = 1; step <= destinations.length; step++) {
      // From the head (-1) one round is positions 0..n-1; from a destination it ends on that destination.
      const position = (this.#cursor + step) % destinations.length;
      const destination = destinations[position] as D;
      if (isAvailable(destination)) {
        explain?.(`${destinationLabel(destination)} is next in turn`);
        this.#cursor = position;
        return destination;
      }
      explain?.(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination)}`);
    }
    return null;
  }

  checkpoint(): () => void {
    const cursor = this.#cursor;
    return () => { this.#cursor = cursor; };
  }

  added(): void {
    if (this.#cursor >= 0) this.#cursor++;
  }

  removed(_service: SchedulerService<D>, _destination: D, position: number): void {
    if (position <= this.#cursor) this.#cursor--;
  }

  edited(): void {}
  expire(): void {}
}
