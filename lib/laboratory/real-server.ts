/**
 * A simulated real server: requests with work (seconds of a server of capacity 1) come in, and it knows which one is done next and when.
 *
 *     processor-sharing   all requests in service share the capacity evenly; more than `concurrency` wait. Done by virtual time: V grows by
 *                         capacity / n a second, a request that comes at V with work w is done when V reaches V + w, so nothing is touched when n changes
 *     fifo                `concurrency` workers of this capacity each; the rest waits in order
 */
import { TagHeap } from './tag-heap.ts';

export type Discipline = 'processor-sharing' | 'fifo';

/** Where requests that wait are linked and their work is kept: arrays by request number that the owner may replace by longer ones. */
export interface RequestLinks { next: Int32Array; work: Float64Array }

export class RealServer {
  /** Requests in service and waiting. */
  requests = 0;
  /** Time-weighted share of it that was busy, ms. */
  busyMs = 0;
  readonly #workPerMs: number;
  readonly #concurrency: number;
  readonly #sharing: boolean;
  readonly #links: RequestLinks;
  /** By virtual time (processor sharing) or by time (FIFO). */
  readonly #inService = new TagHeap();
  #virtual = 0;
  #lastMs = 0;
  #head = -1;
  #tail = -1;

  /** `concurrency` may be Infinity. */
  constructor(capacity: number, concurrency: number, discipline: Discipline, links: RequestLinks) {
    this.#workPerMs = capacity / 1000;
    this.#concurrency = concurrency;
    this.#sharing = discipline === 'processor-sharing';
    this.#links = links;
  }

  /** A request that is alone takes so long, ms. */
  aloneMs(work: number): number {
    return work / this.#workPerMs;
  }

  /** When the next request is done, ms; Infinity when there is none. */
  get nextMs(): number {
    const { size, least } = this.#inService;
    if (size === 0) return Infinity;
    return this.#sharing ? this.#lastMs + ((least - this.#virtual) * size) / this.#workPerMs : least;
  }

  arrive(request: number, nowMs: number): void {
    this.#advance(nowMs);
    this.requests++;
    if (this.#inService.size < this.#concurrency) {
      this.#begin(request, nowMs);
      return;
    }
    const { next } = this.#links;
    next[request] = -1;
    if (this.#head < 0) this.#head = request;
    else next[this.#tail] = request;
    this.#tail = request;
  }

  /** The request that is done at nowMs = nextMs. */
  finish(nowMs: number): number {
    this.#advance(nowMs);
    const heap = this.#inService;
    // What rounding left between V and the tag.
    if (this.#sharing) this.#virtual = heap.least;
    const request = heap.pop();
    this.requests--;
    if (heap.size === 0) this.#virtual = 0;
    if (this.#head >= 0) {
      const waiting = this.#head;
      this.#head = this.#links.next[waiting] as number;
      this.#begin(waiting, nowMs);
    }
    return request;
  }

  /** Everything in it is lost: it is empty, and every request was told of. */
  fail(nowMs: number, lost: (request: number) => void): void {
    this.#advance(nowMs);
    while (this.#inService.size > 0) lost(this.#inService.pop());
    for (let request = this.#head; request >= 0;) {
      const following = this.#links.next[request] as number;
      lost(request);
      request = following;
    }
    this.#head = this.#tail = -1;
    this.#virtual = 0;
    this.requests = 0;
  }

  /** Take time up to now into account. */
  settle(nowMs: number): void {
    this.#advance(nowMs);
  }

  #begin(request: number, nowMs: number): void {
    const work = this.#links.work[request] as number;
    this.#inService.push(this.#sharing ? this.#virtual + work : nowMs + work / this.#workPerMs, request);
  }

  #advance(nowMs: number): void {
    const { size } = this.#inService;
    const passedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (size === 0) return;
    if (this.#sharing) {
      this.#virtual += (passedMs * this.#workPerMs) / size;
      this.busyMs += passedMs;
    } else {
      this.busyMs += this.#concurrency === Infinity ? passedMs : (passedMs * size) / this.#concurrency;
    }
  }
}
