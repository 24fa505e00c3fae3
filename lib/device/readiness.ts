/**
 * Many bare sockets in one epoll set, and that set in the event loop: being told costs one system call for all that happened since the last
 * time, not a handle of Node's (and its allocations) each.
 *
 * Fair: of what is ready at once a part is handled, the event loop takes a turn, then the next part; who has more to read than one turn allows
 * waits behind the others.
 */
import { closeFd, epoll, epollTake, epollWatch, watchReadable } from '../../native-shims/index.ts';

export interface Watched {
  /** EPOLL* bits. May come late: what they say is a hint, the socket knows. */
  ready(events: number): void;
  /** Its turn, asked for with later(). */
  turn(): void;
}

const EVENTS_A_TURN = 64;
const MOST_NUMBER = 0x7fff_ffff;

export class Readiness {
  readonly #epoll = epoll();
  readonly #pairs = new Int32Array(2 * EVENTS_A_TURN);
  readonly #watched = new Map<number, Watched>();
  readonly #unwatch: () => void;
  #lastNumber = 0;
  #queue: Watched[] = [];
  #scheduled = false;

  constructor() {
    this.#unwatch = watchReadable(this.#epoll, () => this.#take());
  }

  /** Sockets under way. */
  get size(): number {
    return this.#watched.size;
  }

  /** Returns what forget() takes. NB: no descriptor as a name, it may belong to another socket by the time an event is looked at. */
  watch(fd: number, events: number, watched: Watched): number {
    do this.#lastNumber = this.#lastNumber === MOST_NUMBER ? 1 : this.#lastNumber + 1; while (this.#watched.has(this.#lastNumber));
    epollWatch(this.#epoll, fd, events, this.#lastNumber);
    this.#watched.set(this.#lastNumber, watched);
    return this.#lastNumber;
  }

  /** The descriptor leaves the set when it is closed. */
  forget(number: number): void {
    this.#watched.delete(number);
  }

  /** A turn after everybody else's. */
  later(watched: Watched): void {
    this.#queue.push(watched);
    this.#schedule();
  }

  close(): void {
    this.#unwatch();
    closeFd(this.#epoll);
    this.#watched.clear();
    this.#queue = [];
  }

  #take(): void {
    const count = epollTake(this.#epoll, this.#pairs);
    for (let i = 0; i < count; i++) this.#watched.get(this.#pairs[2 * i] as number)?.ready(this.#pairs[2 * i + 1] as number);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const now = this.#queue.splice(0, EVENTS_A_TURN);
      if (this.#queue.length > 0) this.#schedule();
      for (const watched of now) watched.turn();
    });
  }
}

let shared: Readiness | null = null;

/** The process has one. */
export function readiness(): Readiness {
  return (shared ??= new Readiness());
}
