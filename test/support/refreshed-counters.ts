/**
 * The recorded director shows counters as they stood at its last refresh, every two seconds (ip_vs_est.c); ours shows them as they are. Cases wait three
 * seconds before they read counters, but the stacks of some go on sending meanwhile. So this link, and only in golden cases, holds back what the recorded
 * director did not show yet. Active and inactive connections are live there too. The phase is that of the recorder, which sets every case up alike.
 */
import type { DataplaneLink } from '../../lib/model/dataplane-link.ts';
import type { Answer, Asked, DataplaneQuestion } from '../../lib/model/dataplane-question.ts';
import { type ConnectionRecord, type DataplaneStats, type Stats, ZERO_STATS } from '../../lib/model/stats.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../../lib/model/trace-record.ts';
import { serviceKey } from '../../lib/model/virtual-service.ts';

export const REFRESH_EVERY_SEC = 2;
export const FIRST_REFRESH_SEC = 0.5;

export class RefreshedCounters implements DataplaneLink {
  readonly #inner: DataplaneLink;
  /** By service key, and by service key, address and port. */
  #shown = new Map<string, Stats>();
  #total: Stats = ZERO_STATS;

  constructor(inner: DataplaneLink) {
    this.#inner = inner;
  }

  /** The recorded director's estimator runs. */
  refresh(live: DataplaneStats): void {
    this.#total = live.total;
    for (const service of live.services) {
      this.#shown.set(service.key, service.stats);
      for (const d of service.destinations) this.#shown.set(`${service.key} ${d.address} ${d.port}`, d.stats);
    }
  }

  async apply(edits: readonly TableEdit[]): Promise<void> {
    await this.#inner.apply(edits);
    for (const edit of edits) {
      if (edit.op === 'flush' || (edit.op === 'zero' && edit.id === null)) this.#shown.clear();
      else if (edit.op === 'deleteService' || edit.op === 'zero') for (const key of this.#shown.keys()) if (`${key} `.startsWith(`${serviceKey(edit.id!)} `)) this.#shown.delete(key);
      if (edit.op === 'zero' && edit.id === null) this.#total = ZERO_STATS;
    }
  }

  async stats(): Promise<DataplaneStats> {
    const live = await this.#inner.stats();
    return {
      ...live, total: this.#total,
      services: live.services.map((service) => ({
        ...service, stats: this.#shown.get(service.key) ?? ZERO_STATS,
        destinations: service.destinations.map((d) => ({ ...d, stats: this.#shown.get(`${service.key} ${d.address} ${d.port}`) ?? ZERO_STATS })),
      })),
    };
  }

  connections(): Promise<readonly ConnectionRecord[]> { return this.#inner.connections(); }
  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> { return this.#inner.ask(question, asked); }
  trace(filter: TraceFilter | null): Promise<void> { return this.#inner.trace(filter); }
  onTrace(listener: (record: TraceRecord) => void): void { this.#inner.onTrace(listener); }
  close(): Promise<void> { return this.#inner.close(); }
}
