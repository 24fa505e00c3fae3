/** Connections at each server over time: averages by bucket, peaks, and how uneven they are per capacity. */
import { rounded } from './times.ts';

/** A bucket is looked at for evenness when it holds so many connections per server on average. */
const LEAST_LOAD = 0.05;

export class LoadOverTime {
  readonly connections: Int32Array;
  readonly peak: Int32Array;
  readonly #durationMs: number;
  readonly #bucketMs: number;
  readonly #buckets: number;
  /** Connection-ms: server * buckets + bucket. */
  readonly #integral: Float64Array;
  readonly #sinceMs: Float64Array;
  /** ms in which the server took new connections: the same layout. */
  readonly #presentMs: Float64Array;
  readonly #presentSinceMs: Float64Array;

  constructor(servers: number, durationMs: number, bucketMs: number) {
    this.#durationMs = durationMs;
    this.#bucketMs = bucketMs;
    this.#buckets = Math.ceil(durationMs / bucketMs);
    this.connections = new Int32Array(servers);
    this.peak = new Int32Array(servers);
    this.#integral = new Float64Array(servers * this.#buckets);
    this.#presentMs = new Float64Array(servers * this.#buckets);
    this.#sinceMs = new Float64Array(servers);
    this.#presentSinceMs = new Float64Array(servers).fill(Infinity);
  }

  change(server: number, by: number, nowMs: number): void {
    const count = this.connections[server] as number;
    if (count > 0) this.#spread(this.#integral, server, this.#sinceMs[server] as number, nowMs, count);
    this.#sinceMs[server] = nowMs;
    this.connections[server] = count + by;
    if (count + by > (this.peak[server] as number)) this.peak[server] = count + by;
  }

  /** From now on it takes new connections, or no more. */
  present(server: number, is: boolean, nowMs: number): void {
    const since = this.#presentSinceMs[server] as number;
    if (since < nowMs) this.#spread(this.#presentMs, server, since, nowMs, 1);
    this.#presentSinceMs[server] = is ? nowMs : Infinity;
  }

  /** Bring everything up to the end of the run. */
  finish(nowMs: number): void {
    for (let server = 0; server < this.connections.length; server++) {
      this.change(server, 0, nowMs);
      this.present(server, false, nowMs);
    }
  }

  /** Average by server and bucket. */
  load(): number[][] {
    return Array.from(this.connections, (_, server) => Array.from({ length: this.#buckets }, (_, bucket) => {
      return rounded((this.#integral[server * this.#buckets + bucket] as number) / this.#lengthMs(bucket));
    }));
  }

  presentMs(server: number): number {
    let sum = 0;
    for (let bucket = 0; bucket < this.#buckets; bucket++) sum += this.#presentMs[server * this.#buckets + bucket] as number;
    return sum;
  }

  /** Highest load per capacity over the mean of all, of the servers that were there for the whole bucket, averaged over the buckets. */
  peakToMean(capacity: readonly number[]): number {
    const buckets = this.#buckets;
    let sum = 0, counted = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      const lengthMs = this.#lengthMs(bucket);
      let total = 0, totalCapacity = 0, highest = 0, servers = 0;
      for (let server = 0; server < capacity.length; server++) {
        if ((this.#presentMs[server * buckets + bucket] as number) < lengthMs * 0.999) continue;
        const load = (this.#integral[server * buckets + bucket] as number) / lengthMs;
        total += load;
        totalCapacity += capacity[server]!;
        servers++;
        if (load / capacity[server]! > highest) highest = load / capacity[server]!;
      }
      if (servers === 0 || total / servers < LEAST_LOAD) continue;
      sum += highest / (total / totalCapacity);
      counted++;
    }
    return rounded(counted === 0 ? 1 : sum / counted);
  }

  #lengthMs(bucket: number): number {
    return Math.min(this.#bucketMs, this.#durationMs - bucket * this.#bucketMs);
  }

  #spread(into: Float64Array, server: number, fromMs: number, untilMs: number, times: number): void {
    const toMs = Math.min(untilMs, this.#durationMs);
    const bucketMs = this.#bucketMs, last = this.#buckets - 1;
    let atMs = fromMs;
    let bucket = Math.floor(atMs / bucketMs);
    while (atMs < toMs && bucket <= last) {
      const endMs = Math.min(toMs, (bucket + 1) * bucketMs);
      into[server * this.#buckets + bucket]! += (endMs - atMs) * times;
      atMs = endMs;
      bucket++;
    }
  }
}

/** A round length that cuts the run into 60 to 150 buckets. */
export function bucketLengthMs(durationMs: number): number {
  const exact = durationMs / 120;
  const power = 10 ** Math.floor(Math.log10(exact));
  return [1, 2, 5, 10].map((n) => n * power).find((length) => durationMs / length <= 150)!;
}
