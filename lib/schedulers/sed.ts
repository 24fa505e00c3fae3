/**
 * Shortest expected delay: (active + 1) / weight, what the delay would be with this connection on top (kernel: ip_vs_sed.c).
 * Only active connections count, so UDP, which never has any, always goes to the greatest weight.
 */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { weightToCompete } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class ShortestExpectedDelay<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'sed';

  protected write(place: number, destination: D): void {
    this.ranking.set(place, expectedDelay(destination), weightToCompete(destination));
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    return leastLoadedPerWeight(destinations, expectedDelay, explain);
  }
}

export function expectedDelay(destination: SchedulerDestination): number {
  return destination.activeConns + 1;
}
