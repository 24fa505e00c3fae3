/**
 * The destinations that lblcr remembers for an address. Few members are looked through one by one; a set that has grown ranks them in a tree of its own,
 * which catches up with what happened to its members since it was last asked.
 */
import type { CacheEntry } from './address-cache.ts';
import { leastLoadedPerWeight } from './least-loaded.ts';
import { connectionLoad, productExceeds, weightToCompete } from './load.ts';
import type { SchedulerDestination } from './scheduler.ts';
import { WinnerTree } from './winner-tree.ts';

/** Members up to which looking at each of them is as quick. */
const FEW = 8;
/** Changes that a log keeps, a power of two. */
const LOGGED = 1024;

/** The latest changes of connections and overload, by destination. */
export class LoadChanges<D extends SchedulerDestination> {
  /** Changes ever seen. */
  count = 0;
  readonly #latest: D[] = [];

  add(destination: D): void {
    this.#latest[this.count++ % LOGGED] = destination;
  }

  /** Change number `number`, which must be among the latest. */
  at(number: number): D {
    return this.#latest[number % LOGGED] as D;
  }
}

export class LocalitySet<D extends SchedulerDestination> implements CacheEntry {
  lastUseMs: number;
  changedMs: number;
  /** Latest first. */
  #members: D[];
  /** Those of them that are in the list now. */
  #there: D[] = [];
  /** Made when needed; `#there` from its right end, so that who joins takes the next place to the left. */
  #ranking: WinnerTree | null = null;
  #room = 0;
  readonly #places = new Map<D, number>();
  #changesSeen = 0;
  #generation = -1;

  constructor(first: D, nowMs: number) {
    this.#members = [first];
    this.lastUseMs = this.changedMs = nowMs;
  }

  get members(): readonly D[] {
    return this.#members;
  }

  /** A function that makes it what it is now. */
  checkpoint(): () => void {
    const { lastUseMs, changedMs } = this;
    const members = [...this.#members];
    return () => {
      this.lastUseMs = lastUseMs;
      this.changedMs = changedMs;
      this.#hold(members);
      this.#generation = -1;
    };
  }

  /** Whether the list has changed since the last call; `generation` grows whenever it does. */
  isOutdated(generation: number): boolean {
    const outdated = this.#generation !== generation;
    this.#generation = generation;
    return outdated;
  }

  /** Members that left and came back are objects of their own now. */
  replace(current: (member: D) => D | undefined): void {
    this.#hold(this.#members.map((member) => current(member) ?? member));
  }

  /** `destination` is in the list. */
  has(destination: D): boolean {
    return this.#ranking === null ? this.#there.includes(destination) : this.#places.has(destination);
  }

  join(destination: D, nowMs: number): void {
    this.#members.unshift(destination);
    this.#there.unshift(destination);
    this.changedMs = nowMs;
    if (this.#there.length > this.#room) this.#ranking = null;
    if (this.#ranking !== null) this.#enter(this.#ranking, destination, this.#room - this.#there.length);
  }

  /** The member with the least load per weight of those that are in the list. */
  least(changes: LoadChanges<D>, explain: ((line: string) => void) | null): D | null {
    if (explain !== null || this.#there.length <= FEW) return leastLoadedPerWeight(this.#there, connectionLoad, explain);
    const best = this.#caughtUp(changes).best;
    return best < 0 ? null : this.#there[best - (this.#room - this.#there.length)] as D;
  }

  /** Take out the member with the most load per weight; the first of equals. */
  shrink(nowMs: number): void {
    let most: D | null = null;
    for (const member of this.#members) {
      if (member.weight <= 0) continue;
      if (most === null || productExceeds(connectionLoad(member), most.weight, connectionLoad(most), member.weight)) most = member;
    }
    if (most === null) return;
    this.#hold(this.#members.filter((member) => member !== most));
    this.changedMs = nowMs;
  }

  #hold(members: D[]): void {
    this.#members = members;
    this.#there = members.filter(({ place }) => place >= 0);
    this.#ranking = null;
  }

  #caughtUp(changes: LoadChanges<D>): WinnerTree {
    let ranking = this.#ranking;
    if (ranking === null || changes.count - this.#changesSeen > Math.min(LOGGED, this.#there.length)) {
      ranking = this.#rank();
    } else {
      for (let number = this.#changesSeen; number < changes.count; number++) {
        const destination = changes.at(number);
        const place = this.#places.get(destination);
        if (place !== undefined) ranking.set(place, connectionLoad(destination), weightToCompete(destination));
      }
    }
    this.#changesSeen = changes.count;
    return ranking;
  }

  #rank(): WinnerTree {
    const ranking = this.#ranking ?? new WinnerTree();
    this.#ranking = ranking;
    this.#room = 2 * this.#there.length;
    this.#places.clear();
    ranking.clear(this.#room);
    for (const [number, member] of this.#there.entries()) this.#enter(ranking, member, this.#room - this.#there.length + number);
    return ranking;
  }

  #enter(ranking: WinnerTree, member: D, place: number): void {
    this.#places.set(member, place);
    ranking.set(place, connectionLoad(member), weightToCompete(member));
  }
}
