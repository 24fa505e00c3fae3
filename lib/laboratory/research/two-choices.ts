/**
 * The power of two choices (Azar, Broder, Karlin, Upfal 1994; Mitzenmacher 1996): two different destinations drawn by weight, the one with fewer active
 * connections per weight wins. Unlike the kernel's twos it draws two different ones, and asks what is active now rather than what was.
 */
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';
import { WeightedList } from './weighted-list.ts';

export class TwoChoices<D extends SchedulerDestination> extends WeightedList<D> {
  readonly name = 'p2c';

  schedule(service: SchedulerService<D>): D | null {
    this.refresh(service);
    const first = this.draw(service, null);
    const second = first === null ? null : this.draw(service, first);
    if (first === null || second === null) return first;
    return (second.activeConns + 1) * first.weight < (first.activeConns + 1) * second.weight ? second : first;
  }
}
