/** Weighted least connections: the least load per weight; the newest of equals (kernel: ip_vs_wlc.c). The default scheduler. */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { connectionLoad, weightToCompete } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class WeightedLeastConnections<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'wlc';

  protected write(place: number, destination: D): void {
    this.ranking.set(place, connectionLoad(destination), weightToCompete(destination));
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    return leastLoadedPerWeight(destinations, connectionLoad, explain);
  }
}
