/** Numbers 0..capacity-1 to give out and take back. The lowest unused number is preferred only while nothing was returned: returned ones come back last in, first out. */
export class IndexPool {
  readonly capacity: number;
  readonly #free: Int32Array;
  #freeCount = 0;
  #fresh = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#free = new Int32Array(capacity);
  }

  /** Numbers given out now. */
  get used(): number {
    return this.#fresh - this.#freeCount;
  }

  /** Numbers ever given out: every one in use is below this. */
  get highest(): number {
    return this.#fresh;
  }

  /** A free number, or -1 when all are out. */
  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount] as number;
    return this.#fresh < this.capacity ? this.#fresh++ : -1;
  }

  /** What the nth take() from now on will give, 0 for the next. */
  upcoming(nth: number): number {
    if (nth < this.#freeCount) return this.#free[this.#freeCount - 1 - nth] as number;
    const fresh = this.#fresh + nth - this.#freeCount;
    return fresh < this.capacity ? fresh : -1;
  }

  /** Give `index` back; it must have been taken. */
  release(index: number): void {
    this.#free[this.#freeCount++] = index;
  }
}
