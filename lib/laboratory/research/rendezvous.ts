/**
 * Rendezvous hashing (Thaler and Ravishankar 1998), weighted (Schindelhauer and Schomaker 2005): every destination scores -weight / ln(hash of client and
 * destination), the highest score wins. A change moves exactly what it must; a pick looks at every destination.
 */
import { isAvailable } from '../../schedulers/load.ts';
import type { Scheduler, SchedulerDestination, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { destinationHash, flowHash, pairHash } from './hash.ts';

export class RendezvousHashing<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'rendezvous';

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const flow = flowHash(service, packet);
    let best: D | null = null;
    let highest = -1;
    for (const destination of service.destinations) {
      if (!isAvailable(destination)) continue;
      const uniform = (pairHash(flow, destinationHash(destination, 0)) + 0.5) / 2 ** 32;
      const score = -destination.weight / Math.log(uniform);
      if (score > highest) {
        best = destination;
        highest = score;
      }
    }
    return best;
  }

  added(): void {}
  removed(): void {}
  edited(): void {}
  loaded(): void {}
  expire(): void {}
}
