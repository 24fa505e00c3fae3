/** The list by weight: draws a destination in proportion to its weight in O(log n), quiesced and overloaded ones never. */
import { IndexedList } from '../../schedulers/indexed-list.ts';
import { weightToCompete } from '../../schedulers/load.ts';
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';
import { SumTree } from '../../schedulers/sum-tree.ts';

export abstract class WeightedList<D extends SchedulerDestination> extends IndexedList<D> {
  readonly #weights = new SumTree();

  /** Null: nobody is available, or nobody but `except`. */
  protected draw({ destinations }: SchedulerService<D>, except: D | null): D | null {
    const weights = this.#weights;
    if (except !== null) weights.set(except.place, 0);
    const { total } = weights;
    const drawn = total === 0 ? null : destinations[weights.find(Math.floor(this.env.random() * total) + 1)] as D;
    if (except !== null) this.write(except.place, except);
    return drawn;
  }

  protected clear(count: number): void {
    this.#weights.clear(count);
  }

  protected write(place: number, destination: D): void {
    this.#weights.set(place, weightToCompete(destination));
  }
}
