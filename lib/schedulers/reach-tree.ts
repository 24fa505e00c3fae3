/** Who comes next in the list with a value of at least so much: a tree over the list's places whose nodes hold the greatest value below them. */
export class ReachTree {
  /** Places there is room for, a power of two. */
  #leaves = 1;
  /** By node: 1 is the root, 2n and 2n + 1 are the nodes below n, place p is node leaves + p. */
  #greatest = new Int32Array(2);

  /** Start again with `count` places of value 0. */
  clear(count: number): void {
    while (this.#leaves < count) this.#leaves *= 2;
    if (this.#greatest.length !== this.#leaves * 2) this.#greatest = new Int32Array(this.#leaves * 2);
    else this.#greatest.fill(0);
  }

  /** The greatest value of all. */
  get greatest(): number {
    return this.#greatest[1] as number;
  }

  /** `value`: 0 to 2^31 - 1. */
  set(place: number, value: number): void {
    const greatest = this.#greatest;
    let node = this.#leaves + place;
    if (greatest[node] === value) return;
    greatest[node] = value;
    for (node >>= 1; node > 0; node >>= 1) greatest[node] = Math.max(greatest[node * 2] as number, greatest[node * 2 + 1] as number);
  }

  /** The first place from `from` on whose value is `least` (above 0) or more, or -1. */
  next(from: number, least: number): number {
    if (from >= this.#leaves) return -1;
    const greatest = this.#greatest;
    let node = this.#leaves + from;
    // Up and to the right until something reaches it, then down to the leftmost that does.
    while ((greatest[node] as number) < least) {
      while ((node & 1) === 1) node >>= 1;
      if (node === 0) return -1;
      node++;
    }
    while (node < this.#leaves) {
      node *= 2;
      if ((greatest[node] as number) < least) node++;
    }
    return node - this.#leaves;
  }
}
