/**
 * The walk that wlc, sed and, on a miss, lblc and lblcr share: the destination with the least load per unit of weight; of
 * equals the first one, which is the newest. Loads are compared as load1 * weight2 > load2 * weight1 (kernel: __ip_vs_*_schedule).
 */
import { destinationLabel, productExceeds, unavailableBecause } from './load.ts';
import type { SchedulerDestination } from './scheduler.ts';

export function leastLoadedPerWeight<D extends SchedulerDestination>(
  destinations: readonly D[],
  load: (destination: D) => number,
  explain: ((line: string) => void) | null,
): D | null {
  let least: D | null = null;
  let leastLoad = 0;
  for (const destination of destinations) {
    if (destination.weight <= 0 || destination.overloaded) {
      explain?.(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination)}`);
      continue;
    }
    const thisLoad = load(destination);
    explain?.(`${destinationLabel(destination)} load ${thisLoad} weight ${destination.weight}`);
    if (least === null || productExceeds(leastLoad, destination.weight, thisLoad, least.weight)) {
      least = destination;
      leastLoad = thisLoad;
    }
  }
  if (explain !== null && least !== null) explain(`${destinationLabel(least)} has the least load per weight: ${leastLoad}/${least.weight}`);
  return least;
}
