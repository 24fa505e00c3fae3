/**
 * When the guard lets go of what was removed. A removed service or destination may have connections, which go on until they end as they
 * do in the kernel; the host's stack must not answer for them meanwhile. So the guard covers removed entries until no connection is left
 * without owner. What is covered but belongs to no connection is given back to the host, so that covering longer harms nobody.
 */
import type { ConnectionRecord } from './model/stats.ts';

const LOOK_EVERY_MS = 5_000;
/** A larger table is not walked for this; the removed entries stay covered until it has shrunk. */
const MOST_WALKED = 65_536;

export interface LingerEnvironment {
  /** Connections in the table now. */
  count(): Promise<number>;
  connections(): Promise<readonly ConnectionRecord[]>;
  isOwned(record: ConnectionRecord): boolean;
  /** Let go. */
  narrow(): Promise<void>;
}

export class GuardLinger {
  readonly #environment: LingerEnvironment;
  #timer: NodeJS.Timeout | null = null;

  constructor(environment: LingerEnvironment) {
    this.#environment = environment;
  }

  /** Something was removed: look now and then until its connections have gone. */
  begin(): void {
    this.#timer ??= setTimeout(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    try {
      const done = await this.#isDone();
      this.#timer = null;
      if (done) await this.#environment.narrow();
      else this.begin();
    } catch {
      // The data plane has ended, and with it the guard.
    }
  }

  async #isDone(): Promise<boolean> {
    const { count, connections, isOwned } = this.#environment;
    if ((await count()) > MOST_WALKED) return false;
    return (await connections()).every(isOwned);
  }
}
