/**
 * Who follows first packets and the lives of connections without acting on them (shadow scheduling, recordings). core.observer is null while nobody
 * does, which is all that packets pay.
 */
import type { TableEdit } from '../model/table-edit.ts';
import type { Flow } from './flow.ts';
import type { ServiceEntry } from './service-entry.ts';

export interface FlowObserver {
  /** A first packet was scheduled: its connection, whose destination may be none (cache bypass), or -1 where there was none to be had. */
  scheduled(service: ServiceEntry, flow: Flow, conn: number): void;
  /** A connection was made that no scheduler chose for: an FTP helper's, a real server's own, one that synchronisation told of. */
  adopted(conn: number): void;
  /** It became active, or inactive. */
  activity(conn: number, active: boolean): void;
  /** It is about to end; its words are still there. Templates too. */
  ended(conn: number): void;
  /** After an edit was applied. */
  edited(edit: TableEdit): void;
  /** About once a minute. */
  housekeep(): void;
}

/** Several as one. */
export class FlowObservers implements FlowObserver {
  readonly #all: readonly FlowObserver[];

  constructor(all: readonly FlowObserver[]) {
    this.#all = all;
  }

  scheduled(service: ServiceEntry, flow: Flow, conn: number): void {
    for (const each of this.#all) each.scheduled(service, flow, conn);
  }

  adopted(conn: number): void {
    for (const each of this.#all) each.adopted(conn);
  }

  activity(conn: number, active: boolean): void {
    for (const each of this.#all) each.activity(conn, active);
  }

  ended(conn: number): void {
    for (const each of this.#all) each.ended(conn);
  }

  edited(edit: TableEdit): void {
    for (const each of this.#all) each.edited(edit);
  }

  housekeep(): void {
    for (const each of this.#all) each.housekeep();
  }
}
