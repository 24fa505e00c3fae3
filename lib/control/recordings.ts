/**
 * Recordings by command. What the data plane has recorded is fetched while the caller keeps up with reading it; when it does not, the data plane's queue
 * fills and loses records, which it counts. So a slow reader costs memory nowhere, and no packet waits.
 */
import type { HealthClock } from '../health/clock.ts';
import type { DataplaneLink } from '../model/dataplane-link.ts';
import { LvsError } from '../model/errors.ts';
import { serviceKey } from '../model/virtual-service.ts';
import type { ApiMethods } from './api/message.ts';
import type { ApiSession } from './api/server.ts';
import type { ServiceTable } from './service-table.ts';

const MOST_AT_ONCE = 2;
const LOOK_EVERY_MS = 100;

interface Running { finishing: boolean; records: number; leftMs: number; readonly session: ApiSession; cancel: () => void }

export class Recordings {
  readonly #table: ServiceTable;
  readonly #link: DataplaneLink;
  readonly #clock: Pick<HealthClock, 'after'>;
  readonly #running = new Map<number, Running>();
  #nextId = 1;

  constructor(table: ServiceTable, link: DataplaneLink, clock: Pick<HealthClock, 'after'>) {
    this.#table = table;
    this.#link = link;
    this.#clock = clock;
  }

  async start({ request, durationMs = Infinity }: ApiMethods['record'][0], session: ApiSession): Promise<{ recording: number }> {
    if (request.services.length === 0) throw new LvsError('BadRequest', 'name a service to record');
    for (const id of request.services) if (this.#table.service(id) === undefined) throw new LvsError('NoSuchService', `no service ${serviceKey(id)}`);
    if (this.#running.size >= MOST_AT_ONCE) throw new LvsError('InvalidOperation', `${MOST_AT_ONCE} recordings are running already: end one first`);
    const id = this.#nextId++;
    const running: Running = { finishing: false, records: 0, leftMs: durationMs, session, cancel: () => {} };
    this.#running.set(id, running);
    try {
      await this.#link.ask('startRecording', { id, request });
    } catch (error) {
      this.#running.delete(id);
      throw error;
    }
    this.#wait(id, running);
    session.onClose(() => this.#stop(id));
    return { recording: id };
  }

  finish(id: number): { ending: true } {
    const running = this.#running.get(id);
    if (running === undefined) throw new LvsError('BadRequest', `no recording ${id} is running`);
    running.finishing = true;
    return { ending: true };
  }

  #wait(id: number, running: Running): void {
    const waitMs = running.finishing ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, running.leftMs);
    // A link that does not answer any more has ended, and its owner knows.
    running.cancel = this.#clock.after(waitMs, () => {
      running.leftMs -= waitMs;
      if (running.leftMs <= 0) running.finishing = true;
      this.#fetch(id, running).catch(() => this.#running.delete(id));
    });
  }

  async #fetch(id: number, running: Running): Promise<void> {
    const { session } = running;
    while (session.ready()) {
      const batch = await this.#link.ask('readRecording', { id, then: running.finishing ? 'finish' : 'goOn' });
      if (batch === null || !this.#running.has(id)) return;
      running.records += batch.records.length;
      if (batch.records.length > 0) session.event({ records: batch.records });
      if (batch.over) {
        session.event({ end: { end: true, durationMs: batch.elapsedMs, records: running.records, lost: batch.lost } });
        this.#running.delete(id);
        return;
      }
      if (batch.full) running.finishing = true;
      if (!batch.more && !running.finishing) break;
    }
    this.#wait(id, running);
  }

  #stop(id: number): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    running.cancel();
    this.#link.ask('readRecording', { id, then: 'stop' }).catch(() => {});
  }
}
