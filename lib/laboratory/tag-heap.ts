/**
 * A 4-ary heap of (tag, number), least tag first, in two typed arrays that double as needed; of equal tags the one put in first. For finish times and
 * timers: every operation is O(log n) and allocates nothing once the heap has grown.
 */
const FIRST_CAPACITY = 16;

export class TagHeap {
  size = 0;
  #tags = new Float64Array(FIRST_CAPACITY);
  #items = new Int32Array(FIRST_CAPACITY);
  /** Order of arrival, which decides between equal tags. */
  #turns = new Float64Array(FIRST_CAPACITY);
  #turn = 0;

  /** Least tag; Infinity when empty. */
  get least(): number {
    return this.size === 0 ? Infinity : this.#tags[0] as number;
  }

  push(tag: number, item: number): void {
    if (this.size === this.#tags.length) this.#grow();
    const tags = this.#tags, items = this.#items, turns = this.#turns;
    const turn = this.#turn++;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if ((tags[parent] as number) <= tag) break;
      tags[at] = tags[parent] as number;
      items[at] = items[parent] as number;
      turns[at] = turns[parent] as number;
      at = parent;
    }
    tags[at] = tag;
    items[at] = item;
    turns[at] = turn;
  }

  /** Take out the item of the least tag; the heap must not be empty. */
  pop(): number {
    const tags = this.#tags, items = this.#items, turns = this.#turns;
    const item = items[0] as number;
    const size = --this.size;
    if (size === 0) {
      this.#turn = 0;
      return item;
    }
    const tag = tags[size] as number, moved = items[size] as number, turn = turns[size] as number;
    let at = 0;
    for (;;) {
      const first = at * 4 + 1;
      if (first >= size) break;
      const end = first + 4 < size ? first + 4 : size;
      let best = first;
      for (let child = first + 1; child < end; child++) {
        const difference = (tags[child] as number) - (tags[best] as number);
        if (difference < 0 || (difference === 0 && (turns[child] as number) < (turns[best] as number))) best = child;
      }
      const difference = (tags[best] as number) - tag;
      if (difference > 0 || (difference === 0 && (turns[best] as number) > turn)) break;
      tags[at] = tags[best] as number;
      items[at] = items[best] as number;
      turns[at] = turns[best] as number;
      at = best;
    }
    tags[at] = tag;
    items[at] = moved;
    turns[at] = turn;
    return item;
  }

  #grow(): void {
    const length = this.#tags.length * 2;
    const tags = new Float64Array(length), items = new Int32Array(length), turns = new Float64Array(length);
    tags.set(this.#tags);
    items.set(this.#items);
    turns.set(this.#turns);
    this.#tags = tags;
    this.#items = items;
    this.#turns = turns;
  }
}
