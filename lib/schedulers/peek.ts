/**
 * Asking a scheduler without acting: the destination its next pick for this packet will be, given that nothing happens in between. Afterwards
 * the scheduler and the random numbers are as if nobody had asked.
 */
import type { RewindableRandom } from '../structures/rewindable-random.ts';
import type { Scheduler, SchedulerDestination, SchedulerPacket, SchedulerService } from './scheduler.ts';

export function peek<D extends SchedulerDestination>(scheduler: Scheduler<D>, service: SchedulerService<D>, packet: SchedulerPacket, random: RewindableRandom): D | null {
  const restore = scheduler.checkpoint?.(packet);
  const rewind = random.mark();
  const destination = scheduler.schedule(service, packet);
  rewind();
  restore?.();
  return destination;
}
