/** Never queue: the first idle destination, else the shortest expected delay (kernel: ip_vs_nq.c). */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { destinationLabel, isAvailable, weightToCompete } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';
import { expectedDelay } from './sed.ts';

/** Below every expected delay, whatever the weight: idle destinations are all alike. */
const IDLE = -1;

export class NeverQueue<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'nq';

  protected write(place: number, destination: D): void {
    if (isAvailable(destination) && destination.activeConns === 0) this.ranking.set(place, IDLE, 1);
    else this.ranking.set(place, expectedDelay(destination), weightToCompete(destination));
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    for (const destination of destinations) {
      if (isAvailable(destination) && destination.activeConns === 0) {
        explain(`${destinationLabel(destination)} is the first idle one`);
        return destination;
      }
    }
    explain('nobody is idle');
    return leastLoadedPerWeight(destinations, expectedDelay, explain);
  }
}
