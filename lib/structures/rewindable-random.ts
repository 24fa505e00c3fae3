/** Random numbers that can be looked at before they are drawn: numbers drawn between mark() and its rewind are given again, in the same order. */
export class RewindableRandom {
  readonly #source: () => number;
  /** Drawn from the source and to be given again, next one first. */
  #ahead: number[] = [];
  /** Drawn since mark(); null while nobody looks. */
  #drawn: number[] | null = null;

  /** `source`: uniform in [0, 1). */
  constructor(source: () => number) {
    this.#source = source;
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => {
    const number = this.#ahead.length > 0 ? this.#ahead.shift() as number : this.#source();
    this.#drawn?.push(number);
    return number;
  };

  /** What is drawn from now on, until the function it returns is called, is only looked at. Not to be nested. */
  mark(): () => void {
    const drawn: number[] = [];
    this.#drawn = drawn;
    return () => {
      this.#drawn = null;
      this.#ahead = [...drawn, ...this.#ahead];
    };
  }
}
