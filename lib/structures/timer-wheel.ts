/**
 * A hierarchical timer wheel over numbered entries, up to 795 days ahead:
 *
 *     level 0   256 slots of   1 tick  (16 ms)     4 s
 *     level 1   256 slots of 256 ticks (4.1 s)    17 min
 *     level 2   256 slots of 2^16 ticks (17 min)  3 days
 *     level 3   256 slots of 2^24 ticks (3 days)  795 days
 *
 * An entry hangs in one doubly linked list. It comes out in the first tick that lies wholly behind its deadline: never early, at most one tick late. The owner
 * need not tell of every later deadline: when an entry comes out it says whether it is really due, and until when it waits otherwise.
 */
export const TICK_MS = 16;
const LEVELS = 4;
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
/** Entries of one advance(), when there is no budget. */
const MOST_AT_ONCE = 0x3fffffff;

/**
 * Whether entry is due at `time[0]`, ms: then handle it and return 0; else return how many ms it waits longer. NB: the time lies in an array because an argument
 * too large for a small integer would be boxed for every entry.
 */
export type DueHandler = (entry: number, time: Float64Array) => number;

export class TimerWheel {
  /** Neighbours in the slot's list, entry + 1; 0 ends it. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Slot number + 1 an entry hangs in; 0 = none. */
  readonly #slotOf: Int32Array;
  readonly #head = new Int32Array(LEVELS * SLOTS);
  readonly #tail = new Int32Array(LEVELS * SLOTS);
  readonly #levelCount = new Int32Array(LEVELS);
  /** First tick that has not been handled. */
  #tick: number;
  readonly #time = new Float64Array(1);
  /** What lies in memory of a word for each entry. */
  readonly perEntry: readonly Int32Array[];

  constructor(capacity: number, startMs: number) {
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#slotOf = new Int32Array(capacity);
    this.perEntry = [this.#next, this.#previous, this.#slotOf];
    this.#tick = Math.floor(startMs / TICK_MS);
  }

  get count(): number {
    return (this.#levelCount[0] as number) + (this.#levelCount[1] as number) + (this.#levelCount[2] as number) + (this.#levelCount[3] as number);
  }

  /** Hang `entry` (which must not hang anywhere) up for `deadlineMs`. */
  arm(entry: number, deadlineMs: number): void {
    const tick = Math.max(Math.floor(deadlineMs / TICK_MS), this.#tick);
    let ahead = tick - this.#tick;
    let level = 0;
    let unit = 1;
    while (level < LEVELS - 1 && ahead >= SLOTS) {
      level++;
      unit *= SLOTS;
      // Slots passed by the higher level's own hand, which moves when the lower one wraps.
      ahead = Math.floor(tick / unit) - Math.floor(this.#tick / unit);
    }
    const slot = level * SLOTS + (Math.floor(tick / unit) % SLOTS);
    const last = this.#tail[slot] as number;
    this.#next[entry] = 0;
    this.#previous[entry] = last;
    if (last === 0) this.#head[slot] = entry + 1;
    else this.#next[last - 1] = entry + 1;
    this.#tail[slot] = entry + 1;
    this.#slotOf[entry] = slot + 1;
    this.#levelCount[level]!++;
  }

  /** Take `entry` down; nothing happens if it does not hang. */
  disarm(entry: number): void {
    const slot = (this.#slotOf[entry] as number) - 1;
    if (slot < 0) return;
    const next = this.#next[entry] as number;
    const previous = this.#previous[entry] as number;
    if (previous === 0) this.#head[slot] = next;
    else this.#next[previous - 1] = next;
    if (next === 0) this.#tail[slot] = previous;
    else this.#previous[next - 1] = previous;
    this.#slotOf[entry] = 0;
    this.#levelCount[slot >> SLOT_BITS]!--;
  }

  /**
   * Handle what is due, at most `budget` entries; false when the budget ended it and more is waiting. Ticks are handled in order, each with its own
   * time (so a long jump of the clock ends like many short ones), entries of one tick in the order in which they were armed.
   */
  advance(nowMs: number, budget: number, due: DueHandler): boolean {
    const end = Math.floor(nowMs / TICK_MS);
    // NB: a small integer: counting down from Infinity makes a number on the heap at every step.
    let left = Math.min(budget, MOST_AT_ONCE) | 0;
    while (this.#tick < end) {
      const slot = this.#tick % SLOTS;
      while (this.#head[slot] !== 0) {
        if (left-- <= 0) return false;
        const entry = (this.#head[slot] as number) - 1;
        this.disarm(entry);
        this.#time[0] = (this.#tick + 1) * TICK_MS;
        const waitMs = due(entry, this.#time);
        if (waitMs > 0) this.arm(entry, (this.#time[0] as number) + waitMs);
      }
      this.#step(end);
      left = this.#cascade(left, due);
    }
    return true;
  }

  /** Milliseconds until the hand next has something to look at; Infinity when nothing hangs. */
  idleMs(nowMs: number): number {
    if (this.count === 0) return Infinity;
    if (this.#levelCount[0] === 0) return Math.max(0, (Math.floor(this.#tick / SLOTS) + 1) * SLOTS * TICK_MS - nowMs);
    for (let ahead = 0; ahead < SLOTS; ahead++) {
      if (this.#head[(this.#tick + ahead) % SLOTS] !== 0) return Math.max(0, (this.#tick + ahead + 1) * TICK_MS - nowMs);
    }
    return 0;
  }

  /** Move the hand on by one tick, or over a stretch in which nothing can hang. */
  #step(end: number): void {
    let unit = 1;
    for (let level = 0; level < LEVELS && this.#levelCount[level] === 0; level++) unit *= SLOTS;
    this.#tick = unit === 1 ? this.#tick + 1 : Math.min(end, (Math.floor(this.#tick / unit) + 1) * unit);
  }

  /** When a lower level wraps, spread the next slot of the level above over it. */
  #cascade(budget: number, due: DueHandler): number {
    let left = budget | 0;
    let unit = SLOTS;
    for (let level = 1; level < LEVELS && this.#tick % unit === 0; level++, unit *= SLOTS) {
      const slot = level * SLOTS + (Math.floor(this.#tick / unit) % SLOTS);
      let link = this.#head[slot] as number;
      while (link !== 0) {
        const entry = link - 1;
        link = this.#next[entry] as number;
        this.disarm(entry);
        left--;
        this.#time[0] = this.#tick * TICK_MS;
        const waitMs = due(entry, this.#time);
        if (waitMs > 0) this.arm(entry, (this.#time[0] as number) + waitMs);
      }
    }
    return left;
  }
}
