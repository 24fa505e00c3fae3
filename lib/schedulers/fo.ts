/** Weighted fail-over: the available destination of the greatest weight, always (kernel: ip_vs_fo.c). */
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class WeightedFailOver<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'fo';

  protected write(place: number, destination: D): void {
    this.ranking.set(place, -destination.weight, isAvailable(destination) ? 1 : 0);
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    let most: D | null = null;
    for (const destination of destinations) {
      const passedOver = unavailableBecause(destination);
      explain(`${destinationLabel(destination)} ${passedOver ? `passed over: ${passedOver}` : `weight ${destination.weight}`}`);
      if (passedOver === '' && destination.weight > (most?.weight ?? 0)) most = destination;
    }
    if (most !== null) explain(`${destinationLabel(most)} has the greatest weight: ${most.weight}`);
    return most;
  }
}
