/** Weighted random: each destination with the probability of its weight, whatever it is doing. The yardstick that load must be measured against. */
import { destinationLabel } from '../../schedulers/load.ts';
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';
import { WeightedList } from './weighted-list.ts';

export class WeightedRandom<D extends SchedulerDestination> extends WeightedList<D> {
  readonly name = 'random';

  schedule(service: SchedulerService<D>): D | null {
    this.refresh(service);
    const drawn = this.draw(service, null);
    if (drawn !== null) this.env.explain?.(`drew ${destinationLabel(drawn)} weight ${drawn.weight}`);
    return drawn;
  }
}
