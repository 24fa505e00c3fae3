/** The service table as ipvsadm -L prints it: one heading and one row form for each kind of listing, formats as its printf calls. */
import type { OptionName } from '../../lib/config/ipvsadm/options.ts';
import { isFullMask, schedulerFlagText } from '../../lib/config/ipvsadm/save-form.ts';
import type { DaemonInfo, ListedDestination, ListedService } from '../../lib/control/api/message.ts';
import type { ForwardingMethod, Tunnel } from '../../lib/model/destination.ts';
import type { Stats } from '../../lib/model/stats.ts';
import { serviceFamily, type ServiceId, type VirtualService } from '../../lib/model/virtual-service.ts';
import { counterText } from './counter.ts';
import type { PlaceText } from './place-text.ts';

/** The version of IPVS that this is like, not ours. */
const IPVS_VERSION = '1.2.1';
const MAX_LISTED_CHARACTERS = 28;
const METHOD_TEXT: Readonly<Record<ForwardingMethod, string>> = { masq: 'Masq', route: 'Route', tunnel: 'Tunnel', local: 'Local' };
const PROTOCOL_TEXT = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const;
const CHECKSUM_TEXT = { none: '-c', csum: '+c', remcsum: 'r+c' } as const;

/** One kind of listing. */
interface TableForm {
  readonly heading: string;
  /** What follows the service's name. */
  service(service: ListedService, exact: boolean): string;
  /** What follows the destination's address. */
  destination(listed: ListedDestination, exact: boolean): string;
  readonly serviceWidth: number;
}

const ADDRESS_HEADING = 'Prot LocalAddress:Port'.padEnd(33);
const SECOND_LINE = '  -> RemoteAddress:Port\n';
const SCHEDULER_HEADING = 'Prot LocalAddress:Port Scheduler Flags\n';

const byCounters = (headings: readonly string[], fields: readonly (keyof Stats)[]): TableForm => {
  const counters = (stats: Stats, exact: boolean): string => fields.map((field) => counterText(stats[field], exact)).join('');
  return {
    heading: `${ADDRESS_HEADING}${headings.map((heading) => ` ${heading.padStart(8)}`).join('')}\n${SECOND_LINE}`,
    serviceWidth: 33,
    service: ({ run }, exact) => counters(run.stats, exact),
    destination: ({ run }, exact) => counters(run.stats, exact),
  };
};

const byColumns = (heading: string, cells: (listed: ListedDestination) => readonly (readonly [string | number, number])[]): TableForm => ({
  heading,
  serviceWidth: 0,
  service: ({ service }) => ` ${schedulingText(service)}`,
  destination: (listed) => cells(listed).map(([value, width]) => ` ${String(value).padEnd(width)}`).join(''),
});

const columnHeading = (headings: readonly (readonly [string, number])[]): string =>
  `${ADDRESS_HEADING}${headings.map(([heading, width]) => ` ${heading.padEnd(width)}`).join('')}\n${SECOND_LINE}`;

const conns = ({ run }: ListedDestination): readonly (readonly [number, number])[] => [[run.activeConns, 10], [run.inactiveConns, 10]];

/** First match wins, as ipvsadm looks for them. */
const FORMS: readonly (readonly [option: OptionName, form: TableForm])[] = [
  ['stats', byCounters(['Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes'], ['conns', 'inPkts', 'outPkts', 'inBytes', 'outBytes'])],
  ['rate', byCounters(['CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS'], ['cps', 'inPps', 'outPps', 'inBps', 'outBps'])],
  ['thresholds', byColumns(
    columnHeading([['Uthreshold', 10], ['Lthreshold', 10], ['ActiveConn', 10], ['InActConn', 10]]),
    (listed) => [[listed.destination.upperThreshold, 10], [listed.destination.lowerThreshold, 10], ...conns(listed)],
  )],
  ['persistent-conn', byColumns(
    columnHeading([['Weight', 9], ['PersistConn', 11], ['ActiveConn', 10], ['InActConn', 10]]),
    (listed) => [[listed.destination.weight, 9], [listed.run.persistentConns, 11], ...conns(listed)],
  )],
  ['tun-info', byColumns(
    `${SCHEDULER_HEADING}  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n`,
    (listed) => [[METHOD_TEXT[listed.destination.method], 7], [tunnelText(listed), 13], [listed.destination.weight, 6], ...conns(listed)],
  )],
];

const PLAIN = byColumns(
  `${SCHEDULER_HEADING}  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n`,
  (listed) => [[METHOD_TEXT[listed.destination.method], 7], [listed.destination.weight, 6], ...conns(listed)],
);

/** `info` null: the first line is left out, as it is when one service is listed. */
export function tableText(services: readonly ListedService[], options: ReadonlySet<OptionName>, place: PlaceText, info: DaemonInfo | null): string {
  const form = FORMS.find(([option]) => options.has(option))?.[1] ?? PLAIN;
  const exact = options.has('exact');
  const lines = [info === null ? '' : `IP Virtual Server version ${IPVS_VERSION} (size=${info.connTabSize})\n`, form.heading];
  for (const service of services) {
    const { id } = service.service;
    lines.push(`${serviceText(id, place).padEnd(form.serviceWidth)}${form.service(service, exact)}\n`);
    const protocol = id.kind === 'address' ? id.protocol : null;
    for (const listed of service.destinations) {
      const { address, port } = listed.destination;
      lines.push(`  -> ${shortened(address, place.of(address, port, protocol)).padEnd(28)}${form.destination(listed, exact)}\n`);
    }
  }
  return lines.join('');
}

/** Names are cut to the column, IPv6 (names or not) pushes it aside. */
function shortened(address: string, text: string): string {
  return address.includes(':') ? text : text.slice(0, MAX_LISTED_CHARACTERS);
}

function serviceText(id: ServiceId, place: PlaceText): string {
  if (id.kind === 'fwmark') return `FWM  ${id.fwmark | 0}${serviceFamily(id) === 6 ? ' IPv6' : ''}`;
  return `${PROTOCOL_TEXT[id.protocol].padEnd(4)} ${shortened(id.address, place.of(id.address, id.port, id.protocol))}`;
}

function schedulingText(service: VirtualService): string {
  let text = service.scheduler;
  if (service.schedFlags !== 0) text += ` (${schedulerFlagText(service)})`;
  if (service.persistenceSec > 0) {
    text += ` persistent ${service.persistenceSec}`;
    if (!isFullMask(service)) text += ` mask ${service.persistenceMask}`;
    if (service.persistenceEngine !== null) text += ` pe ${service.persistenceEngine}`;
  }
  return service.onePacket ? `${text} ops` : text;
}

function tunnelText({ destination: { method, tunnel } }: ListedDestination): string {
  return method === 'tunnel' ? encapsulationText(tunnel) : 'n/a';
}

function encapsulationText({ type, port, checksum }: Tunnel): string {
  if (type === 'ipip') return type;
  return `${type}${type === 'gue' ? `:${port}` : ''}:${CHECKSUM_TEXT[checksum]}`;
}
