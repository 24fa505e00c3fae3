/** Which flows an event moves, and which another director would send elsewhere: asked of copies (probe.ts) around each change of the service. */
import type { Disruption } from '../result.ts';
import { RandomStream } from '../random.ts';
import type { SchedulerFactory } from '../../schedulers/scheduler.ts';
import { Probe, type ProbedServer, type ProbeFlow } from './probe.ts';

export interface DisruptionOptions {
  readonly factory: SchedulerFactory;
  readonly schedFlags: number;
  readonly protocol: 'tcp' | 'udp';
  readonly flows: readonly ProbeFlow[];
  readonly seed: number;
}

export class DisruptionMeter {
  readonly disruption: Disruption[] = [];
  readonly #options: DisruptionOptions;
  #before: { readonly picks: Int32Array; readonly servers: readonly ProbedServer[] } | null = null;
  #asked = 0;
  #flows = 0;
  #differ = 0;

  constructor(options: DisruptionOptions) {
    this.#options = options;
  }

  /** Right before a change. Servers newest first. */
  before(servers: readonly ProbedServer[]): void {
    this.#before = { picks: this.#ask(servers), servers };
  }

  /** Right after it. `event`: its index in the result. */
  after(event: number, servers: readonly ProbedServer[]): void {
    const { picks, servers: old } = this.#before!;
    const now = this.#ask(servers);
    const there = new Set(servers.filter(({ weight }) => weight > 0).map(({ server }) => server));
    const away = new Set(old.filter(({ server, weight }) => weight > 0 && !there.has(server)).map(({ server }) => server));
    let moved = 0, gone = 0;
    for (let flow = 0; flow < now.length; flow++) {
      if (now[flow] !== picks[flow]) moved++;
      if (away.has(picks[flow]!)) gone++;
    }
    this.disruption.push({ event, probes: now.length, moved, necessary: away.size > 0 ? gone : Math.round(now.length * dueElsewhere(old, servers)) });
    this.disagree(servers, now);
  }

  /** A second director has the same servers, told of in the opposite order, and none of the connections. */
  disagree(servers: readonly ProbedServer[], ours = this.#ask(servers)): void {
    const theirs = this.#ask(servers.map((server) => ({ ...server, active: 0, inactive: 0 })).reverse());
    this.#flows += theirs.length;
    for (let flow = 0; flow < theirs.length; flow++) if (theirs[flow] !== ours[flow]) this.#differ++;
  }

  get disagreement(): { readonly flows: number; readonly differ: number } {
    return { flows: this.#flows, differ: this.#differ };
  }

  #ask(servers: readonly ProbedServer[]): Int32Array {
    const { factory, schedFlags, protocol, flows, seed } = this.#options;
    // Each asking draws its own numbers, as the same flow coming twice would.
    return new Probe(factory, schedFlags, protocol, servers, new RandomStream(seed, `probe ${this.#asked++}`)).askAll(flows, true);
  }
}

/** The part of the flows that the weights of now give to other servers than those of before. */
function dueElsewhere(before: readonly ProbedServer[], after: readonly ProbedServer[]): number {
  const share = (servers: readonly ProbedServer[]): Map<number, number> => {
    const total = servers.reduce((sum, { weight }) => sum + weight, 0);
    return new Map(servers.map(({ server, weight }) => [server, total === 0 ? 0 : weight / total]));
  };
  const old = share(before);
  let more = 0;
  for (const [server, now] of share(after)) more += Math.max(0, now - (old.get(server) ?? 0));
  return more;
}
