/** A recording of connections while it runs, between data plane, control plane and `tsipvs record`. The file it becomes: flow-record.ts. */
import type { FlowRecord } from './flow-record.ts';
import type { ServiceId } from './virtual-service.ts';

export interface RecordingRequest {
  readonly services: readonly ServiceId[];
  /** Records to be had in all. */
  readonly limit?: number;
}

/** What the data plane hands over at a time. */
export interface FlowBatch {
  readonly records: readonly FlowRecord[];
  /** So far in all. */
  readonly lost: number;
  /** More can be had at once. */
  readonly more: boolean;
  /** The limit is reached. */
  readonly full: boolean;
  /** Nothing will follow: the recording is finished and read. */
  readonly over: boolean;
  readonly elapsedMs: number;
}
