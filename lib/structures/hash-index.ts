/**
 * Finds records of 16 int32 words by their first four. The index holds two int32 a slot: the full hash, and the record number plus one:
 *
 *     slots   [ hash | record+1 ] [ hash | record+1 ] [ 0 | 0 ] ...     linear probing, at most half full
 *
 * A lookup reads one slot and one record. Removal shifts later slots back, so there are no tombstones and no decay. When half full, a table of
 * twice the size takes over at once, and each later operation carries a few slots across; until that is done a lookup may have to
 * search both. That table was announced a while before, and somebody else has made it resident since (Populate), because the system clears a page when it
 * is first touched: all at once that is milliseconds. Where there is nobody to do it, or not fast enough, what is left is written to page by page shortly before.
 * Nothing ever stops for the whole table.
 *
 * Other threads may look up while this one changes the tables (TableSharing). What moves at that moment they may miss, never mistake, as long as
 * they compare the record's key, which lookup() does and who uses find() must do.
 */
import { HashLookup, MOVED } from './hash-lookup.ts';
import { int32Array, type Allocate, type Populate } from './memory.ts';

/** What to do when other threads look things up in the same tables. */
export interface TableSharing {
  /** The tables there are now. All of them lie in memory that was asked for. */
  publish(current: Int32Array, old: Int32Array | null): void;
  /** Call back when nobody looks at the tables published before any more. */
  after(callback: () => void): void;
}

/** Zeroed memory of a table, and how to give it back. */
interface Table {
  readonly slots: Int32Array;
  release(): void;
}

/** Smaller tables are not worth a huge page. */
const LEAST_ALLOCATED = 2 << 20;
const NOTHING = (): void => {};
/** Old slots carried over by each insertion: twice would do to finish before the new table is half full. */
const SLOTS_PER_INSERTION = 8;
/** The next table is asked for from this load on, in sixteenths: the one before this has been given back by then. */
const ASK_SIXTEENTHS = 5;
/** It is written to from this load on; until half full there is an insertion for every sixteenth slot. */
const WRITE_SIXTEENTHS = 7;
/** So many of its words are passed over with each insertion: half as many would do to reach its end in time. */
const READY_WORDS = 128;

export class HashIndex extends HashLookup {
  #count = 0;
  #oldAt = 0;
  /** Slots for which half full is every record there is: no larger table is ever needed. */
  readonly #enough: number;
  /** Memory of the tables there may be some time, by slots. NB: all mapped at the start: later, that could mean to wait for whoever makes memory resident. */
  readonly #reserved = new Map<number, Table>();
  readonly #populate: Populate | null;
  readonly #sharing: TableSharing | null;
  /** Give back the memory of the current table, and of the old one. */
  #release: () => void = NOTHING;
  #releaseOld: () => void = NOTHING;
  /** The larger table that takes over next, and how far it is written to. */
  #next: Int32Array | null = null;
  #nextAt = 0;
  #releaseNext: () => void = NOTHING;

  /** `records`: record r has its key in words 16r .. 16r+3. `capacity`: slots to begin with, a power of two. */
  constructor(records: Int32Array, capacity = 1024, allocate: Allocate | null = null, sharing: TableSharing | null = null, populate: Populate | null = null) {
    super(records, int32Array(capacity * 2, sharing === null ? null : allocate));
    this.#enough = 2 * (records.length >> 4);
    this.#populate = populate;
    this.#sharing = sharing;
    for (let slots = 2 * capacity; allocate !== null && slots / 2 < this.#enough; slots *= 2) {
      const bytes = 2 * slots * Int32Array.BYTES_PER_ELEMENT;
      if (bytes < LEAST_ALLOCATED && sharing === null) continue;
      const memory = allocate(bytes);
      this.#reserved.set(slots, { slots: new Int32Array(memory.buffer, 0, 2 * slots), release: () => memory.release() });
    }
    sharing?.publish(this.slots, null);
  }

  get count(): number {
    return this.#count;
  }

  /** Slots still to be carried over from the smaller table. */
  get pendingSlots(): number {
    return this.old === null ? 0 : this.oldMask + 1 - this.#oldAt;
  }

  /** Add a record whose key words are already in place. Of several records with one key, the one added last is found. */
  insert(hash: number, record: number): void {
    if ((this.#count + 1) * 2 > this.mask + 1) this.#grow();
    this.#placeFirst(hash, record + 1);
    this.#count++;
    this.version++;
    if (this.old !== null) this.migrate(SLOTS_PER_INSERTION);
    if (this.mask + 1 < this.#enough && this.#count * 16 > (this.mask + 1) * ASK_SIXTEENTHS) this.#makeReady();
  }

  /** Take a record out; false if it is not there. */
  remove(hash: number, record: number): boolean {
    if (this.#removeCurrent(hash, record + 1) || this.#removeOld(hash, record + 1)) {
      this.#count--;
      this.version++;
      return true;
    }
    return false;
  }

  /** Carry up to `slots` slots over to the larger table; returns how many were looked at. */
  migrate(slots: number): number {
    const old = this.old;
    if (old === null) return 0;
    const end = Math.min(this.#oldAt + slots, this.oldMask + 1);
    const begin = this.#oldAt;
    for (let i = begin; i < end; i++) {
      const entry = old[2 * i + 1] as number;
      if (entry > 0) {
        // NB: the mark keeps probe chains of the old table whole while it empties.
        old[2 * i + 1] = MOVED;
        this.#place(old[2 * i] as number, entry);
      }
    }
    this.#oldAt = end;
    if (end > this.oldMask) {
      this.old = null;
      const release = this.#releaseOld;
      this.#releaseOld = NOTHING;
      if (this.#sharing === null) {
        release();
      } else {
        this.#sharing.publish(this.slots, null);
        this.#sharing.after(release);
      }
    }
    return end - begin;
  }

  #grow(): void {
    // Insertions carry 8 slots each, so the previous growth is long over; should it not be, finish it first.
    if (this.old !== null) this.migrate(this.oldMask + 1);
    this.old = this.slots;
    this.oldMask = this.mask;
    this.#oldAt = 0;
    const capacity = (this.mask + 1) * 2;
    this.#releaseOld = this.#release;
    if (this.#next === null) {
      this.slots = this.#table(capacity);
    } else {
      this.slots = this.#next;
      this.#release = this.#releaseNext;
      this.#next = null;
      this.#releaseNext = NOTHING;
    }
    this.mask = capacity - 1;
    this.#sharing?.publish(this.slots, this.old);
  }

  #makeReady(): void {
    if (this.#next === null) {
      const release = this.#release;
      this.#next = this.#table((this.mask + 1) * 2);
      this.#releaseNext = this.#release;
      this.#release = release;
      this.#nextAt = 0;
      this.#populate?.(this.#next, 0, this.#next.length);
    }
    if (this.#count * 16 <= (this.mask + 1) * WRITE_SIXTEENTHS) return;
    if (this.#nextAt < this.#next.length) this.#next[this.#nextAt] = 0;
    this.#nextAt += READY_WORDS;
  }

  #table(capacity: number): Int32Array {
    const table = this.#reserved.get(capacity);
    this.#reserved.delete(capacity);
    this.#release = table === undefined ? NOTHING : () => table.release();
    return table === undefined ? new Int32Array(capacity * 2) : table.slots;
  }

  /** Before any record with the same key: takes its slot, and that one moves on to the next free slot. */
  #placeFirst(hash: number, entry: number): void {
    const slots = this.slots;
    const records = this.records;
    const own = (entry - 1) << 4;
    let placed = entry;
    let i = hash & this.mask;
    for (; slots[2 * i + 1] !== 0; i = (i + 1) & this.mask) {
      if (slots[2 * i] !== hash) continue;
      const other = slots[2 * i + 1] as number;
      const at = (other - 1) << 4;
      if (records[at] === records[own] && records[at + 1] === records[own + 1] && records[at + 2] === records[own + 2] && records[at + 3] === records[own + 3]) {
        slots[2 * i + 1] = placed;
        placed = other;
      }
    }
    slots[2 * i] = hash;
    // Whoever finds it finds the whole record.
    if (this.#sharing === null) slots[2 * i + 1] = placed;
    else Atomics.store(slots, 2 * i + 1, placed);
  }

  #place(hash: number, entry: number): void {
    const slots = this.slots;
    const mask = this.mask;
    let i = hash & mask;
    while (slots[2 * i + 1] !== 0) i = (i + 1) & mask;
    slots[2 * i] = hash;
    slots[2 * i + 1] = entry;
  }

  #removeCurrent(hash: number, entry: number): boolean {
    const slots = this.slots;
    const mask = this.mask;
    let hole = hash & mask;
    while (slots[2 * hole + 1] !== entry) {
      if (slots[2 * hole + 1] === 0) return false;
      hole = (hole + 1) & mask;
    }
    for (let i = (hole + 1) & mask; slots[2 * i + 1] !== 0; i = (i + 1) & mask) {
      const home = (slots[2 * i] as number) & mask;
      // A slot may move back to the hole unless its home lies behind the hole.
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        slots[2 * hole] = slots[2 * i] as number;
        slots[2 * hole + 1] = slots[2 * i + 1] as number;
        hole = i;
      }
    }
    slots[2 * hole] = 0;
    slots[2 * hole + 1] = 0;
    return true;
  }

  #removeOld(hash: number, entry: number): boolean {
    const old = this.old;
    if (old === null) return false;
    for (let i = hash & this.oldMask; old[2 * i + 1] !== 0; i = (i + 1) & this.oldMask) {
      if (old[2 * i + 1] === entry) {
        old[2 * i + 1] = MOVED;
        return true;
      }
    }
    return false;
  }
}
