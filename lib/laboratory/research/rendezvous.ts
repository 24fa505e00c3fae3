/**
 * Rendezvous hashing (Thaler and Ravishankar 1998), weighted (Schindelhauer and Schomaker 2005): every destination scores -weight / ln(hash of client and
 * destination), the highest score wins. A change moves exactly what it must; a pick looks at every destination.
 */
import { IndexedList } from '../../schedulers/indexed-list.ts';
import { destinationLabel, weightToCompete } from '../../schedulers/load.ts';
import type { SchedulerDestination, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { destinationHash, flowHash, pairHash } from './hash.ts';

export class RendezvousHashing<D extends SchedulerDestination> extends IndexedList<D> {
  readonly name = 'rendezvous';
  #hashes = new Uint32Array(0);
  #weights = new Float64Array(0);

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    this.refresh(service);
    const hashes = this.#hashes, weights = this.#weights;
    const flow = flowHash(service, packet);
    let best = -1, bestHash = -1, bestWeight = 0, highest = 0;
    for (let place = 0; place < hashes.length; place++) {
      const weight = weights[place] as number;
      if (weight === 0) continue;
      const hash = pairHash(flow, hashes[place] as number);
      // Fast path: neither heavier nor hashed higher cannot win, and needs no logarithm.
      if (weight <= bestWeight && hash <= bestHash) continue;
      const score = -weight / Math.log((hash + 0.5) / 2 ** 32);
      if (score <= highest) continue;
      best = place;
      bestHash = hash;
      bestWeight = weight;
      highest = score;
    }
    if (best < 0) return null;
    const winner = service.destinations[best] as D;
    this.env.explain?.(`${destinationLabel(winner)} has the highest score: ${highest.toPrecision(4)}`);
    return winner;
  }

  protected clear(count: number): void {
    this.#hashes = new Uint32Array(count);
    this.#weights = new Float64Array(count);
  }

  protected write(place: number, destination: D): void {
    this.#hashes[place] = destinationHash(destination, 0);
    this.#weights[place] = weightToCompete(destination);
  }
}
