/**
 * Services and destinations as ipvsadm -S writes them, one rule a line. What an address looks like (numbers, names) is the caller's.
 */
import type { Destination, ForwardingMethod, Tunnel } from '../../model/destination.ts';
import { SCHED_FLAG, serviceFamily, type ServiceId, type VirtualService } from '../../model/virtual-service.ts';
import { schedulerFlagNames } from '../../schedulers/names.ts';

const SERVICE_OPTION = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const;
const METHOD_OPTION: Readonly<Record<ForwardingMethod, string>> = { masq: '-m', route: '-g', tunnel: '-i', local: '-g' };
const CHECKSUM_OPTION = { none: '--tun-nocsum', csum: '--tun-csum', remcsum: '--tun-remcsum' } as const;
const ANY_SCHEDULER_FLAGS = [['flag-1', SCHED_FLAG.flag1], ['flag-2', SCHED_FLAG.flag2], ['flag-3', SCHED_FLAG.flag3]] as const;

/** "-t ADDRESS:PORT" or "-f MARK [-6]". `place` is the text of address and port, or of the mark. */
export function serviceOption(id: ServiceId, place: string): string {
  if (id.kind === 'fwmark') return `-f ${place}${id.family === 6 ? ' -6' : ''}`;
  return `${SERVICE_OPTION[id.protocol]} ${place}`;
}

/** `option` is serviceOption() of the service. */
export function serviceRule(service: VirtualService, option: string): string {
  let rule = `-A ${option} -s ${service.scheduler}`;
  if (service.persistenceSec > 0) {
    rule += ` -p ${service.persistenceSec}`;
    if (!isFullMask(service)) rule += ` -M ${service.persistenceMask}`;
  }
  if (service.persistenceEngine !== null) rule += ` --pe ${service.persistenceEngine}`;
  if (service.onePacket) rule += ' -o';
  if (service.schedFlags !== 0) rule += ` -b ${schedulerFlagText(service)}`;
  return rule;
}

/** `option` is serviceOption() of its service, `place` the text of the destination's address and port. */
export function destinationRule(option: string, destination: Destination, place: string): string {
  const { method, weight, tunnel } = destination;
  const rule = `-a ${option} -r ${place} ${METHOD_OPTION[method]} -w ${weight}`;
  return method === 'tunnel' ? `${rule} ${tunnelOptions(tunnel)}` : rule;
}

/** The flags by the names that the service's scheduler gives them; flags that it does not name are left out. */
export function schedulerFlagText({ scheduler, schedFlags }: VirtualService): string {
  const named = schedulerFlagNames(scheduler);
  const names = named.length > 0 ? named.map(({ name, bit }) => [name, bit] as const) : ANY_SCHEDULER_FLAGS;
  return names.filter(([, bit]) => (schedFlags & bit) !== 0).map(([name]) => name).join(',');
}

/** Whether every client is persistent for itself alone, the default. */
export function isFullMask({ id, persistenceMask }: VirtualService): boolean {
  return persistenceMask === (serviceFamily(id) === 6 ? '128' : '255.255.255.255');
}

function tunnelOptions({ type, port, checksum }: Tunnel): string {
  if (type === 'ipip') return '--tun-type ipip';
  return `--tun-type ${type}${type === 'gue' ? ` --tun-port ${port}` : ''} ${CHECKSUM_OPTION[checksum]}`;
}
