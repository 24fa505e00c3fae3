/** In whose share of the summed weights a number falls: a tree over the list's places whose nodes hold the sum of the weights below them. */
export class SumTree {
  /** Places there is room for, a power of two. */
  #leaves = 1;
  /** By node: 1 is the root, 2n and 2n + 1 are the nodes below n, place p is node leaves + p. Doubles hold these sums exactly. */
  #sums = new Float64Array(2);

  /** Start again with `count` places of weight 0. */
  clear(count: number): void {
    while (this.#leaves < count) this.#leaves *= 2;
    if (this.#sums.length !== this.#leaves * 2) this.#sums = new Float64Array(this.#leaves * 2);
    else this.#sums.fill(0);
  }

  get total(): number {
    return this.#sums[1] as number;
  }

  set(place: number, weight: number): void {
    const sums = this.#sums;
    const difference = weight - (sums[this.#leaves + place] as number);
    if (difference === 0) return;
    for (let node = this.#leaves + place; node > 0; node >>= 1) sums[node]! += difference;
  }

  /** The first place where the weights so far come to `number` (1 to total) or more. */
  find(number: number): number {
    const sums = this.#sums;
    let left = number;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      if ((sums[node] as number) < left) left -= sums[node++] as number;
    }
    return node - this.#leaves;
  }
}
