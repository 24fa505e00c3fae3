/**
 * Locality-based least connections with replication: like lblc, but an address is remembered with a set of destinations; the
 * least loaded of the set serves, and when that one is overfull the least loaded of all joins the set. A set that has not changed
 * for net.ipv4.vs.lblcr_expiration loses its most loaded member (kernel: ip_vs_lblcr.c).
 */
import { AddressCache } from './address-cache.ts';
import { destinationLabel } from './load.ts';
import { LocalityList } from './locality-list.ts';
import { LoadChanges, LocalitySet } from './locality-set.ts';
import type { SchedulerDestination, SchedulerPacket, SchedulerService } from './scheduler.ts';

export class ReplicatedLocalityLeastConnections<D extends SchedulerDestination> extends LocalityList<D> {
  readonly name = 'lblcr';
  readonly #cache = new AddressCache<LocalitySet<D>>();
  readonly #changes = new LoadChanges<D>();
  /** Grows with every change of the list. */
  #generation = 0;

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const { explain } = this.env;
    const nowMs = this.env.now();
    this.refresh(service);
    const set = this.#cache.lookup(packet.destination);
    if (set === undefined) {
      explain?.('nothing is remembered for this destination address');
      const first = this.least(service);
      if (first !== null) this.#cache.store(packet.destination, new LocalitySet(first, nowMs));
      return first;
    }
    set.lastUseMs = nowMs;
    if (set.isOutdated(this.#generation)) set.replace((member) => this.current(member));
    explain?.(`remembered for this destination address: ${set.members.map(destinationLabel).join(', ')}`);
    const least = set.least(this.#changes, explain);
    if (set.members.length > 1 && nowMs - set.changedMs > this.env.sysctl('lblcr_expiration') * 1000) set.shrink(nowMs);
    if (least !== null && !this.isOverfull(least)) return least;
    explain?.(least === null ? 'none of the set can serve' : `${destinationLabel(least)} is overfull`);
    const joining = this.least(service);
    if (joining !== null && !set.has(joining)) set.join(joining, nowMs);
    return joining;
  }

  checkpoint({ destination }: SchedulerPacket): () => void {
    return this.#cache.checkpoint(destination, (set) => set.checkpoint());
  }

  override added(service: SchedulerService<D>, destination: D): void {
    super.added(service, destination);
    this.#generation++;
  }

  override removed(service: SchedulerService<D>, destination: D, position: number): void {
    super.removed(service, destination, position);
    this.#generation++;
  }

  override loaded(destination: D): void {
    super.loaded(destination);
    this.#changes.add(destination);
  }

  override expire(): void {
    this.#cache.sweep(this.env.now(), this.env.sysctl('lblcr_expiration') * 1000);
  }
}
