/**
 * Shared shape of the schedulers that take the destination with the least of something: wlc, lc, sed, nq, fo, ovf. Each says what a destination competes
 * with and, for those who look on, explains the same choice by a walk over the list.
 */
import { IndexedList } from './indexed-list.ts';
import type { SchedulerDestination, SchedulerService } from './scheduler.ts';
import { WinnerTree } from './winner-tree.ts';

export abstract class RankedList<D extends SchedulerDestination> extends IndexedList<D> {
  protected readonly ranking = new WinnerTree();

  schedule(service: SchedulerService<D>): D | null {
    const { explain } = this.env;
    // Slow path: somebody looks.
    if (explain !== null) return this.explained(service.destinations, explain);
    this.refresh(service);
    const best = this.ranking.best;
    return best < 0 ? null : service.destinations[best] as D;
  }

  /** The same pick, told in lines. */
  protected abstract explained(destinations: readonly D[], explain: (line: string) => void): D | null;

  protected clear(count: number): void {
    this.ranking.clear(count);
  }
}
