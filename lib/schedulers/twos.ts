/**
 * The power of two random choices: two destinations drawn by weight, the less loaded one wins (kernel: ip_vs_twos.c). The draws
 * run from 0 to the sum of the weights, both included, as the kernel's do.
 */
import { IndexedList } from './indexed-list.ts';
import { connectionLoad, destinationLabel, productExceeds, weightToCompete } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';
import { SumTree } from './sum-tree.ts';

export class PowerOfTwo<D extends SchedulerDestination> extends IndexedList<D> {
  readonly name = 'twos';
  readonly #weights = new SumTree();

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    this.refresh(service);
    if (this.#weights.total === 0) return null;
    const first = this.#drawn(service);
    const second = this.#drawn(service);
    const load1 = connectionLoad(first);
    const load2 = connectionLoad(second);
    const winner = productExceeds(second.weight, load1, first.weight, load2) ? second : first;
    explain?.(`drew ${destinationLabel(first)} load ${load1} weight ${first.weight}, and ${destinationLabel(second)} load ${load2} weight ${second.weight}`);
    explain?.(`${destinationLabel(winner)} has the lesser load per weight`);
    return winner;
  }

  protected clear(count: number): void {
    this.#weights.clear(count);
  }

  protected write(place: number, destination: D): void {
    this.#weights.set(place, weightToCompete(destination));
  }

  /** In whose share of the summed weights the number falls; 0 falls in the first one's. */
  #drawn({ destinations }: SchedulerService<D>): D {
    const number = Math.floor(this.env.random() * (this.#weights.total + 1));
    return destinations[this.#weights.find(Math.max(number, 1))] as D;
  }
}
