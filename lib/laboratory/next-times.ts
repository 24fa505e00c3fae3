/** When each of a fixed number of things happens next, and which is first: a tournament tree, so that a change costs log2(n) comparisons. Of equals the lowest number. */
export class NextTimes {
  readonly #leaves: number;
  /** [1] is the root; winner (number) of each inner node. */
  readonly #winner: Int32Array;
  readonly #times: Float64Array;

  constructor(count: number) {
    let leaves = 1;
    while (leaves < count) leaves *= 2;
    this.#leaves = leaves;
    this.#times = new Float64Array(leaves).fill(Infinity);
    this.#winner = new Int32Array(leaves);
    for (let node = leaves - 1; node >= 1; node--) this.#play(node);
  }

  /** Which one is first. */
  get first(): number {
    return this.#leaves === 1 ? 0 : this.#winner[1] as number;
  }

  get firstTime(): number {
    return this.#times[this.first] as number;
  }

  set(number: number, time: number): void {
    this.#times[number] = time;
    for (let node = (this.#leaves + number) >> 1; node >= 1; node >>= 1) this.#play(node);
  }

  #play(node: number): void {
    const left = node * 2, leaves = this.#leaves;
    const a = left >= leaves ? left - leaves : this.#winner[left] as number;
    const b = left + 1 >= leaves ? left + 1 - leaves : this.#winner[left + 1] as number;
    this.#winner[node] = (this.#times[b] as number) < (this.#times[a] as number) ? b : a;
  }
}
