/** Least connections: the destination with the least load, weights ignored except 0; the newest of equals (kernel: ip_vs_lc.c). */
import { connectionLoad, destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class LeastConnections<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'lc';

  protected write(place: number, destination: D): void {
    this.ranking.set(place, connectionLoad(destination), isAvailable(destination) ? 1 : 0);
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    let least: D | null = null;
    let leastLoad = 0;
    for (const destination of destinations) {
      if (!isAvailable(destination)) {
        explain(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination)}`);
        continue;
      }
      const load = connectionLoad(destination);
      explain(`${destinationLabel(destination)} load ${load}`);
      if (least === null || load < leastLoad) {
        least = destination;
        leastLoad = load;
      }
    }
    if (least !== null) explain(`${destinationLabel(least)} has the least load: ${leastLoad}`);
    return least;
  }
}
