/** When connections begin: open arrival processes, ms. Closed populations are the simulation's own, because they depend on when connections end. */
import { meanOf, sampler } from './distribution.ts';
import type { RandomStream } from './random.ts';
import type { Arrivals } from './scenario.ts';

/** The next arrival, ms since the start; called once for each. Infinity: none any more. */
export type ArrivalProcess = () => number;

export function arrivalProcess(arrivals: Exclude<Arrivals, { process: 'closed' }>, random: RandomStream): ArrivalProcess {
  const gapMs = 1000 / arrivals.rate;
  let nowMs = 0;
  if (arrivals.process === 'deterministic') {
    let count = 0;
    return () => ++count * gapMs;
  }
  if (arrivals.process === 'poisson') return () => (nowMs -= gapMs * Math.log(1 - random.next()));
  const size = sampler({ kind: 'geometric', mean: arrivals.size });
  let left = 0;
  let burstMs = 0;
  return () => {
    if (left === 0) {
      burstMs -= gapMs * arrivals.size * Math.log(1 - random.next());
      left = size(random);
      // A burst that begins before the last one is over begins behind it: arrivals are in order.
      nowMs = Math.max(nowMs, burstMs);
    } else nowMs += arrivals.spacingMs;
    left--;
    return nowMs;
  };
}

/** Connections a second, about. */
export function expectedRate(arrivals: Arrivals, meanWorkSec: number, meanRequests: number, meanPauseSec: number): number {
  if (arrivals.process !== 'closed') return arrivals.rate;
  const cycleSec = meanRequests * (meanWorkSec + meanPauseSec) + meanOf(arrivals.pauseSec);
  return arrivals.population / cycleSec;
}
