/**
 * Locality-based least connections: packets to one destination address keep going to the destination that had it last, unless
 * that one is gone, quiesced or overfull; then the weighted least loaded one takes over (kernel: ip_vs_lblc.c). For caches.
 * The thresholds of -x do not matter to a destination that is remembered.
 */
import { AddressCache } from './address-cache.ts';
import type { CacheEntry } from './address-cache.ts';
import { destinationLabel } from './load.ts';
import { LocalityList } from './locality-list.ts';
import type { SchedulerDestination, SchedulerPacket, SchedulerService } from './scheduler.ts';

interface Locality<D> extends CacheEntry { destination: D }

export class LocalityLeastConnections<D extends SchedulerDestination> extends LocalityList<D> {
  readonly name = 'lblc';
  readonly #cache = new AddressCache<Locality<D>>();

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const { explain } = this.env;
    const nowMs = this.env.now();
    this.refresh(service);
    const entry = this.#cache.lookup(packet.destination);
    if (entry !== undefined) {
      entry.lastUseMs = nowMs;
      const remembered = this.current(entry.destination);
      if (remembered !== undefined && remembered.weight > 0 && !this.isOverfull(remembered)) {
        explain?.(`${destinationLabel(remembered)} is remembered for this destination address`);
        return remembered;
      }
      explain?.(`${destinationLabel(entry.destination)} is remembered, but ${remembered === undefined ? 'gone' : remembered.weight <= 0 ? 'has weight 0' : 'overfull'}`);
    }
    if (entry === undefined) explain?.('nothing is remembered for this destination address');
    const least = this.least(service);
    if (least === null) return null;
    if (entry === undefined) this.#cache.store(packet.destination, { destination: least, lastUseMs: nowMs });
    else entry.destination = least;
    return least;
  }

  checkpoint({ destination }: SchedulerPacket): () => void {
    return this.#cache.checkpoint(destination, (entry) => {
      const before = { ...entry };
      return () => Object.assign(entry, before);
    });
  }

  override expire(): void {
    this.#cache.sweep(this.env.now(), this.env.sysctl('lblc_expiration') * 1000);
  }
}
