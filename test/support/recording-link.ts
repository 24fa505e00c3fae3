/** A data plane that only writes down what control asks of it. `hold()` makes it slow, to see who waits for its acknowledgement. */
import type { Answer, Asked, DataplaneQuestion } from '../../lib/model/dataplane-question.ts';
import type { DataplaneLink } from '../../lib/model/dataplane-link.ts';
import { type ConnectionRecord, type DataplaneStats, type ServiceStats, ZERO_STATS } from '../../lib/model/stats.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../../lib/model/trace-record.ts';

export class RecordingLink implements DataplaneLink {
  readonly edits: TableEdit[] = [];
  /** Edits per apply(), to count round trips. */
  readonly batches: number[] = [];
  readonly filters: (TraceFilter | null)[] = [];
  services: readonly ServiceStats[] = [];
  records: readonly ConnectionRecord[] = [];
  emit: (record: TraceRecord) => void = () => {};
  readonly asked: [DataplaneQuestion, unknown][] = [];
  /** What ask() answers. */
  answers: Partial<Record<DataplaneQuestion, unknown>> = {};
  #gate: Promise<void> = Promise.resolve();

  async apply(edits: readonly TableEdit[]): Promise<void> {
    this.edits.push(...edits);
    this.batches.push(edits.length);
    await this.#gate;
  }

  async stats(): Promise<DataplaneStats> {
    return {
      services: this.services, total: ZERO_STATS, drops: [], passed: 0, received: 0, transmitted: 0, connections: 0, maxConnections: 0, templates: 0,
      connectionsByState: {}, fragmentBytes: 0, workers: [], bursts: 0, largestBurst: 0, longestBurstMs: 0,
    };
  }

  async connections(): Promise<readonly ConnectionRecord[]> {
    return this.records;
  }

  async ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    this.asked.push([question, asked]);
    return this.answers[question] as Answer<Q>;
  }

  async trace(filter: TraceFilter | null): Promise<void> {
    this.filters.push(filter);
  }

  onTrace(listener: (record: TraceRecord) => void): void {
    this.emit = listener;
  }

  async close(): Promise<void> {}

  /** From now on apply() waits until the returned function is called. */
  hold(): () => void {
    let release = (): void => {};
    this.#gate = new Promise((resolve) => { release = resolve; });
    return release;
  }
}
