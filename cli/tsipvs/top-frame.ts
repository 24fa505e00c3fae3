/** One picture of `tsipvs top`: plain lines, no escape codes, cut to the terminal. */
import type { DaemonInfo, ListedService } from '../../lib/control/api/message.ts';
import type { Destination } from '../../lib/model/destination.ts';
import type { DataplaneStats, Stats } from '../../lib/model/stats.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { short } from './short.ts';
import { workerRows } from './worker-rows.ts';

export interface TopPicture {
  readonly info: DaemonInfo;
  readonly stats: DataplaneStats;
  readonly services: readonly ListedService[];
  /** "14:05:09". */
  readonly time: string;
  /** When, on any clock that only goes forward. */
  readonly atMs: number;
}

export interface TopSize { readonly columns: number; readonly rows: number }

const METHOD: Readonly<Record<Destination['method'], string>> = { masq: 'Masq', route: 'Route', tunnel: 'Tunnel', local: 'Local' };
/** Rates: [heading, what, whether it is bits]. */
const RATES: readonly (readonly [string, (stats: Stats) => number])[] = [
  ['CPS', ({ cps }) => cps], ['InPPS', ({ inPps }) => inPps], ['OutPPS', ({ outPps }) => outPps], ['InBit/s', ({ inBps }) => inBps * 8], ['OutBit/s', ({ outBps }) => outBps * 8],
];
const NAME_COLUMNS = 34;

/** `before`: the picture before this one, which the workers' rates count from; without, they count from the start. */
export function topFrame(picture: TopPicture, { columns, rows }: TopSize, before: TopPicture | null = null): string[] {
  const { info, stats, services, time } = picture;
  const head = [
    `tsipvs top ${time}   up ${duration(info.uptimeSec)}   device ${info.device} (${info.interfaces.join(', ') || 'no interface'})`,
    `connections ${stats.connections} of ${stats.maxConnections}, ${stats.templates} templates   packets ${short(stats.total.inPps)}/s in, ${short(stats.total.outPps)}/s out   dropped ${stats.drops.reduce((sum, count) => sum + count, 0)}`,
    '',
    ...(before === null ? workerRows(stats.workers, info.uptimeSec) : workerRows(stats.workers, (picture.atMs - before.atMs) / 1000, before.stats.workers)),
    ...(stats.workers.length === 0 ? [] : ['']),
    row('Service or real server', 'Fwd', 'Weight', 'Active', 'InAct', RATES.map(([heading]) => heading)),
  ];
  const body = services.length === 0 ? ['no virtual services: add one with tsipvsadm -A'] : services.flatMap(serviceRows);
  const room = Math.max(1, rows - head.length - 1);
  const shown = body.length <= room ? body : [...body.slice(0, room - 1), `... ${body.length - room + 1} more lines`];
  return [...head, ...shown].map((line) => line.slice(0, columns).trimEnd());
}

function serviceRows({ service, run, destinations }: ListedService): string[] {
  const byPlace = new Map(run.destinations.map((one) => [`${one.address} ${one.port}`, one]));
  const [active, inactive] = [sum(run.destinations.map(({ activeConns }) => activeConns)), sum(run.destinations.map(({ inactiveConns }) => inactiveConns))];
  return [
    row(`${serviceName(service.id)} ${service.scheduler}`, '', '', short(active), short(inactive), rates(run.stats)),
    ...destinations.map(({ destination, run: listed }) => {
      const now = byPlace.get(`${destination.address} ${destination.port}`) ?? listed;
      const { address, port, method, weight } = destination;
      return row(`  -> ${place(address, port)}`, METHOD[method], `${weight}${now.overloaded ? '!' : ''}`, short(now.activeConns), short(now.inactiveConns), rates(now.stats));
    }),
  ];
}

function rates(stats: Stats): string[] {
  return RATES.map(([, value]) => short(value(stats)));
}

function row(name: string, method: string, weight: string, active: string, inactive: string, rest: readonly string[]): string {
  return `${name.padEnd(NAME_COLUMNS)} ${method.padEnd(6)} ${weight.padStart(6)} ${active.padStart(7)} ${inactive.padStart(7)}${rest.map((text) => ` ${text.padStart(8)}`).join('')}`;
}

function serviceName(id: ServiceId): string {
  return id.kind === 'fwmark' ? `FWM ${id.fwmark >>> 0}${id.family === 6 ? ' IPv6' : ''}` : `${id.protocol.toUpperCase()} ${place(id.address, id.port)}`;
}

function place(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function duration(seconds: number): string {
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days > 0 ? `${days}d${hours}h` : hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m${Math.floor(seconds) % 60}s` : `${Math.floor(seconds)}s`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
