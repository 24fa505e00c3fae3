/** A HealthController over a real table, a link that acknowledges everything, a virtual clock, and real servers that are a function. */
import { Controller } from '../../lib/control/controller.ts';
import { HealthController } from '../../lib/control/health-controller.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import { formatRules } from '../../lib/config/rules.ts';
import type { ProbeOutcome } from '../../lib/health/checker.ts';
import type { RunProbe } from '../../lib/health/monitor-pool.ts';
import { fifoLine, subjectOf, type Notice } from '../../lib/health/notice.ts';
import { scriptOf, wantsMail, type Notifier } from '../../lib/health/notifier.ts';
import { RecordingLink } from '../support/recording-link.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface Line { readonly atSec: number; readonly kind: 'FIFO' | 'SCRIPT' | 'MAIL' | 'IPVS'; readonly text: string }

export class HealthWorld {
  readonly clock = new VirtualClock(1000);
  readonly table = new ServiceTable();
  readonly link = new RecordingLink();
  readonly controller: Controller;
  readonly health: HealthController;
  readonly lines: Line[] = [];
  readonly problems: string[] = [];
  #table = '';

  constructor(probe: (...args: Parameters<RunProbe>) => ProbeOutcome | Promise<ProbeOutcome>, options: { random?: () => number; load?: () => number | null; hasAddress?: () => boolean } = {}) {
    const info = { version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], workers: null, connTabSize: 0, uptimeSec: 0 };
    this.controller = new Controller({ table: this.table, link: this.link, info: () => info });
    const notifier: Notifier = {
      notify: (notice: Notice) => {
        const script = scriptOf(notice);
        if (script !== null) this.#line('SCRIPT', script.command);
        this.#line('FIFO', fifoLine(notice));
        if (wantsMail(notice)) this.#line('MAIL', subjectOf(notice));
      },
      lost: 0, use() {}, close: async () => {},
    };
    this.health = new HealthController({
      table: this.table, api: this.controller, clock: this.clock, probe: async (...args) => probe(...args), random: options.random ?? (() => 0.5), notifier,
      readLoad: async () => options.load?.() ?? null, hasAddress: options.hasAddress ?? (() => true), log: { info() {}, warn() {}, error: (message) => void this.problems.push(message) },
    });
    const apply = this.link.apply.bind(this.link);
    this.link.apply = async (edits) => {
      await apply(edits);
      this.look();
    };
  }

  /** Seconds since the world began. */
  get sec(): number {
    return (this.clock.nowMs() - 1000) / 1000;
  }

  get rules(): string {
    return sortedRules(formatRules(this.table.services()));
  }

  /** Note the table if it changed. */
  look(): void {
    if (this.rules === this.#table) return;
    this.#table = this.rules;
    this.#line('IPVS', this.rules);
  }

  advance(sec: number): Promise<void> {
    return this.clock.advanceTo(this.clock.nowMs() + sec * 1000);
  }

  #line(kind: Line['kind'], text: string): void {
    this.lines.push({ atSec: this.sec, kind, text });
  }
}

export function sortedRules(text: string): string {
  return text.split(/[;\n]/).map((line) => line.trim()).filter((line) => line !== '').sort().join('; ');
}
