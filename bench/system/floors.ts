/**
 * What we ask of ourselves, and whether a run reached it. A floor compares one measure of ours with the best of some peers, round by round, or with a
 * fixed figure. Where a floor is about a device, or about tsipvs as such, the shape of ours that does best counts: that is the one to choose for such
 * traffic. What every user pays (idle, memory) must hold for every shape.
 */
import type { Contender } from './contender.ts';
import { MEASURES, type MeasureName } from './measures.ts';
import type { Results } from './results.ts';
import { median } from '../median.ts';
import { spread, type Spread } from './statistics.ts';

export interface Floor {
  readonly measure: MeasureName;
  /** Device it is about; null: any. */
  readonly device: string | null;
  /** Compared with the best of these; empty: with a fixed figure. */
  readonly peers: readonly string[];
  /** Ratio to the peers, or the fixed figure: at least that where more is better, at most where less is. */
  readonly limit: number;
  readonly every: boolean;
}

const PROXIES = ['haproxy', 'nginx'];
const against = (device: string | null, measure: MeasureName, peers: readonly string[], limit: number): Floor => ({ device, measure, peers, limit, every: false });
const always = (measure: MeasureName, limit: number): Floor => ({ device: null, measure, peers: [], limit, every: true });

export const FLOORS: readonly Floor[] = [
  against('xdp', 'pps1k', ['nft'], 1.15),
  against('xdp', 'pps30k', ['nft'], 1.0),
  against('packet', 'bulk1', PROXIES, 1.5),
  against('packet', 'bulk1', ['nft'], 0.75),
  against('packet', 'bulk4', PROXIES, 1.1),
  against('packet', 'bulk16', PROXIES, 1.1),
  against(null, 'keep', ['haproxy'], 1.15),
  against(null, 'keepP99', ['haproxy'], 1.0),
  against(null, 'fresh', ['haproxy'], 1.5),
  always('idle', 0.5),
  always('memory', 256),
];

export interface Verdict {
  readonly floor: Floor;
  /** Each shape of ours that was measured, the one that decides first: ratio to the peers, or the figure itself. */
  readonly shapes: readonly { readonly contender: string; readonly value: Spread; readonly holds: boolean }[];
  readonly holds: boolean;
}

/** Floors whose measure and peers were part of the run. */
export function judge(results: Results, contenders: readonly Contender[]): Verdict[] {
  return FLOORS.flatMap((floor) => {
    const more = MEASURES[floor.measure].better === 'more';
    const shapes = contenders.filter(({ ours }) => ours !== null && (floor.device === null || ours.device === floor.device)).flatMap(({ name }) => {
      const values = compared(results, floor, name);
      if (values.length === 0) return [];
      const value = spread(values);
      return [{ contender: name, value, holds: more ? value.median >= floor.limit : value.median <= floor.limit }];
    });
    if (shapes.length === 0) return [];
    shapes.sort((a, b) => (more === floor.every ? a.value.median - b.value.median : b.value.median - a.value.median));
    return [{ floor, shapes, holds: floor.every ? shapes.every(({ holds }) => holds) : shapes.some(({ holds }) => holds) }];
  });
}

export function described({ measure, device, peers, limit }: Floor): string {
  const sign = MEASURES[measure].better === 'more' ? '>=' : '<=';
  const what = `${device === null ? '' : `${device}: `}${measure}`;
  if (peers.length === 0) return `${what} ${sign} ${limit} ${MEASURES[measure].unit}`;
  return `${what} ${sign} ${limit} x ${peers.length === 1 ? peers[0]! : `the better of ${peers.join(' and ')}`}`;
}

/** What a floor's limit is a multiple of: the median of the best peer in each round. */
export function reference(results: Results, { measure, peers }: Floor): number {
  return median(bestPeers(results, measure, peers).filter(Number.isFinite));
}

function compared(results: Results, { measure, peers }: Floor, ours: string): number[] {
  const own = results.rounds(ours, measure);
  if (peers.length === 0) return own.filter(Number.isFinite);
  const best = bestPeers(results, measure, peers);
  return own.map((value, round) => value / (best[round] ?? NaN)).filter(Number.isFinite);
}

/** The best of the peers in each round; empty unless all of them were measured. */
function bestPeers(results: Results, measure: MeasureName, peers: readonly string[]): number[] {
  const best = MEASURES[measure].better === 'more' ? Math.max : Math.min;
  const rounds = peers.map((peer) => results.rounds(peer, measure));
  return rounds.some(({ length }) => length === 0) ? [] : rounds[0]!.map((_, round) => best(...rounds.map((of) => of[round] ?? NaN)));
}
