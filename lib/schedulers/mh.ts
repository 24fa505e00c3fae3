/**
 * Maglev hashing (Eisenbud et al., NSDI 2016; kernel: ip_vs_mh.c). A table of 4093 slots: every destination has its own
 * permutation of the slots, made of an offset and a skip hashed from its address and port, and in turns takes its next free slots,
 * in number as its weight. The client's address (with mh-port its port too) is hashed to a slot. When a destination comes or
 * goes, few slots change hands.
 *
 * Weights enter as the last non-zero ones: a destination quiesced by an edit keeps its slots and merely refuses, so that nobody
 * else's clients move. One that was added with weight 0 gets none.
 */
import { clientPort, foldAddress } from './address-hash.ts';
import { destinationLabel, isAvailable, unavailableBecause } from './load.ts';
import { SCHED_FLAG } from '../model/virtual-service.ts';
import { hsiphash } from '../structures/siphash.ts';
import { greatestCommonDivisor } from './wrr.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from './scheduler.ts';

/** Prime, so that every skip walks all slots. */
const SLOTS = 4093;
/** A destination takes at most 2^6 - 1 slots a turn. */
const TURN_BITS = 6;
const OFFSET_KEY = 2654435761;
const SKIP_KEY = 2654446892;
const FALLBACK = SCHED_FLAG.flag1;
const PORT = SCHED_FLAG.flag2;

interface Permutation { readonly skip: number; readonly turns: number; next: number }

export class MaglevHashing<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'mh';
  readonly #env: SchedulerEnvironment;
  #slots: D[] = [];

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#fill(service);
  }

  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null {
    if (this.#slots.length === 0) return null;
    const number = foldAddress(packet.source) + ((service.schedFlags & PORT) !== 0 ? clientPort(packet) : 0);
    const slot = slotOf(number | 0);
    const told = this.#env.explain === null ? null : new Set<D>();
    const own = this.#look(slot, told);
    if (own !== null) return own;
    if ((service.schedFlags & FALLBACK) === 0) {
      this.#env.explain?.('without mh-fallback nobody else is asked');
      return null;
    }
    for (let offset = 0; offset < SLOTS; offset++) {
      const other = this.#look(slotOf((number + ((slot + offset) % SLOTS)) | 0), told);
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

  #fill(service: SchedulerService<D>): void {
    const { destinations } = service;
    const permutations = permutationsOf(service);
    // More destinations than slots: the kernel keeps the table it has.
    if (destinations.length > SLOTS) return;
    this.#slots = new Array<D>(permutations.length === 0 ? 0 : SLOTS);
    if (permutations.length === 0) return;
    const taken = new Uint8Array(SLOTS);
    let position = 0;
    let turns = 0;
    for (let filled = 0; filled < SLOTS; filled++) {
      while (permutations[position]!.turns < 1) position = (position + 1) % permutations.length;
      const permutation = permutations[position]!;
      while (taken[permutation.next] === 1) permutation.next = (permutation.next + permutation.skip) % SLOTS;
      taken[permutation.next] = 1;
      this.#slots[permutation.next] = destinations[position] as D;
      if (++turns >= permutation.turns) {
        turns = 0;
        position = (position + 1) % permutations.length;
      }
    }
  }
}

/** One per destination in list order; empty when no destination has ever had a weight. */
function permutationsOf<D extends SchedulerDestination>(service: SchedulerService<D>): Permutation[] {
  let divisor = 0;
  let most = 0;
  for (const { lastWeight } of service.destinations) {
    if (lastWeight > 0) divisor = greatestCommonDivisor(lastWeight, divisor);
    if (lastWeight > most) most = lastWeight;
  }
  if (divisor === 0) return [];
  const shift = Math.max(0, 32 - Math.clz32(most / divisor) - TURN_BITS);
  return service.destinations.map((destination) => {
    const { lastWeight, words } = destination;
    // NB: an IPv4 service takes the first word of an IPv6 destination (tunnels), as the kernel's union of addresses does.
    const address = service.family === 4 && destination.family === 6 ? words[0]! : foldAddress(words);
    const number = (address + destination.port) | 0;
    return {
      next: slotOf(number),
      skip: ((hsiphash(number, SKIP_KEY, SKIP_KEY) >>> 0) % (SLOTS - 1)) + 1,
      turns: lastWeight === 0 ? 0 : Math.max(1, (lastWeight / divisor) >> shift),
    };
  });
}

function slotOf(number: number): number {
  return (hsiphash(number, OFFSET_KEY, OFFSET_KEY) >>> 0) % SLOTS;
}
