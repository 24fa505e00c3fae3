/**
 * Who of many has the least load per weight, without looking at all of them: a tournament. Places of the list are the leaves; each node above holds the
 * place that wins below it, so the root is the pick, and a change of one place plays one match a level:
 *
 *                  2            place    0     1     2     3
 *              /       \        load     3     1     1     2
 *            1           2      weight   1     1     2     1
 *          /   \       /   \
 *        0      1     2     3
 *
 * Of equals the first in the list wins. Quotients decide while they differ: correctly rounded division never swaps two fractions, it can only make
 * different ones equal; then the products are compared without loss (load.ts).
 */
import { productExceeds } from './load.ts';

export class WinnerTree {
  /** Places there is room for, a power of two. */
  #leaves = 1;
  #loads = new Float64Array(1);
  /** 0 = takes no part. */
  #weights = new Float64Array(1);
  #quotients = Float64Array.of(Infinity);
  /** By node: 1 is the root, 2n and 2n + 1 are the nodes below n, place p is node leaves + p. */
  #winners = new Int32Array(2);

  /** Start again with `count` places, none of which takes part. */
  clear(count: number): void {
    while (this.#leaves < count) this.#leaves *= 2;
    if (this.#loads.length !== this.#leaves) {
      this.#loads = new Float64Array(this.#leaves);
      this.#weights = new Float64Array(this.#leaves);
      this.#quotients = new Float64Array(this.#leaves);
      this.#winners = new Int32Array(this.#leaves * 2);
    }
    this.#loads.fill(0);
    this.#weights.fill(0);
    this.#quotients.fill(Infinity);
    for (let place = 0; place < this.#leaves; place++) this.#winners[this.#leaves + place] = place;
    for (let node = this.#leaves - 1; node > 0; node--) this.#winners[node] = this.#winners[node * 2] as number;
  }

  /** The place with the least load per weight, or -1 when none takes part. */
  get best(): number {
    const winner = this.#winners[1] as number;
    return this.#weights[winner] === 0 ? -1 : winner;
  }

  /** Load and weight of a place; weight 0: it takes no part. */
  set(place: number, load: number, weight: number): void {
    if (this.#loads[place] === load && this.#weights[place] === weight) return;
    this.#loads[place] = load;
    this.#weights[place] = weight;
    const quotients = this.#quotients;
    const winners = this.#winners;
    // NB: not `weight > 0 ? load / weight : Infinity`, which V8 boxes.
    if (weight > 0) quotients[place] = load / weight;
    else quotients[place] = Infinity;
    let winner = place;
    let quotient = quotients[place] as number;
    for (let node = this.#leaves + place; node > 1; node >>= 1) {
      const other = winners[node ^ 1] as number;
      const otherQuotient = quotients[other] as number;
      if (otherQuotient < quotient || (otherQuotient === quotient && this.#beatsAtEqualQuotient(other, winner))) {
        winner = other;
        quotient = otherQuotient;
      }
      const parent = node >> 1;
      const before = winners[parent];
      winners[parent] = winner;
      // Nothing changes further up when somebody else has won here as before.
      if (before === winner && winner !== place) return;
    }
  }

  #beatsAtEqualQuotient(one: number, other: number): boolean {
    const load1 = this.#loads[one] as number, weight1 = this.#weights[one] as number;
    const load2 = this.#loads[other] as number, weight2 = this.#weights[other] as number;
    const product1 = load1 * weight2, product2 = load2 * weight1;
    // Fast path: doubles hold both products exactly. NB: not productExceeds() at once, whose arguments would be boxed.
    if (product1 <= Number.MAX_SAFE_INTEGER && product2 <= Number.MAX_SAFE_INTEGER) return product1 < product2 || (product1 === product2 && one < other);
    // Slow path.
    if (productExceeds(load2, weight1, load1, weight2)) return true;
    return one < other && !productExceeds(load1, weight2, load2, weight1);
  }
}
