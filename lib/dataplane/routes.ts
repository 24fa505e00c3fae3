/**
 * Longest-prefix match, run for first packets only: the hit path uses next-hop indices cached in connections. One hash of prefixes per
 * length, tried from the longest down; only lengths that occur are tried. Among equal prefixes the lowest metric wins, as in the
 * kernel; between equal metrics the first listed.
 */
import { parseAddress, parsePrefix } from '../wire/address.ts';
import type { NetworkState, Route } from '../model/network-state.ts';

/** Results of a lookup that are not a next hop. */
export const ROUTE_LOCAL = -1;
export const ROUTE_NONE = -2;
export const ROUTE_BLACKHOLE = -3;
export const ROUTE_UNREACHABLE = -4;
export const ROUTE_PROHIBIT = -5;
export const ROUTE_BROADCAST = -6;

const TYPE_RESULT: Readonly<Record<Exclude<Route['type'], 'unicast'>, number>> = {
  local: ROUTE_LOCAL, broadcast: ROUTE_BROADCAST, blackhole: ROUTE_BLACKHOLE, unreachable: ROUTE_UNREACHABLE, prohibit: ROUTE_PROHIBIT,
};

export interface RouteEntry {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly mask: Int32Array;
  readonly length: number;
  readonly metric: number;
  /** 0 for a usable unicast route, else one of the ROUTE_ results. */
  readonly result: number;
  readonly interfaceIdx: number;
  /** Raw words, null = on-link. */
  readonly gateway: Int32Array | null;
  readonly gatewayFamily: 4 | 6;
  /** Preferred source, null = by interface. */
  readonly source: Int32Array | null;
  /** 0 = the interface's. */
  readonly mtu: number;
  /** The next hop that all addresses it leads to share, and the generation of the network in which they do; 0 = never. */
  hop: number;
  hopGeneration: number;
}

interface PrefixLength {
  readonly mask: Int32Array;
  readonly byHash: Map<number, RouteEntry[]>;
}

/** Routes of one family. */
export class RouteTable {
  readonly #lengths: PrefixLength[] = [];

  constructor(entries: readonly RouteEntry[]) {
    const sorted = entries.map((entry, order) => ({ entry, order }))
      .sort((a, b) => b.entry.length - a.entry.length || a.entry.metric - b.entry.metric || a.order - b.order);
    let length = -1;
    for (const { entry } of sorted) {
      if (entry.length !== length) {
        this.#lengths.push({ mask: entry.mask, byHash: new Map() });
        length = entry.length;
      }
      const { byHash } = this.#lengths.at(-1) as PrefixLength;
      const hash = mix(entry.words[0] as number, entry.words[1] as number, entry.words[2] as number, entry.words[3] as number);
      const chain = byHash.get(hash);
      if (chain === undefined) byHash.set(hash, [entry]);
      else chain.push(entry);
    }
  }

  lookup(w0: number, w1: number, w2: number, w3: number): RouteEntry | null {
    for (const { mask, byHash } of this.#lengths) {
      const m0 = w0 & (mask[0] as number);
      const m1 = w1 & (mask[1] as number);
      const m2 = w2 & (mask[2] as number);
      const m3 = w3 & (mask[3] as number);
      const chain = byHash.get(mix(m0, m1, m2, m3));
      if (chain === undefined) continue;
      for (const entry of chain) {
        const words = entry.words;
        if (words[0] === m0 && words[1] === m1 && words[2] === m2 && words[3] === m3) return entry;
      }
    }
    return null;
  }
}

/** Routes of a state as entries: listed routes, and every own address as a local route that beats them. */
export function routeEntries(state: NetworkState, family: 4 | 6): RouteEntry[] {
  const entries: RouteEntry[] = [];
  for (const iface of state.interfaces) {
    for (const text of iface.addresses) {
      const address = parseAddress(text.split('/')[0] as string);
      if (address?.family !== family) continue;
      const prefix = parsePrefix(text.split('/')[0] as string);
      if (prefix === null) continue;
      entries.push({ family, words: prefix.words, mask: prefix.mask, length: prefix.length, metric: -1, result: ROUTE_LOCAL,
        interfaceIdx: iface.index, gateway: null, gatewayFamily: family, source: null, mtu: 0, hop: 0, hopGeneration: 0 });
    }
  }
  for (const route of state.routes) {
    if (route.family !== family) continue;
    const entry = routeEntry(route);
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

function routeEntry(route: Route): RouteEntry | null {
  const prefix = parsePrefix(route.prefix);
  if (prefix === null || prefix.family !== route.family) return null;
  const gateway = route.via === null ? null : parseAddress(route.via);
  const source = route.source === null ? null : parseAddress(route.source);
  return {
    family: route.family, words: prefix.words, mask: prefix.mask, length: prefix.length, metric: route.metric,
    result: route.type === 'unicast' ? 0 : TYPE_RESULT[route.type],
    interfaceIdx: route.interface, gateway: gateway?.words ?? null, gatewayFamily: gateway?.family ?? route.family,
    source: source?.words ?? null, mtu: route.mtu, hop: 0, hopGeneration: 0,
  };
}

function mix(w0: number, w1: number, w2: number, w3: number): number {
  return Math.imul(w0 ^ Math.imul(w1, 0x85ebca6b) ^ Math.imul(w2, 0xc2b2ae35) ^ Math.imul(w3, 0x27d4eb2f), 0x9e3779b1);
}
