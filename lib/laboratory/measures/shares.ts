/** Who got how many connections, against what the weights of the moment asked for. */
export class Shares {
  readonly connections: Float64Array;
  /** Connections due by weight. */
  readonly #due: Float64Array;
  readonly #weights: Float64Array;
  #sinceChange = 0;

  constructor(servers: number) {
    this.connections = new Float64Array(servers);
    this.#due = new Float64Array(servers);
    this.#weights = new Float64Array(servers);
  }

  count(server: number): void {
    this.connections[server]!++;
    this.#sinceChange++;
  }

  /** 0: it is not there, or quiesced. */
  setWeight(server: number, weight: number): void {
    this.#settle();
    this.#weights[server] = weight;
  }

  /** Share due to each server now. */
  dueNow(): Float64Array {
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    return this.#weights.map((weight) => (total === 0 ? 0 : weight / total));
  }

  /** Shares as they came and as they were due. */
  outcome(): { readonly share: readonly number[]; readonly ideal: readonly number[]; readonly error: number } {
    this.#settle();
    const total = this.connections.reduce((sum, count) => sum + count, 0) || 1;
    const share = Array.from(this.connections, (count) => count / total);
    const ideal = Array.from(this.#due, (due) => due / total);
    return { share, ideal, error: share.reduce((sum, one, server) => sum + Math.abs(one - ideal[server]!), 0) / 2 };
  }

  #settle(): void {
    if (this.#sinceChange === 0) return;
    const due = this.dueNow();
    for (let server = 0; server < due.length; server++) this.#due[server]! += due[server]! * this.#sinceChange;
    this.#sinceChange = 0;
  }
}
