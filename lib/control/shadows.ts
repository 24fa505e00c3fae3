/** Shadow schedulers by command: few at once, each for as long as its caller stays connected, reporting at intervals. */
import type { HealthClock } from '../health/clock.ts';
import type { DataplaneLink } from '../model/dataplane-link.ts';
import { LvsError } from '../model/errors.ts';
import { isSchedulerName, NO_SCHEDULER, SCHEDULER_NAMES } from '../schedulers/names.ts';
import { serviceKey } from '../model/virtual-service.ts';
import type { ApiMethods } from './api/message.ts';
import type { ApiSession } from './api/server.ts';
import type { ServiceTable } from './service-table.ts';

const MOST_AT_ONCE = 4;
const INTERVAL_MS = 1000;

export class Shadows {
  readonly #table: ServiceTable;
  readonly #link: DataplaneLink;
  readonly #clock: Pick<HealthClock, 'after'>;
  readonly #random: () => number;
  readonly #running = new Set<number>();
  #nextId = 1;

  constructor(table: ServiceTable, link: DataplaneLink, clock: Pick<HealthClock, 'after'>, random: () => number) {
    this.#table = table;
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
  }

  async start({ request, intervalMs = INTERVAL_MS, durationMs = Infinity }: ApiMethods['shadow'][0], session: ApiSession): Promise<{ started: true }> {
    const key = serviceKey(request.service);
    if (this.#table.service(request.service) === undefined) throw new LvsError('NoSuchService', `no service ${key}`);
    if (!isSchedulerName(request.scheduler) || request.scheduler === NO_SCHEDULER) throw new LvsError('BadRequest', `no scheduler ${JSON.stringify(request.scheduler)}: one of ${SCHEDULER_NAMES.join(', ')}`);
    if (this.#running.size >= MOST_AT_ONCE) throw new LvsError('InvalidOperation', `${MOST_AT_ONCE} shadow schedulers are running already: end one first`);
    const id = this.#nextId++;
    this.#running.add(id);
    let started = false;
    try {
      started = await this.#link.ask('startShadow', { id, request, seed: Math.floor(this.#random() * 0x100000000) });
    } finally {
      if (!started) this.#running.delete(id);
    }
    if (!started) throw new LvsError('NoSuchService', `no service ${key}`);
    this.#follow(id, intervalMs, durationMs, session);
    return { started: true };
  }

  #follow(id: number, intervalMs: number, durationMs: number, session: ApiSession): void {
    let leftMs = durationMs;
    let cancel = (): void => {};
    const wait = (): void => {
      const waitMs = Math.min(intervalMs, leftMs);
      leftMs -= waitMs;
      // A link that does not answer any more has ended, and its owner knows.
      cancel = this.#clock.after(waitMs, () => { look().catch(() => this.#running.delete(id)); });
    };
    const look = async (): Promise<void> => {
      const over = leftMs <= 0;
      const report = await this.#link.ask('readShadow', { id, stop: over });
      if (report === null || !this.#running.has(id)) return;
      session.event(over && report.ended === null ? { ...report, ended: 'duration' } : report);
      if (over) this.#running.delete(id);
      else if (report.ended === null) wait();
      else this.#stop(id);
    };
    wait();
    session.onClose(() => {
      cancel();
      this.#stop(id);
    });
  }

  #stop(id: number): void {
    if (!this.#running.delete(id)) return;
    this.#link.ask('readShadow', { id, stop: true }).catch(() => {});
  }
}
