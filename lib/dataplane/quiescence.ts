/**
 * When nobody looks any more. Forwarders read the owner's tables without locks, each in rounds; a forwarder between two rounds, or asleep, holds on to
 * nothing. So what the owner has taken out of the tables (a connection's entry, a table that was outgrown, the state before a command) is
 * out of use as soon as every forwarder has ended the round it was in at that moment.
 *
 *     a forwarder's line:  ROUND, odd in a round, grows at its beginning and end | -                       64 bytes
 *     one line more:       a word the owner writes atomically, so that what it wrote before is seen before it looks at rounds
 */
export const LINE_SHIFT = 4;
export const ROUND = 0;

/** Words of the lines of so many forwarders. */
export function lineWords(forwarders: number): number {
  return (forwarders + 1) << LINE_SHIFT;
}

/** A forwarder's side. */
export function enterRound(lines: Int32Array, line: number): void {
  Atomics.add(lines, line << LINE_SHIFT | ROUND, 1);
}

export const leaveRound = enterRound;

/** The owner's side. */
export class Quiescence {
  readonly #lines: Int32Array;
  readonly #forwarders: number;
  readonly #reuse: (number: number) => void;
  /** ROUND of each forwarder when those that are waited for were taken out. */
  readonly #seen: Int32Array;
  /** Taken out since: their turn begins when that of those before is over. */
  #numbers: number[] = [];
  #callbacks: (() => void)[] = [];
  #waitingNumbers: number[] = [];
  #waitingCallbacks: (() => void)[] = [];

  /** `reuse` is told of each retired number that nobody looks at any more. */
  constructor(lines: Int32Array, forwarders: number, reuse: (number: number) => void) {
    this.#lines = lines;
    this.#forwarders = forwarders;
    this.#reuse = reuse;
    this.#seen = new Int32Array(forwarders);
  }

  /** Somebody waits for a callback. */
  get urgent(): boolean {
    return this.#callbacks.length + this.#waitingCallbacks.length > 0;
  }

  retire(number: number): void {
    this.#numbers.push(number);
  }

  /** Call back when everybody has seen what is in the tables now. */
  after(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Once a round of the owner's, or more often: go on with what is over. */
  turn(): void {
    if (this.#waitingNumbers.length + this.#waitingCallbacks.length > 0) {
      if (!this.#isOver()) return;
      this.#release();
    }
    if (this.#numbers.length + this.#callbacks.length === 0) return;
    [this.#numbers, this.#waitingNumbers] = [this.#waitingNumbers, this.#numbers];
    [this.#callbacks, this.#waitingCallbacks] = [this.#waitingCallbacks, this.#callbacks];
    Atomics.add(this.#lines, this.#forwarders << LINE_SHIFT, 1);
    for (let i = 0; i < this.#forwarders; i++) this.#seen[i] = Atomics.load(this.#lines, i << LINE_SHIFT | ROUND);
    if (this.#isOver()) this.#release();
  }

  #isOver(): boolean {
    for (let i = 0; i < this.#forwarders; i++) {
      const seen = this.#seen[i] as number;
      if ((seen & 1) !== 0 && Atomics.load(this.#lines, i << LINE_SHIFT | ROUND) === seen) return false;
    }
    return true;
  }

  #release(): void {
    const numbers = this.#waitingNumbers;
    for (let i = 0; i < numbers.length; i++) this.#reuse(numbers[i] as number);
    numbers.length = 0;
    for (const callback of this.#waitingCallbacks.splice(0)) callback();
  }
}
