/** Weighted fail-over: the available destination of the greatest weight, always (kernel: ip_vs_fo.c). */
import { ListWalk } from './list-walk.ts';
import { destinationLabel, unavailableBecause } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class WeightedFailOver<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'fo';

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    let most: D | null = null;
    for (const destination of service.destinations) {
      const passedOver = unavailableBecause(destination);
      explain?.(`${destinationLabel(destination)} ${passedOver ? `passed over: ${passedOver}` : `weight ${destination.weight}`}`);
      if (passedOver === '' && destination.weight > (most?.weight ?? 0)) most = destination;
    }
    if (explain !== null && most !== null) explain(`${destinationLabel(most)} has the greatest weight: ${most.weight}`);
    return most;
  }
}
