/**
 * What stands in ldirectord's table before any check has run. It enters every server and takes it out again, which leaves the server at weight 0
 * where the service is quiescent.
 *
 * NB: it notes the servers to take out by address and port alone, over all services, and then finds a server's services by its
 * check. Of several services with the same server but another check only the last one is done: the others do not have it yet.
 */
import type { Destination } from '../../model/destination.ts';
import type { DesiredDestination, DesiredService } from '../../model/desired-configuration.ts';
import type { ReadSection } from './finish-section.ts';

export function withStart(sections: readonly ReadSection[]): DesiredService[] {
  const last = new Map<string, string>();
  for (const { reals, identities } of sections) for (const [n, { destination, port }] of reals.entries()) last.set(`${destination.address} ${port}`, identities[n]!);
  return sections.map(({ service, reals, identities, quiescent }): DesiredService => {
    const fallback = service.policy.sorryServer?.destination;
    const destinations = service.destinations.map((destination, n): DesiredDestination => {
      const { address } = reals[n]!.destination;
      const elsewhere = quiescent && last.get(`${address} ${reals[n]!.port}`) !== identities[n];
      // NB: a server that is the fallback, too, goes with the fallback when it comes up.
      const isFallback = fallback !== undefined && placeOf(fallback) === placeOf(destination.destination);
      return (destination.startsUp ? isFallback : elsewhere) ? { ...destination, startsAbsent: true } : destination;
    });
    return { ...service, destinations: onceEach(destinations, reals.map(({ port }) => port)) };
  });
}

/** The same entry of the table twice: it stays where it is and becomes the last one; unless the file gives another port, which ldirectord looks for in vain. */
function onceEach(destinations: readonly DesiredDestination[], ports: readonly number[]): DesiredDestination[] {
  const places = new Map<string, { readonly port: number; destination: DesiredDestination }>();
  for (const [n, one] of destinations.entries()) {
    const key = placeOf(one.destination);
    const before = places.get(key);
    if (before === undefined) places.set(key, { port: ports[n]!, destination: one });
    else if (before.port === ports[n]) before.destination = one;
  }
  return [...places.values()].map(({ destination }) => destination);
}

function placeOf({ address, port }: Destination): string {
  return `${address} ${port}`;
}
