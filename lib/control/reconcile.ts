/**
 * From what is configured to what is wanted, as the fewest commands: what SIGHUP and configuration readers apply. Decision only; the
 * Controller runs the commands. Destinations that stay keep their connections and counters, edits are edits, never remove and add.
 */
import type { Destination } from '../model/destination.ts';
import { destinationKey } from '../model/destination.ts';
import { serviceKey, type VirtualService } from '../model/virtual-service.ts';
import type { ControlCommand } from './api/message.ts';

export interface ConfiguredService {
  readonly service: VirtualService;
  /** Newest first, the kernel's list order. */
  readonly destinations: readonly Destination[];
}

/**
 * Removals come first (a wanted service may need the place of an unwanted one), then edits and additions in the wanted order.
 * Both lists hold destinations newest first, so new ones are added from the end: the result lists them in the wanted order.
 */
export function reconcile(current: readonly ConfiguredService[], desired: readonly ConfiguredService[]): ControlCommand[] {
  const have = new Map(current.map((configured) => [serviceKey(configured.service.id), configured]));
  const want = new Map(desired.map((configured) => [serviceKey(configured.service.id), configured]));
  const commands: ControlCommand[] = [];
  for (const [key, { service }] of have) if (!want.has(key)) commands.push({ op: 'deleteService', id: service.id });
  for (const [key, { service, destinations }] of want) {
    const existing = have.get(key);
    if (existing === undefined) commands.push({ op: 'addService', service });
    else if (!sameValue(existing.service, service)) commands.push({ op: 'editService', service });
    commands.push(...reconcileDestinations(service, existing?.destinations ?? [], destinations));
  }
  return commands;
}

function reconcileDestinations({ id }: VirtualService, current: readonly Destination[], desired: readonly Destination[]): ControlCommand[] {
  const key = (destination: Destination): string => destinationKey(destination.address, destination.port);
  const have = new Map(current.map((destination) => [key(destination), destination]));
  const want = new Set(desired.map(key));
  const commands: ControlCommand[] = [];
  for (const { address, port } of current) if (!want.has(destinationKey(address, port))) commands.push({ op: 'deleteDestination', id, address, port });
  for (const destination of desired.toReversed()) {
    const existing = have.get(key(destination));
    if (existing === undefined) commands.push({ op: 'addDestination', id, destination });
    else if (!sameValue(existing, destination)) commands.push({ op: 'editDestination', id, destination });
  }
  return commands;
}

/** Deep equality of the model's plain values, whatever the order of their fields. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const fields = Object.keys(a);
  return fields.length === Object.keys(b).length
    && fields.every((field) => sameValue((a as Record<string, unknown>)[field], (b as Record<string, unknown>)[field]));
}
