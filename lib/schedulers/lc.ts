/** Least connections: the destination with the least load, weights ignored except 0; the newest of equals (kernel: ip_vs_lc.c). */
import { ListWalk } from './list-walk.ts';
import { connectionLoad, destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class LeastConnections<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'lc';

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    let least: D | null = null;
    let leastLoad = 0;
    for (const destination of service.destinations) {
      if (!isAvailable(destination)) {
        explain?.(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination)}`);
        continue;
      }
      const load = connectionLoad(destination);
      explain?.(`${destinationLabel(destination)} load ${load}`);
      if (least === null || load < leastLoad) {
        least = destination;
        leastLoad = load;
      }
    }
    if (explain !== null && least !== null) explain(`${destinationLabel(least)} has the least load: ${leastLoad}`);
    return least;
  }
}
