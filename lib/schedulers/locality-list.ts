/**
 * What lblc and lblcr have in common: the ranking by weighted load, whether anybody has room while another is overfull, and which destinations are there.
 *
 * What they remember names destinations by address and port, not by object: a destination that was removed and added again is the same
 * one to them, because in the kernel an entry's reference keeps the removed destination ready to be revived.
 */
import { leastLoadedPerWeight } from './least-loaded.ts';
import { connectionLoad, weightToCompete } from './load.ts';
import { IndexedList } from './indexed-list.ts';
import type { SchedulerDestination, SchedulerEnvironment, SchedulerService } from './scheduler.ts';
import { WinnerTree } from './winner-tree.ts';

export abstract class LocalityList<D extends SchedulerDestination> extends IndexedList<D> {
  readonly #ranking = new WinnerTree();
  readonly #present = new Map<string, D>();
  /** By place: 1 for who is not even half full. */
  #roomy = new Uint8Array(0);
  #roomyCount = 0;

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    super(env);
    for (const destination of service.destinations) this.#present.set(destinationKey(destination), destination);
  }

  override added(service: SchedulerService<D>, destination: D): void {
    super.added(service, destination);
    this.#present.set(destinationKey(destination), destination);
  }

  override removed(service: SchedulerService<D>, destination: D, position: number): void {
    super.removed(service, destination, position);
    this.#present.delete(destinationKey(destination));
  }

  protected clear(count: number): void {
    this.#ranking.clear(count);
    this.#roomy = new Uint8Array(count);
    this.#roomyCount = 0;
  }

  protected write(place: number, destination: D): void {
    this.#ranking.set(place, connectionLoad(destination), weightToCompete(destination));
    const roomy = destination.activeConns * 2 < destination.weight ? 1 : 0;
    this.#roomyCount += roomy - (this.#roomy[place] as number);
    this.#roomy[place] = roomy;
  }

  /** The destination of all with the least load per weight. */
  protected least({ destinations }: SchedulerService<D>): D | null {
    const { explain } = this.env;
    // Slow path: somebody looks.
    if (explain !== null) return leastLoadedPerWeight(destinations, connectionLoad, explain);
    const best = this.#ranking.best;
    return best < 0 ? null : destinations[best] as D;
  }

  /** The destination with this one's address and port as it is now, if there is one. */
  protected current(destination: D): D | undefined {
    return destination.place >= 0 ? destination : this.#present.get(destinationKey(destination));
  }

  /** More active connections than weight, while another one is not even half full. */
  protected isOverfull(destination: D): boolean {
    return destination.activeConns > destination.weight && this.#roomyCount > 0;
  }
}

function destinationKey(destination: SchedulerDestination): string {
  return `${destination.words.join()} ${destination.family} ${destination.port}`;
}
