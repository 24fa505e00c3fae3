/**
 * The power of two choices (Azar, Broder, Karlin, Upfal 1994; Mitzenmacher 1996): two different destinations drawn by weight, the one with fewer active
 * connections per weight wins. Unlike the kernel's twos it draws two different ones, and asks what is active now rather than what was.
 */
import { destinationLabel } from '../../schedulers/load.ts';
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';
import { WeightedList } from './weighted-list.ts';

export class TwoChoices<D extends SchedulerDestination> extends WeightedList<D> {
  readonly name = 'p2c';

  schedule(service: SchedulerService<D>): D | null {
    this.refresh(service);
    const first = this.draw(service, null);
    const second = first === null ? null : this.draw(service, first);
    if (first === null || second === null) {
      if (first !== null) this.env.explain?.(`${destinationLabel(first)} is the only one`);
      return first;
    }
    const winner = (second.activeConns + 1) * first.weight < (first.activeConns + 1) * second.weight ? second : first;
    this.env.explain?.(`drew ${[first, second].map((drawn) => `${destinationLabel(drawn)} active ${drawn.activeConns} weight ${drawn.weight}`).join(', and ')}`);
    this.env.explain?.(`${destinationLabel(winner)} has fewer active connections per weight`);
    return winner;
  }
}
