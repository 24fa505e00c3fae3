/**
 * Source hashing: the client's address (with sh-port its port too) picks one of 256 slots. The slots are filled by walking the
 * list newest first, each destination as many times in a row as its weight says, weight 0 once (kernel: ip_vs_sh.c). A client
 * whose destination is unavailable gets none, or with sh-fallback the first available one that further hashes lead to.
 */
import { clientPort, foldAddress, multiplicativeHash } from './address-hash.ts';
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { SCHED_FLAG } from '../model/virtual-service.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const FALLBACK = SCHED_FLAG.flag1;
const PORT = SCHED_FLAG.flag2;

export class SourceHashing<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'sh';
  readonly #env: SchedulerEnvironment;
  #slots: D[] = [];

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#fill(service);
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    if (this.#slots.length === 0) return null;
    const number = foldAddress(packet.source) + ((service.schedFlags & PORT) !== 0 ? clientPort(packet) : 0);
    const hash = multiplicativeHash(number, SLOT_BITS);
    const told = this.#env.explain === null ? null : new Set<D>();
    const own = this.#look(hash, told);
    if (own !== null) return own;
    if ((service.schedFlags & FALLBACK) === 0) {
      this.#env.explain?.('without sh-fallback nobody else is asked');
      return null;
    }
    for (let offset = 0; offset < SLOTS; offset++) {
      const other = this.#look((((hash + offset) % SLOTS) + hash) % SLOTS, told);
      if (other !== null) return other;
    }
    return null;
  }

  added(service: SchedulerService<D>): void {
    this.#fill(service);
  }

  removed(service: SchedulerService<D>): void {
    this.#fill(service);
  }

  edited(service: SchedulerService<D>): void {
    this.#fill(service);
  }

  loaded(): void {}
  expire(): void {}

  /** `told`: destinations explained already; a fall-back may look at every slot. */
  #look(slot: number, told: Set<D> | null): D | null {
    const destination = this.#slots[slot] as D;
    if (told !== null && !told.has(destination)) {
      told.add(destination);
      this.#env.explain?.(`slot ${slot} of ${SLOTS} belongs to ${destinationLabel(destination)} ${unavailableBecause(destination)}`.trimEnd());
    }
    return isAvailable(destination) ? destination : null;
  }

  #fill({ destinations }: SchedulerService<D>): void {
    this.#slots = [];
    let position = 0;
    let turns = 0;
    while (destinations.length > 0 && this.#slots.length < SLOTS) {
      const destination = destinations[position % destinations.length] as D;
      this.#slots.push(destination);
      if (++turns >= destination.weight) {
        position++;
        turns = 0;
      }
    }
  }
}
