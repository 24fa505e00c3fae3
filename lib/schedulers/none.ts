/** The scheduler called none: the service exists and no destination is ever picked (kernel: a service without scheduler). */
import type { Scheduler, SchedulerDestination, SchedulerEnvironment } from './scheduler.ts';

export class NoScheduling<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'none';
  readonly #env: SchedulerEnvironment;

  constructor(env: SchedulerEnvironment) {
    this.#env = env;
  }

  schedule(): D | null {
    this.#env.explain?.('the service has no scheduler');
    return null;
  }

  added(): void {}
  removed(): void {}
  edited(): void {}
  loaded(): void {}
  expire(): void {}
}
