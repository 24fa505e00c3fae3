/** Persistence templates that are found by what a persistence engine read from the packet (a SIP call-id), not by addresses and ports alone. Few and off the hit path: Maps. */
export interface EngineData {
  /** Whole identity: the template's flow and the engine's data. */
  readonly key: string;
  readonly engine: string;
  readonly data: string;
}

export class EngineTemplates {
  readonly #byKey = new Map<string, number>();
  readonly #byConnection = new Map<number, EngineData>();

  /** The template with this identity, or -1. */
  find(key: string): number {
    return this.#byKey.get(key) ?? -1;
  }

  bind(conn: number, engine: EngineData): void {
    this.#byKey.set(engine.key, conn);
    this.#byConnection.set(conn, engine);
  }

  /** What the engine knows of this connection, null for most. */
  of(conn: number): EngineData | null {
    return this.#byConnection.get(conn) ?? null;
  }

  /** Not to be found any more; listings still show it. */
  hide(conn: number): void {
    const engine = this.#byConnection.get(conn);
    if (engine !== undefined && this.#byKey.get(engine.key) === conn) this.#byKey.delete(engine.key);
  }

  /** The connection has ended. */
  forget(conn: number): void {
    this.hide(conn);
    this.#byConnection.delete(conn);
  }
}
