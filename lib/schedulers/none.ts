/** The scheduler called none: the service exists and no destination is ever picked (kernel: a service without scheduler). */
import { ListWalk } from './list-walk.ts';
import type { SchedulerDestination } from './scheduler.ts';

export class NoScheduling<D extends SchedulerDestination> extends ListWalk<D> {
  readonly name = 'none';

  schedule(): D | null {
    this.env.explain?.('the service has no scheduler');
    return null;
  }
}
