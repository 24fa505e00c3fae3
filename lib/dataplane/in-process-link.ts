/** The data plane in the same thread: replay, tests, the laboratory, and a daemon without devices. The clock is passed in. */
import type { DataplaneLink } from '../model/dataplane-link.ts';
import type { Answer, Asked, DataplaneQuestion } from '../model/dataplane-question.ts';
import type { ConnectionRecord, DataplaneStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../model/trace-record.ts';
import type { FrameSink } from '../wire/frame.ts';
import type { Dataplane } from './dataplane.ts';

const SLICE = 4096;

export class InProcessLink implements DataplaneLink {
  readonly #dataplane: Dataplane;
  readonly #nowMs: () => number;
  readonly #sink: FrameSink;
  #listener: ((record: TraceRecord) => void) | null = null;

  /** `sink` gets what timers send (ICMP errors about fragments that ran out of time). */
  constructor(dataplane: Dataplane, nowMs: () => number, sink: FrameSink) {
    this.#dataplane = dataplane;
    this.#nowMs = nowMs;
    this.#sink = sink;
  }

  async apply(edits: readonly TableEdit[]): Promise<void> {
    this.#advance();
    for (const edit of edits) this.#dataplane.edit(edit, this.#nowMs());
  }

  async stats(): Promise<DataplaneStats> {
    this.#advance();
    return this.#dataplane.stats();
  }

  async connections(): Promise<readonly ConnectionRecord[]> {
    this.#advance();
    const records: ConnectionRecord[] = [];
    for (let cursor = 0; cursor >= 0;) cursor = this.#dataplane.connections(cursor, SLICE, records, this.#nowMs());
    return records;
  }

  async ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    this.#advance();
    return this.#dataplane.ask(question, asked, this.#nowMs());
  }

  async trace(filter: TraceFilter | null): Promise<void> {
    this.#dataplane.trace(filter, filter === null ? null : (record) => this.#listener?.(record));
  }

  onTrace(listener: (record: TraceRecord) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#dataplane.trace(null, null);
  }

  #advance(): void {
    this.#dataplane.advance(this.#sink, this.#nowMs());
  }
}
