/** The route syntax of ip-route(8), as the recordings use it in topologies and shell steps. */
import type { Route } from '../../lib/model/network-state.ts';
import type { Family } from '../../lib/model/protocol.ts';
import { addressBytes, addressText } from './frame-view.ts';

/** What the words say; everything else is the kernel's default. */
export interface RouteWords {
  family: Family; prefix: string; type?: Route['type']; via?: string; device?: string; source?: string; table?: string; metric?: number; mtu?: number;
}

const ROUTE_TYPES = ['unicast', 'local', 'broadcast', 'blackhole', 'unreachable', 'prohibit'];

export function parseRoute(words: string[], givenFamily: Family | undefined, deviceTowards: (via: string) => string | null): RouteWords {
  const type = ROUTE_TYPES.includes(words[0]!) ? (words[0] as Route['type']) : undefined;
  const target = words[type ? 1 : 0]!;
  const via = valueAfter(words, 'via');
  const family: Family = givenFamily ?? ((target + (via ?? '')).includes(':') ? 6 : 4);
  const bits = family === 6 ? 128 : 32;
  const prefix = target === 'default' ? (family === 6 ? '::/0' : '0.0.0.0/0') : target.includes('/') ? canonicalPrefix(target) : `${target}/${bits}`;
  const route: RouteWords = { family, prefix };
  if (type) route.type = type;
  if (via) route.via = via;
  const device = valueAfter(words, 'dev') ?? (via ? deviceTowards(via) : null);
  if (device) route.device = device;
  for (const [word, field] of [['src', 'source'], ['table', 'table']] as const) {
    const value = valueAfter(words, word);
    if (value) route[field] = value;
  }
  for (const field of ['metric', 'mtu'] as const) {
    const value = valueAfter(words, field);
    if (value) route[field] = Number(value);
  }
  return route;
}

function canonicalPrefix(text: string): string {
  const [address = '', length = ''] = text.split('/');
  return `${addressText(addressBytes(address))}/${length}`;
}

export function valueAfter(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at < 0 ? undefined : words[at + 1];
}
