/**
 * Destination hashing: the packet's destination address picks one of 256 slots, which the destinations fill in turn, newest first
 * (kernel: ip_vs_dh.c). For caches behind mark services. Weights do not matter, but 0 and an overloaded destination refuse.
 */
import { foldAddress, multiplicativeHash } from './address-hash.ts';
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;

export class DestinationHashing<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'dh';
  readonly #env: SchedulerEnvironment;
  #slots: readonly D[] = [];

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#fill(service);
  }

  schedule(_service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    const slot = multiplicativeHash(foldAddress(packet.destination), SLOT_BITS);
    const destination = this.#slots[slot];
    if (destination === undefined) return null;
    this.#env.explain?.(`slot ${slot} of ${SLOTS} belongs to ${destinationLabel(destination)} ${unavailableBecause(destination)}`.trimEnd());
    if (isAvailable(destination)) return destination;
    this.#env.explain?.('nobody else is asked');
    return null;
  }

  added(service: SchedulerService<D>): void {
    this.#fill(service);
  }

  removed(service: SchedulerService<D>): void {
    this.#fill(service);
  }

  edited(): void {}
  loaded(): void {}
  expire(): void {}

  #fill({ destinations }: SchedulerService<D>): void {
    this.#slots = destinations.length === 0 ? [] : Array.from({ length: SLOTS }, (_, slot) => destinations[slot % destinations.length] as D);
  }
}
