/**
 * Weighted overflow: the destination of the greatest weight until its active connections exceed that weight, then the next one
 * (kernel: ip_vs_ovf.c). Only active connections count.
 */
import { ListWalk } from './list-walk.ts';
import { destinationLabel, unavailableBecause } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class WeightedOverflow<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'ovf';

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    let most: D | null = null;
    for (const destination of service.destinations) {
      const full = destination.activeConns > destination.weight ? `${destination.activeConns} active connections overflow its weight ${destination.weight}` : '';
      const passedOver = unavailableBecause(destination) || full;
      explain?.(`${destinationLabel(destination)} ${passedOver ? `passed over: ${passedOver}` : `weight ${destination.weight} active ${destination.activeConns}`}`);
      if (passedOver === '' && (most === null || destination.weight > most.weight)) most = destination;
    }
    if (explain !== null && most !== null) explain(`${destinationLabel(most)} has the greatest weight that is not full: ${most.weight}`);
    return most;
  }
}
