/** Weighted random: each destination with the probability of its weight, whatever it is doing. The yardstick that load must be measured against. */
import { isAvailable } from '../../schedulers/load.ts';
import { ListWalk } from '../../schedulers/list-walk.ts';
import type { SchedulerDestination, SchedulerService } from '../../schedulers/scheduler.ts';

export class WeightedRandom<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'random';

  schedule(service: SchedulerService<D>): D | null {
    return drawByWeight(service, this.env.random(), null);
  }
}

/** The destination in whose share of the summed weights `uniform` (0..1) falls; `except` is not among them. */
export function drawByWeight<D extends SchedulerDestination>({ destinations }: SchedulerService<D>, uniform: number, except: D | null): D | null {
  let total = 0;
  for (const destination of destinations) if (destination !== except && isAvailable(destination)) total += destination.weight;
  let left = uniform * total;
  let last: D | null = null;
  for (const destination of destinations) {
    if (destination === except || !isAvailable(destination)) continue;
    last = destination;
    left -= destination.weight;
    if (left < 0) return destination;
  }
  return last;
}
