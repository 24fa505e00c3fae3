/**
 * The one door between control plane and data plane. Two implementations: in-process (replay, tests, laboratory, --device none)
 * and worker thread (live). Control never touches data-plane objects.
 */
import type { Answering } from './dataplane-question.ts';
import type { ConnectionRecord, DataplaneStats } from './stats.ts';
import type { TableEdit } from './table-edit.ts';
import type { TraceFilter, TraceRecord } from './trace-record.ts';

export interface DataplaneLink extends Answering {
  /** Apply edits in order, between two bursts. Resolves when packets are being handled that way. */
  apply(edits: readonly TableEdit[]): Promise<void>;
  stats(): Promise<DataplaneStats>;
  /** Every connection entry, in no particular order; the dump never stops the data plane for more than a slice. */
  connections(): Promise<readonly ConnectionRecord[]>;
  /** Start (filter) or stop (null) the live decision trace. Records arrive through onTrace. */
  trace(filter: TraceFilter | null): Promise<void>;
  onTrace(listener: (record: TraceRecord) => void): void;
  close(): Promise<void>;
}
