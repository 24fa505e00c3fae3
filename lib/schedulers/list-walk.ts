/**
 * Shared shape of the schedulers that keep nothing between packets: they only look at the list, so no change of it concerns them.
 */
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

export abstract class ListWalk<D extends SchedulerDestination> implements Scheduler<D> {
  abstract readonly name: string;
  protected readonly env: SchedulerEnvironment;

  constructor(env: SchedulerEnvironment) {
    this.env = env;
  }

  abstract schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null;
  added(): void {}
  removed(): void {}
  edited(): void {}
  expire(): void {}
}
