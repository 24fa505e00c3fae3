/**
 * Answers the control thread inside the data-plane thread, between two rounds of the loop. A connection dump is answered in slices,
 * one a round, so that a million entries never stop packets for longer than one slice takes.
 */
import type { Answer, Asked, DataplaneQuestion } from '../model/dataplane-question.ts';
import type { ConnectionRecord, DataplaneStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../model/trace-record.ts';
import type { DeviceReport, WorkerReport, WorkerRequest } from '../model/worker-message.ts';

/** Records a slice: well under 1 ms of walking and cloning. */
const SLICE_RECORDS = 256;

/** What requests need of the core. */
export interface RequestCore {
  edit(edit: TableEdit, nowMs: number): void;
  stats(): DataplaneStats;
  connections(cursor: number, limit: number, out: ConnectionRecord[], nowMs: number): number;
  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>, nowMs: number): Answer<Q>;
  trace(filter: TraceFilter | null, listener: ((record: TraceRecord) => void) | null): void;
}

export interface RequestEnvironment {
  report(report: WorkerReport): void;
  nowMs(): number;
  devices(): readonly DeviceReport[];
  /** What only the loop around the core knows: wall time of its longest round, bytes it received from interfaces, processor time of this thread. */
  loop(): { readonly longestBurstMs: number; readonly bytes: number; readonly cpuMs: number };
  /** Told of every edit before the core is (guard predicate, interface changes). */
  onEdit(edit: TableEdit): void;
  /** The guard has let go of what was removed. */
  onNarrow(): void;
  /** Call back when every worker goes by the present state. */
  settled(callback: () => void): void;
}

export class WorkerRequests {
  /** Set by the close request; the loop ends after the round. */
  closing: number | null = null;
  readonly #core: RequestCore;
  readonly #environment: RequestEnvironment;
  /** Dumps in progress, oldest first. */
  readonly #dumps: { readonly id: number; cursor: number }[] = [];

  constructor(core: RequestCore, environment: RequestEnvironment) {
    this.#core = core;
    this.#environment = environment;
  }

  handle(request: WorkerRequest): void {
    const { report } = this.#environment;
    try {
      switch (request.op) {
        case 'apply':
          this.#apply(request.edits);
          this.#environment.settled(() => report({ kind: 'done', id: request.id }));
          return;
        case 'narrow':
          this.#environment.onNarrow();
          report({ kind: 'done', id: request.id });
          return;
        case 'stats':
          report({ kind: 'stats', id: request.id, stats: this.#stats(), devices: this.#environment.devices() });
          return;
        case 'connections':
          this.#dumps.push({ id: request.id, cursor: 0 });
          return;
        case 'ask':
          report({ kind: 'answer', id: request.id, answer: this.#core.ask(request.question, request.asked, this.#environment.nowMs()) });
          return;
        case 'trace':
          this.#core.trace(request.filter, request.filter === null ? null : (record) => report({ kind: 'trace', record }));
          this.#environment.settled(() => report({ kind: 'done', id: request.id }));
          return;
        case 'close':
          this.closing = request.id;
      }
    } catch (error) {
      report({ kind: 'failed', id: request.id, message: (error as Error).stack ?? String(error) });
    }
  }

  /** One slice of the oldest dump. True while there is more to do, i.e. while the loop must not sleep. */
  slice(): boolean {
    const dump = this.#dumps[0];
    if (dump === undefined) return false;
    const records: ConnectionRecord[] = [];
    const next = this.#core.connections(dump.cursor, SLICE_RECORDS, records, this.#environment.nowMs());
    this.#environment.report({ kind: 'connections', id: dump.id, records, last: next < 0 });
    dump.cursor = next;
    if (next < 0) this.#dumps.shift();
    return this.#dumps.length > 0;
  }

  #stats(): DataplaneStats {
    const stats = this.#core.stats();
    const { longestBurstMs, bytes, cpuMs } = this.#environment.loop();
    return { ...stats, longestBurstMs, workers: stats.workers.map((worker, number) => (number === 0 ? { ...worker, bytes, cpuMs } : worker)) };
  }

  #apply(edits: readonly TableEdit[]): void {
    const nowMs = this.#environment.nowMs();
    for (const edit of edits) {
      this.#environment.onEdit(edit);
      this.#core.edit(edit, nowMs);
    }
  }
}
