/**
 * Which clients came again and got another destination than the last time, under two schedulers at once: what a change of the list, or a scheduler that
 * does not care who asks, costs those who keep something at a server. Bounded: the clients longest not seen are forgotten.
 */
import type { Returns, ShadowChange } from '../model/shadow-report.ts';
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';

const MOST_CLIENTS = 1 << 16;
const MOST_CHANGES = 32;
/** Of changes at one time, which count as one, so many are told. */
const MOST_TEXTS = 4;

interface Client { live: DestinationEntry | null; shadow: DestinationEntry | null; change: number }
type Counts = { -readonly [Key in keyof Returns]: Returns[Key] };

export class ReturningClients {
  readonly total: Counts = { returned: 0, movedLive: 0, movedShadow: 0 };
  /** By address; the one seen last is last. */
  readonly #clients = new Map<number | string, Client>();
  readonly #changes: (Counts & { readonly atMs: number; readonly texts: string[] })[] = [];
  #changeCount = 0;

  get changes(): readonly ShadowChange[] {
    return this.#changes.map(({ texts, ...each }) => ({ ...each, text: texts.length <= MOST_TEXTS ? texts.join(', ') : `${texts.slice(0, MOST_TEXTS).join(', ')} and ${texts.length - MOST_TEXTS} more` }));
  }

  came({ family, source }: Flow, live: DestinationEntry | null, shadow: DestinationEntry | null): void {
    const key = family === 4 ? source[3] as number : source.join();
    const before = this.#clients.get(key);
    if (before !== undefined) {
      count(this.total, before, live, shadow);
      const latest = this.#changes.at(-1);
      if (latest !== undefined && before.change < this.#changeCount) count(latest, before, live, shadow);
      this.#clients.delete(key);
    }
    this.#clients.set(key, { live, shadow, change: this.#changeCount });
    if (this.#clients.size > MOST_CLIENTS) this.#clients.delete(this.#clients.keys().next().value as number | string);
  }

  change(atMs: number, text: string): void {
    const latest = this.#changes.at(-1);
    if (latest?.atMs === Math.round(atMs)) {
      latest.texts.push(text);
      return;
    }
    this.#changeCount++;
    this.#changes.push({ atMs: Math.round(atMs), texts: [text], returned: 0, movedLive: 0, movedShadow: 0 });
    if (this.#changes.length > MOST_CHANGES) this.#changes.shift();
  }
}

function count(counts: Counts, before: Client, live: DestinationEntry | null, shadow: DestinationEntry | null): void {
  counts.returned++;
  if (before.live?.address !== live?.address || before.live?.port !== live?.port) counts.movedLive++;
  if (before.shadow?.address !== shadow?.address || before.shadow?.port !== shadow?.port) counts.movedShadow++;
}
