/**
 * The reading half of the hash index (hash-index.ts draws the layout): one thread changes the tables, and whoever has views of them may look things up.
 */
export const MOVED = -1;

export class HashLookup {
  protected slots: Int32Array;
  protected mask: number;
  /** The smaller table, while it is being carried over. */
  protected old: Int32Array | null = null;
  protected oldMask = 0;
  protected readonly records: Int32Array;
  /** Grows with every insertion and removal: what find() said holds until then. */
  version = 0;
  /** Sum of what touch() read, so that nothing of it can be left out. */
  touched = 0;

  /** `records`: record r has its key in words 16r .. 16r+3. `slots`: two words a slot, a power of two of them. */
  constructor(records: Int32Array, slots: Int32Array) {
    this.records = records;
    this.slots = slots;
    this.mask = (slots.length >> 1) - 1;
  }

  /** Slots. */
  get capacity(): number {
    return this.mask + 1;
  }

  /** The record whose first four words are these, or -1. */
  lookup(hash: number, w0: number, w1: number, w2: number, w3: number): number {
    const slots = this.slots;
    const records = this.records;
    const mask = this.mask;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = slots[2 * i + 1] as number;
      if (entry === 0) break;
      if (slots[2 * i] === hash) {
        const at = (entry - 1) << 4;
        if (records[at] === w0 && records[at + 1] === w1 && records[at + 2] === w2 && records[at + 3] === w3) return entry - 1;
      }
    }
    return this.old === null ? -1 : this.#lookupOld(hash, w0, w1, w2, w3);
  }

  /** Read the slots these hashes begin at, which brings them into the cache. */
  touch(hashes: Int32Array, count: number): void {
    const slots = this.slots;
    const mask = this.mask;
    let sum = 0;
    for (let k = 0; k < count; k++) sum ^= slots[2 * ((hashes[k] as number) & mask)] as number;
    this.touched = sum;
  }

  /** Replaces each hash by the first record that lookup() would compare, or -1. No record is read. */
  find(hashes: Int32Array, count: number): void {
    const slots = this.slots;
    const mask = this.mask;
    for (let k = 0; k < count; k++) {
      const hash = hashes[k] as number;
      let i = 2 * (hash & mask);
      while (slots[i] !== hash && slots[i + 1] !== 0) i = 2 * (((i >> 1) + 1) & mask);
      hashes[k] = (slots[i + 1] as number) - 1;
    }
  }

  #lookupOld(hash: number, w0: number, w1: number, w2: number, w3: number): number {
    const old = this.old as Int32Array;
    const records = this.records;
    for (let i = hash & this.oldMask; ; i = (i + 1) & this.oldMask) {
      const entry = old[2 * i + 1] as number;
      if (entry === 0) return -1;
      if (entry !== MOVED && old[2 * i] === hash) {
        const at = (entry - 1) << 4;
        if (records[at] === w0 && records[at + 1] === w1 && records[at + 2] === w2 && records[at + 3] === w3) return entry - 1;
      }
    }
  }
}
