/**
 * The power of two random choices: two destinations drawn by weight, the less loaded one wins (kernel: ip_vs_twos.c). The draws
 * run from 0 to the sum of the weights, both included, as the kernel's do.
 */
import { ListWalk } from './list-walk.ts';
import { connectionLoad, destinationLabel, isAvailable, productExceeds } from './load.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';

export class PowerOfTwo<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'twos';

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    const available = service.destinations.filter(isAvailable);
    if (available.length === 0) return null;
    let total = 0;
    for (const destination of available) total += destination.weight;
    const first = drawn(available, Math.floor(this.env.random() * (total + 1)));
    const second = drawn(available, Math.floor(this.env.random() * (total + 1)));
    const load1 = connectionLoad(first);
    const load2 = connectionLoad(second);
    const winner = productExceeds(second.weight, load1, first.weight, load2) ? second : first;
    explain?.(`drew ${destinationLabel(first)} load ${load1} weight ${first.weight}, and ${destinationLabel(second)} load ${load2} weight ${second.weight}`);
    explain?.(`${destinationLabel(winner)} has the lesser load per weight`);
    return winner;
  }
}

/** The destination in whose share of the summed weights the number falls. */
function drawn<D extends SchedulerDestination>(available: readonly D[], number: number): D {
  for (const destination of available) {
    number -= destination.weight;
    if (number <= 0) return destination;
  }
  return available[available.length - 1] as D;
}
