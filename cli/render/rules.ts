/** The table as ipvsadm -S prints it: sorted, without thresholds, marks as signed numbers. */
import { destinationRule, serviceOption, serviceRule } from '../../lib/config/ipvsadm/save-form.ts';
import type { ListedService } from '../../lib/control/api/message.ts';
import type { PlaceText } from './place-text.ts';

export function rulesText(services: readonly ListedService[], place: PlaceText): string {
  const lines: string[] = [];
  for (const { service, destinations } of services) {
    const { id } = service;
    const protocol = id.kind === 'address' ? id.protocol : null;
    const option = serviceOption(id, id.kind === 'fwmark' ? String(id.fwmark | 0) : place.of(id.address, id.port, protocol));
    lines.push(`${serviceRule(service, option)}\n`);
    for (const { destination } of destinations) {
      lines.push(`${destinationRule(option, destination, place.of(destination.address, destination.port, protocol))}\n`);
    }
  }
  return lines.join('');
}
