/**
 * Round robin: the destinations in turn, newest first, weights ignored except that 0 means no (kernel: ip_vs_rr.c).
 * The cursor is the position of the last pick, -1 for the list's head. It stays on its destination when the list changes and
 * steps back when that destination goes.
 */
import { IndexedList } from './indexed-list.ts';
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { ReachTree } from './reach-tree.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class RoundRobin<D extends SchedulerDestination> extends IndexedList<D> {
  readonly name = 'rr';
  /** 1 for who is available. */
  readonly #available = new ReachTree();
  #cursor = -1;

  schedule(service: SchedulerService<D>): D | null {
    const { destinations } = service;
    const { explain } = this.env;
    // Slow path: somebody looks.
    if (explain !== null) return this.#explained(destinations, explain);
    this.refresh(service);
    let position = this.#available.next(this.#cursor + 1, 1);
    if (position < 0) position = this.#available.next(0, 1);
    if (position < 0) return null;
    this.#cursor = position;
    return destinations[position] as D;
  }

  checkpoint(): () => void {
    const cursor = this.#cursor;
    return () => { this.#cursor = cursor; };
  }

  override added(service: SchedulerService<D>, destination: D): void {
    super.added(service, destination);
    if (this.#cursor >= 0) this.#cursor++;
  }

  override removed(service: SchedulerService<D>, destination: D, position: number): void {
    super.removed(service, destination, position);
    if (position <= this.#cursor) this.#cursor--;
  }

  protected clear(count: number): void {
    this.#available.clear(count);
  }

  protected write(place: number, destination: D): void {
    this.#available.set(place, isAvailable(destination) ? 1 : 0);
  }

  /** The same pick, told in lines. */
  #explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    for (let step = 1; step <= destinations.length; step++) {
      // From the head (-1) one round is positions 0..n-1; from a destination it ends on that destination.
      const position = (this.#cursor + step) % destinations.length;
      const destination = destinations[position] as D;
      if (isAvailable(destination)) {
        const last = destinations[this.#cursor];
        explain(`${destinationLabel(destination)} is next in turn, ${last === undefined ? 'from the head of the list' : `after ${destinationLabel(last)}`}`);
        this.#cursor = position;
        return destination;
      }
      explain(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination)}`);
    }
    return null;
  }
}
