/**
 * Weighted overflow: the destination of the greatest weight until its active connections exceed that weight, then the next one
 * (kernel: ip_vs_ovf.c). Only active connections count.
 */
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { RankedList } from './ranked-list.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class WeightedOverflow<D extends SchedulerDestination> extends RankedList<D> {
  readonly name = 'ovf';

  protected write(place: number, destination: D): void {
    this.ranking.set(place, -destination.weight, isAvailable(destination) && destination.activeConns <= destination.weight ? 1 : 0);
  }

  protected explained(destinations: readonly D[], explain: (line: string) => void): D | null {
    let most: D | null = null;
    for (const destination of destinations) {
      const full = destination.activeConns > destination.weight ? `${destination.activeConns} active connections overflow its weight ${destination.weight}` : '';
      const passedOver = unavailableBecause(destination) || full;
      explain(`${destinationLabel(destination)} ${passedOver ? `passed over: ${passedOver}` : `weight ${destination.weight} active ${destination.activeConns}`}`);
      if (passedOver === '' && (most === null || destination.weight > most.weight)) most = destination;
    }
    if (most !== null) explain(`${destinationLabel(most)} has the greatest weight that is not full: ${most.weight}`);
    return most;
  }
}
