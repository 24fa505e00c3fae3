/** The shadow schedulers and recordings that run, by the ids their starters gave them. */
import type { FlowBatch, RecordingRequest } from '../model/flow-recording.ts';
import type { ShadowReport, ShadowRequest } from '../model/shadow-report.ts';
import type { SchedulerFactory } from '../schedulers/scheduler.ts';
import { seededRandom } from '../structures/seeded-random.ts';
import type { CoreContext } from './core-context.ts';
import { FlowObservers } from './flow-observer.ts';
import { FlowRecorder } from './flow-recorder.ts';
import { Shadow } from './shadow.ts';

export class Observations {
  readonly #core: CoreContext;
  readonly #schedulers: Readonly<Record<string, SchedulerFactory>> | undefined;
  readonly #shadows = new Map<number, Shadow>();
  readonly #recorders = new Map<number, FlowRecorder>();

  constructor(core: CoreContext, schedulers: Readonly<Record<string, SchedulerFactory>> | undefined) {
    this.#core = core;
    this.#schedulers = schedulers;
  }

  startShadow(id: number, request: ShadowRequest, seed: number, nowMs: number): boolean {
    this.#core.nowMs = nowMs;
    const live = this.#core.services.get(request.service);
    if (live === undefined) return false;
    this.#shadows.set(id, new Shadow(this.#core, live, request, seededRandom(seed), this.#schedulers));
    this.#observe();
    return true;
  }

  readShadow(id: number, stop: boolean, nowMs: number): ShadowReport | null {
    this.#core.nowMs = nowMs;
    const report = this.#shadows.get(id)?.report() ?? null;
    if (stop) {
      this.#shadows.delete(id);
      this.#observe();
    }
    return report;
  }

  startRecording(id: number, request: RecordingRequest, nowMs: number): true {
    this.#core.nowMs = nowMs;
    this.#recorders.set(id, new FlowRecorder(this.#core, request));
    this.#observe();
    return true;
  }

  readRecording(id: number, then: 'goOn' | 'finish' | 'stop', nowMs: number): FlowBatch | null {
    this.#core.nowMs = nowMs;
    const batch = this.#recorders.get(id)?.read(then !== 'goOn') ?? null;
    if (then === 'stop' || batch?.over === true) {
      this.#recorders.delete(id);
      this.#observe();
    }
    return batch;
  }

  #observe(): void {
    const all = [...this.#shadows.values(), ...this.#recorders.values()];
    this.#core.observer = all.length === 0 ? null : new FlowObservers(all);
  }
}
