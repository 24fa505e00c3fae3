/**
 * Shortest expected delay: (active + 1) / weight, what the delay would be with this connection on top (kernel: ip_vs_sed.c).
 * Only active connections count, so UDP, which never has any, always goes to the greatest weight.
 */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { ListWalk } from './list-walk.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class ShortestExpectedDelay<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'sed';

  schedule(service: SchedulerService<D>): D | null {
    return leastLoadedPerWeight(service.destinations, expectedDelay, this.env.explain);
  }
}

export function expectedDelay(destination: SchedulerDestination): number {
  return destination.activeConns + 1;
}
