/** Weighted least connections: the least load per weight; the newest of equals (kernel: ip_vs_wlc.c). The default scheduler. */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { ListWalk } from './list-walk.ts';
import { connectionLoad } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class WeightedLeastConnections<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'wlc';

  schedule(service: SchedulerService<D>): D | null {
    return leastLoadedPerWeight(service.destinations, connectionLoad, this.env.explain);
  }
}
