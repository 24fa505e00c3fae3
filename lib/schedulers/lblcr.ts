/**
 * Locality-based least connections with replication: like lblc, but an address is remembered with a set of destinations; the
 * least loaded of the set serves, and when that one is overfull the least loaded of all joins the set. A set that has not changed
 * for net.ipv4.vs.lblcr_expiration loses its most loaded member (kernel: ip_vs_lblcr.c).
 */
import { AddressCache, PresentDestinations, isOverfull } from './address-cache.ts';
import type { CacheEntry } from './address-cache.ts';
import { leastLoadedPerWeight } from './least-loaded.ts';
import { connectionLoad, destinationLabel, productExceeds } from './load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

interface LocalitySet<D> extends CacheEntry {
  /** Latest member first. */
  members: D[];
  changedMs: number;
}

export class ReplicatedLocalityLeastConnections<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'lblcr';
  readonly #env: SchedulerEnvironment;
  readonly #cache = new AddressCache<LocalitySet<D>>();
  readonly #present: PresentDestinations<D>;

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#present = new PresentDestinations(service);
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const { explain } = this.#env;
    const nowMs = this.#env.now();
    const set = this.#cache.lookup(packet.destination);
    if (set === undefined) {
      const first = leastLoadedPerWeight(service.destinations, connectionLoad, explain);
      if (first !== null) this.#cache.store(packet.destination, { members: [first], lastUseMs: nowMs, changedMs: nowMs });
      return first;
    }
    set.lastUseMs = nowMs;
    // Members that left and came back are objects of their own now.
    set.members = set.members.map((member) => this.#present.current(member) ?? member);
    explain?.(`remembered for this destination address: ${set.members.map(destinationLabel).join(', ')}`);
    const candidates = set.members.filter((member) => this.#present.current(member) !== undefined);
    const least = leastLoadedPerWeight(candidates, connectionLoad, explain);
    if (set.members.length > 1 && nowMs - set.changedMs > this.#env.sysctl('lblcr_expiration') * 1000) this.#shrink(set, nowMs);
    if (least !== null && !isOverfull(least, service)) return least;
    explain?.(least === null ? 'none of the set can serve' : `${destinationLabel(least)} is overfull`);
    const joining = leastLoadedPerWeight(service.destinations, connectionLoad, explain);
    if (joining !== null && !set.members.includes(joining)) {
      set.members.unshift(joining);
      set.changedMs = nowMs;
    }
    return joining;
  }

  // NB: the members of an entry are replaced before they are changed, so the old list is a copy already.
  checkpoint({ destination }: SchedulerPacket): () => void {
    return this.#cache.checkpoint(destination);
  }

  added(_service: SchedulerService<D>, destination: D): void {
    this.#present.add(destination);
  }

  removed(_service: SchedulerService<D>, destination: D): void {
    this.#present.remove(destination);
  }

  edited(): void {}

  expire(): void {
    this.#cache.sweep(this.#env.now(), this.#env.sysctl('lblcr_expiration') * 1000);
  }

  /** Take out the member with the most load per weight; the first of equals. */
  #shrink(set: LocalitySet<D>, nowMs: number): void {
    let most: D | null = null;
    for (const member of set.members) {
      if (member.weight <= 0) continue;
      if (most === null || productExceeds(connectionLoad(member), most.weight, connectionLoad(most), member.weight)) most = member;
    }
    if (most === null) return;
    this.#env.explain?.(`${destinationLabel(most)} leaves the set, unchanged for long`);
    set.members = set.members.filter((member) => member !== most);
    set.changedMs = nowMs;
  }
}
