/**
 * From a desired configuration to the table it means, at one of two moments: `start`, before any check has run, as the format's own
 * program installs it; and `healthy`, every server up (but those that are down by configuration). Services that a file has twice become one: what came first counts.
 */
import { destinationKey, type Destination } from '../model/destination.ts';
import { destinationFor, type DesiredConfiguration, type DesiredDestination, type DesiredService } from '../model/desired-configuration.ts';
import { serviceKey, type ServiceId, type VirtualService } from '../model/virtual-service.ts';
import type { ConfiguredService } from './reconcile.ts';

export type Moment = 'start' | 'healthy';

interface Installed { readonly service: VirtualService; readonly destinations: Map<string, Destination> }

/** In the file's order; destinations newest first, as listings have them. `whose` original: as the format's own program would have it where ours differs. */
export function desiredTable({ services }: Pick<DesiredConfiguration, 'services'>, moment: Moment, whose: 'ours' | 'original' = 'ours'): ConfiguredService[] {
  const table = new Map<string, Installed>();
  for (const desired of services) {
    const destinations = installed(desired, moment);
    const folded = whose === 'original' ? desired.foldedId : undefined;
    for (const id of folded === undefined ? desired.ids : [folded]) {
      const key = serviceKey(id);
      if (!table.has(key)) table.set(key, { service: serviceOf(desired.service, id), destinations: new Map() });
      const list = table.get(key)!.destinations;
      for (const { destination, replaces } of destinations) {
        // Routed and tunnelled packets keep their port: behind a mark there is none to name.
        const own = destinationFor(id, folded !== undefined && destination.method !== 'masq' ? { ...destination, port: 0 } : destination);
        const place = destinationKey(own.address, own.port);
        if (!list.has(place) || (replaces && list.get(place)!.weight === 0)) list.set(place, own);
      }
    }
  }
  return [...table.values()].map(({ service, destinations }) => ({ service, destinations: [...destinations.values()].toReversed() }));
}

/** `replaces`: the sorry server takes over the entry of a server that is quiesced. */
function installed({ destinations, policy }: DesiredService, moment: Moment): { readonly destination: Destination; readonly replaces: boolean }[] {
  const wanted = destinations.filter(({ disabled }) => !disabled);
  const up = ({ startsUp, checks }: DesiredDestination): boolean => (moment === 'start' ? startsUp : !checks.some(({ check }) => check.kind === 'fixed' && !check.up));
  const weightOf = ({ destination, startWeight }: DesiredDestination): number => (moment === 'start' ? startWeight ?? destination.weight : destination.weight);
  const liveWeight = wanted.reduce((sum, one) => sum + (up(one) ? weightOf(one) : 0), 0);
  const { sorryServer, quorum, hysteresis } = policy;
  // NB: keepalived starts with the quorum down, whatever alpha says: it must be gained first.
  const reached = moment === 'start' ? liveWeight >= quorum + hysteresis : liveWeight > 0 && liveWeight >= quorum - hysteresis;
  const sorryAlone = sorryServer !== null && !reached && sorryServer.mode === 'replace';
  const result = wanted.flatMap((one) => {
    if (moment === 'start' && one.startsAbsent === true) return [];
    const { inhibitOnFailure } = one;
    const destination = { ...one.destination, weight: weightOf(one) };
    if (up(one) && !sorryAlone) return [{ destination, replaces: false }];
    return inhibitOnFailure || policy.onFailure === 'quiesce' ? [{ destination: { ...destination, weight: 0 }, replaces: false }] : [];
  });
  if (sorryServer === null || (reached && !sorryServer.inhibit)) return result;
  return [...result, { destination: reached ? { ...sorryServer.destination, weight: 0 } : sorryServer.destination, replaces: true }];
}

/** The options of a group's service under one of its ids; a mask that does not fit the family is the default one. */
export function serviceOf(service: VirtualService, id: ServiceId): VirtualService {
  const ipv6 = id.kind === 'fwmark' ? id.family === 6 : id.address.includes(':');
  const fits = /^\d+$/.test(service.persistenceMask) === ipv6;
  return { ...service, id, persistenceMask: fits ? service.persistenceMask : ipv6 ? '128' : '255.255.255.255' };
}
