/** Weighted random: each destination with the probability of its weight, whatever it is doing. The yardstick that load must be measured against. */
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';
import { WeightedList } from './weighted-list.ts';

export class WeightedRandom<D extends SchedulerDestination> extends WeightedList<D> {
  readonly name = 'random';

  schedule(service: SchedulerService<D>): D | null {
    this.refresh(service);
    return this.draw(service, null);
  }
}
