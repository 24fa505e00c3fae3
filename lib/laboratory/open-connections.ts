/** The connections that are open now, by number, in typed arrays that double as needed. Numbers are given out and taken back. */
import type { RequestLinks } from './real-server.ts';

const FIRST_CAPACITY = 4096;

export const FREE = 0;
/** Its request is in a server, in service or waiting. */
export const IN_SERVER = 1;
/** Between two requests: a timer will bring the next. */
export const PAUSED = 2;
/** Broken while paused: the timer frees it. */
export const BROKEN = 3;

export class OpenConnections implements RequestLinks {
  /** Every number in use is below this. */
  highest = 0;
  state = new Uint8Array(FIRST_CAPACITY);
  client = new Int32Array(FIRST_CAPACITY);
  address = new Int32Array(FIRST_CAPACITY);
  port = new Int32Array(FIRST_CAPACITY);
  server = new Int32Array(FIRST_CAPACITY);
  /** Requests still to come. */
  requests = new Int32Array(FIRST_CAPACITY);
  /** Of further requests. */
  seed = new Int32Array(FIRST_CAPACITY);
  /** When the request at hand came, ms. */
  sinceMs = new Float64Array(FIRST_CAPACITY);
  next = new Int32Array(FIRST_CAPACITY);
  work = new Float64Array(FIRST_CAPACITY);
  #free = new Int32Array(FIRST_CAPACITY);
  #freeCount = 0;

  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount] as number;
    if (this.highest === this.state.length) this.#grow();
    return this.highest++;
  }

  release(connection: number): void {
    this.state[connection] = FREE;
    this.#free[this.#freeCount++] = connection;
  }

  #grow(): void {
    const length = this.state.length * 2;
    const longer = <A extends Uint8Array | Int32Array | Float64Array>(array: A): A => {
      const grown = new (array.constructor as new (length: number) => A)(length);
      grown.set(array);
      return grown;
    };
    this.state = longer(this.state);
    this.client = longer(this.client);
    this.address = longer(this.address);
    this.port = longer(this.port);
    this.server = longer(this.server);
    this.requests = longer(this.requests);
    this.seed = longer(this.seed);
    this.sinceMs = longer(this.sinceMs);
    this.next = longer(this.next);
    this.work = longer(this.work);
    this.#free = longer(this.#free);
  }
}
