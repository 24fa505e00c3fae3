/** Never queue: the first idle destination, else the shortest expected delay (kernel: ip_vs_nq.c). */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { ListWalk } from './list-walk.ts';
import { destinationLabel, isAvailable } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';
import { expectedDelay } from './sed.ts';

export class NeverQueue<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'nq';

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    for (const destination of service.destinations) {
      if (isAvailable(destination) && destination.activeConns === 0) {
        explain?.(`${destinationLabel(destination)} is the first idle one`);
        return destination;
      }
    }
    return leastLoadedPerWeight(service.destinations, expectedDelay, explain);
  }
}
