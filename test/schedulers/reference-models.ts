/**
 * Every scheduler a second time, slow and obvious: written from the published descriptions (LVS documentation, the Maglev paper,
 * the notes on the recorded kernel), not from our code, with BigInt wherever numbers may grow. A model sees the list (newest
 * first) and is told of changes, as a scheduler is.
 */
import type { SchedulerPacket } from '../../lib/schedulers/scheduler.ts';
import type { FakeDestination } from './fake-service.ts';

export interface Model {
  pick(list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null;
  changed?(list: readonly FakeDestination[], change: 'added' | 'removed' | 'edited', destination: FakeDestination, before: readonly FakeDestination[]): void;
}

const open = (destination: FakeDestination): boolean => destination.weight > 0 && !destination.overloaded;
const all = (destination: FakeDestination): bigint => BigInt(destination.activeConns) * 256n + BigInt(destination.activeConns + destination.inactiveConns);
const address = (words: Int32Array): bigint => [...words].reduce((sum, word) => sum ^ BigInt(word >>> 0), 0n);

/** The first one that no other beats: cost/weight strictly smaller wins. */
function cheapest(list: readonly FakeDestination[], cost: (destination: FakeDestination) => bigint, weighted = true): FakeDestination | null {
  const candidates = list.filter(open);
  const weight = (destination: FakeDestination): bigint => (weighted ? BigInt(destination.weight) : 1n);
  return candidates.find((one) => candidates.every((other) => cost(one) * weight(other) <= cost(other) * weight(one))) ?? null;
}

class RoundRobinModel implements Model {
  /** null: before the first. */
  last: FakeDestination | null = null;

  pick(list: readonly FakeDestination[]): FakeDestination | null {
    const start = this.last === null ? 0 : list.indexOf(this.last) + 1;
    const picked = [...list.slice(start), ...list.slice(0, start)].find(open) ?? null;
    if (picked !== null) this.last = picked;
    return picked;
  }

  changed(_list: readonly FakeDestination[], change: string, destination: FakeDestination, before: readonly FakeDestination[]): void {
    if (change === 'removed' && destination === this.last) this.last = before[before.indexOf(destination) - 1] ?? null;
  }
}

/** Weights in units of their common divisor are levels; level L takes every destination of at least L units. */
class WeightedRoundRobinModel implements Model {
  last: FakeDestination | null = null;
  level = 0;
  unit = 1;
  top = 0;

  pick(list: readonly FakeDestination[]): FakeDestination | null {
    if (this.top === 0) return null;
    const start = this.last === null ? 0 : list.indexOf(this.last) + 1;
    const takes = (level: number) => (destination: FakeDestination): boolean => open(destination) && destination.weight / this.unit >= level;
    // What is left of this level, then whole levels going down and round; empty ones can be left out.
    const highest = Math.max(0, ...list.filter(open).map(({ weight }) => weight / this.unit));
    const passes = [
      { level: this.level, list: list.slice(start) },
      { level: Math.min(this.level > 1 ? this.level - 1 : this.top, highest), list: list.filter(() => highest > 0) },
    ];
    for (const pass of passes) {
      const picked = pass.list.find(takes(pass.level));
      if (picked !== undefined) {
        this.level = pass.level;
        this.last = picked;
        return picked;
      }
    }
    // Nobody: the walk ends where it may stop looking, on the destination it began from if only the last level was left there.
    if (this.level === 1 && this.last !== null) return null;
    this.last = null;
    this.level = this.top;
    return null;
  }

  changed(list: readonly FakeDestination[]): void {
    const weights = list.map(({ weight }) => weight).filter((weight) => weight > 0);
    const threshold = (this.level - 1) * this.unit + 1;
    const empty = this.top === 0;
    this.last = null;
    this.top = 0;
    this.unit = 1;
    if (weights.length > 0) {
      this.unit = weights.reduce((a, b) => { while (b !== 0) [a, b] = [b, a % b]; return a; });
      this.top = Math.max(...weights) / this.unit;
    }
    if (empty || this.top === 0) this.level = this.top;
    else this.level = Math.min(this.top, this.unit > 1 ? Math.floor(threshold / this.unit) + 1 : threshold);
  }
}

const goldenRatioSlot = (number: bigint): number => Number(((number * 0x61c88647n) & 0xffffffffn) >> 24n);

class SourceHashModel implements Model {
  readonly withPort: boolean;
  readonly fallback: boolean;
  /** sh fills its table again on every change, edits included. */
  table: FakeDestination[] = [];

  constructor(flags: number) {
    this.fallback = (flags & 1) !== 0;
    this.withPort = (flags & 2) !== 0;
  }

  pick(_list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null {
    const first = goldenRatioSlot((address(packet.source) + BigInt(this.withPort ? packet.sourcePort : 0)) & 0xffffffffn);
    const tries = [first];
    if (this.fallback) for (let n = 0; n < 256; n++) tries.push((((first + n) % 256) + first) % 256);
    return tries.map((slot) => this.table[slot]).find((destination) => destination !== undefined && open(destination)) ?? null;
  }

  changed(list: readonly FakeDestination[]): void {
    this.table = [];
    while (list.length > 0 && this.table.length < 256) {
      for (const destination of list) for (let n = 0; n < Math.max(1, destination.weight) && this.table.length < 256; n++) this.table.push(destination);
    }
  }
}

class DestinationHashModel implements Model {
  pick(list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null {
    const destination = list[goldenRatioSlot(address(packet.destination)) % list.length];
    return destination !== undefined && open(destination) ? destination : null;
  }
}

function sipHash13(number: bigint, key: bigint): bigint {
  const mask = (1n << 64n) - 1n;
  const rotate = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (64n - by))) & mask;
  const block = (4n << 56n) | number;
  let [a, b, c, d] = [0x736f6d6570736575n ^ key, 0x646f72616e646f6dn ^ key, 0x6c7967656e657261n ^ key, 0x7465646279746573n ^ key ^ block] as [bigint, bigint, bigint, bigint];
  for (let n = 0; n < 4; n++) {
    a = (a + b) & mask; b = rotate(b, 13n) ^ a; a = rotate(a, 32n);
    c = (c + d) & mask; d = rotate(d, 16n) ^ c;
    a = (a + d) & mask; d = rotate(d, 21n) ^ a;
    c = (c + b) & mask; b = rotate(b, 17n) ^ c; c = rotate(c, 32n);
    if (n === 0) { a ^= block; c ^= 0xffn; }
  }
  return (a ^ b ^ c ^ d) & 0xffffffffn;
}

/** The paper's population: each destination has a preference list of all slots; in turns, each takes the first ones free. */
class MaglevModel implements Model {
  readonly fallback: boolean;
  readonly withPort: boolean;
  table: (FakeDestination | undefined)[] = [];

  constructor(flags: number) {
    this.fallback = (flags & 1) !== 0;
    this.withPort = (flags & 2) !== 0;
  }

  pick(_list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null {
    const number = address(packet.source) + BigInt(this.withPort ? packet.sourcePort : 0);
    const slotOf = (offset: number): number => Number(sipHash13((number + BigInt(offset)) & 0xffffffffn, 2654435761n) % 4093n);
    const first = slotOf(0);
    const own = this.table[first];
    if (own === undefined || open(own) || !this.fallback) return own !== undefined && open(own) ? own : null;
    for (let n = 0; n < 4093; n++) {
      const other = this.table[slotOf((first + n) % 4093)]!;
      if (open(other)) return other;
    }
    return null;
  }

  changed(list: readonly FakeDestination[]): void {
    const weights = list.map(({ lastWeight }) => lastWeight).filter((weight) => weight > 0);
    this.table = [];
    if (weights.length === 0) return;
    const unit = weights.reduce((a, b) => { while (b !== 0) [a, b] = [b, a % b]; return a; });
    let halvings = 0;
    while (Math.floor(Math.max(...weights) / unit / 2 ** halvings) > 63) halvings++;
    const takers = list.filter(({ lastWeight }) => lastWeight > 0).map((destination) => {
      const number = (address(destination.words) + BigInt(destination.port)) & 0xffffffffn;
      const offset = sipHash13(number, 2654435761n) % 4093n;
      const skip = (sipHash13(number, 2654446892n) % 4092n) + 1n;
      const preferences = Array.from({ length: 4093 }, (_, n) => Number((offset + BigInt(n) * skip) % 4093n)).values();
      return { destination, preferences, turns: Math.max(1, Math.floor(destination.lastWeight / unit / 2 ** halvings)) };
    });
    this.table = new Array<FakeDestination | undefined>(4093);
    for (let filled = 0; filled < 4093;) {
      for (const { destination, preferences, turns } of takers) {
        for (let n = 0; n < turns && filled < 4093; n++, filled++) {
          for (const slot of preferences) {
            if (this.table[slot] !== undefined) continue;
            this.table[slot] = destination;
            break;
          }
        }
      }
    }
  }
}

const overfull = (one: FakeDestination, list: readonly FakeDestination[]): boolean =>
  one.activeConns > one.weight && list.some((other) => BigInt(other.activeConns) * 2n < BigInt(other.weight));

class LocalityModel implements Model {
  readonly remembered = new Map<string, FakeDestination>();

  pick(list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null {
    const key = String(address(packet.destination));
    const last = list.find(({ name }) => name === this.remembered.get(key)?.name);
    if (last !== undefined && last.weight > 0 && !overfull(last, list)) return last;
    const least = cheapest(list, all);
    if (least !== null) this.remembered.set(key, least);
    return least;
  }
}

class ReplicatedLocalityModel implements Model {
  readonly sets = new Map<string, string[]>();

  pick(list: readonly FakeDestination[], packet: SchedulerPacket): FakeDestination | null {
    const key = String(address(packet.destination));
    const names = this.sets.get(key) ?? [];
    const members = names.flatMap((name) => list.find((destination) => destination.name === name) ?? []);
    const least = cheapest(members, all);
    if (least !== null && !overfull(least, list)) return least;
    const joining = cheapest(list, all);
    if (joining !== null) this.sets.set(key, names.includes(joining.name) ? names : [joining.name, ...names]);
    return joining;
  }
}

export const MODELS: Readonly<Record<string, (flags: number, random: () => number) => Model>> = {
  rr: () => new RoundRobinModel(),
  wrr: () => new WeightedRoundRobinModel(),
  lc: () => ({ pick: (list) => cheapest(list, all, false) }),
  wlc: () => ({ pick: (list) => cheapest(list, all) }),
  sed: () => ({ pick: (list) => cheapest(list, ({ activeConns }) => BigInt(activeConns) + 1n) }),
  nq: () => ({ pick: (list) => list.find((one) => open(one) && one.activeConns === 0) ?? cheapest(list, ({ activeConns }) => BigInt(activeConns) + 1n) }),
  fo: () => ({ pick: (list) => list.filter(open).sort((a, b) => b.weight - a.weight)[0] ?? null }),
  ovf: () => ({ pick: (list) => list.filter((one) => open(one) && one.activeConns <= one.weight).sort((a, b) => b.weight - a.weight)[0] ?? null }),
  dh: () => new DestinationHashModel(),
  sh: (flags) => new SourceHashModel(flags),
  mh: (flags) => new MaglevModel(flags),
  lblc: () => new LocalityModel(),
  lblcr: () => new ReplicatedLocalityModel(),
  twos: (_flags, random) => ({
    pick(list) {
      const candidates = list.filter(open);
      if (candidates.length === 0) return null;
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
      const draw = (): FakeDestination => {
        const ticket = Math.floor(random() * (total + 1));
        return candidates.find((_, n) => ticket <= candidates.slice(0, n + 1).reduce((sum, { weight }) => sum + weight, 0))!;
      };
      const [first, second] = [draw(), draw()];
      return all(second) * BigInt(first.weight) < all(first) * BigInt(second.weight) ? second : first;
    },
  }),
};
