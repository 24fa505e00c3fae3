/**
 * Maglev hashing as published (Eisenbud et al., NSDI 2016, section 3.4), with its table of 65537 slots; the kernel's mh has 4093, and other hashes. Weights
 * set how often a destination takes its turn. Built when first needed after a change; destinations are taken in order of address, so that
 * directors agree whatever they were told first.
 */
import { destinationLabel, isAvailable, unavailableBecause } from '../../schedulers/load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { destinationHash, flowHash } from './hash.ts';

/** The two sizes of the paper, both prime. */
export const SMALL_TABLE = 65537;
export const LARGE_TABLE = 655373;

export class PaperMaglev<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'maglev';
  readonly #env: SchedulerEnvironment;
  readonly #slots: number;
  #table: Int32Array | null = null;
  #owners: readonly D[] = [];

  constructor(env: SchedulerEnvironment, slots = SMALL_TABLE) {
    this.#env = env;
    this.#slots = slots;
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    if (this.#table === null) {
      this.#owners = service.destinations.filter(({ weight }) => weight > 0).sort((a, b) => (a.words[3]! >>> 0) - (b.words[3]! >>> 0) || a.port - b.port);
      this.#table = maglevTable(this.#owners, this.#slots);
    }
    const slot = flowHash(service, packet) % this.#slots;
    const owner = this.#owners[this.#table[slot] as number];
    if (owner !== undefined) this.#env.explain?.(`slot ${slot} of ${this.#slots} belongs to ${destinationLabel(owner)} ${unavailableBecause(owner)}`.trimEnd());
    return owner !== undefined && isAvailable(owner) ? owner : null;
  }

  added(): void { this.#table = null; }
  removed(): void { this.#table = null; }
  edited(): void { this.#table = null; }
  loaded(): void {}
  expire(): void {}
}

/** Which of the destinations (by position) owns each slot; empty when there are none. */
export function maglevTable(destinations: readonly SchedulerDestination[], slots: number): Int32Array {
  const count = destinations.length;
  if (count === 0) return new Int32Array(0);
  const table = new Int32Array(slots).fill(-1);
  const next = Float64Array.from(destinations, (destination) => destinationHash(destination, 0) % slots);
  const skip = Float64Array.from(destinations, (destination) => (destinationHash(destination, 1) % (slots - 1)) + 1);
  const most = destinations.reduce((greatest, { weight }) => Math.max(greatest, weight), 0);
  /** Turns that each has earned: weight / greatest weight a round. */
  const earned = new Float64Array(count);
  for (let filled = 0; ;) {
    for (let n = 0; n < count; n++) {
      earned[n]! += destinations[n]!.weight / most;
      if (earned[n]! < 1 - 1e-9) continue;
      earned[n]! -= 1;
      let slot = next[n]!;
      while (table[slot]! >= 0) slot = (slot + skip[n]!) % slots;
      table[slot] = n;
      next[n] = (slot + skip[n]!) % slots;
      if (++filled === slots) return table;
    }
  }
}
