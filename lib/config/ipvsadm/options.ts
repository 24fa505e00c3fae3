/**
 * Every option of ipvsadm 1.31 (and our own --json), and which of them each command takes: a table, because a person must be able
 * to check it against the manual page.
 */
import { usage } from './usage-error.ts';
import { OptionTable, type OptionSpec } from './popt.ts';
import type { TunnelType } from '../../model/destination.ts';

/** Commands by the names messages use. */
export const COMMAND_NAMES = [
  'add-service', 'edit-service', 'delete-service', 'flush', 'list', 'add-server', 'delete-server', 'edit-server',
  'set', 'start-daemon', 'stop-daemon', 'restore', 'save', 'zero', 'help', 'version',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** Options by the names messages use, in the order in which ipvsadm looks for illegal ones. */
export const OPTION_NAMES = [
  'numeric', 'connection', 'service-address', 'scheduler', 'persistent', 'netmask', 'real-server', 'forwarding-method', 'weight',
  'u-threshold', 'l-threshold', 'mcast-interface', 'timeout', 'daemon', 'stats', 'rate', 'thresholds', 'persistent-conn', 'nosort',
  'syncid', 'exact', 'ops', 'pe', 'sched-flags', 'mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen', 'tun-info', 'tun-type',
  'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum', 'json',
] as const;
export type OptionName = (typeof OPTION_NAMES)[number];

/** What a word on the command line stands for. */
export type Tag = CommandName | OptionName | 'tcp-service' | 'udp-service' | 'sctp-service' | 'fwmark-service' | 'masquerading' | 'ipip' | 'gatewaying' | 'ipv6' | 'sort';

const option = (long: string, short: string, argument: OptionSpec<Tag>['argument'], tag: Tag = long as Tag): OptionSpec<Tag> => ({ long, short, argument, tag });

export const OPTIONS = new OptionTable<Tag>([
  option('add-service', 'A', 'none'),
  option('edit-service', 'E', 'none'),
  option('delete-service', 'D', 'none'),
  option('clear', 'C', 'none', 'flush'),
  option('restore', 'R', 'none'),
  option('save', 'S', 'none'),
  option('add-server', 'a', 'none'),
  option('edit-server', 'e', 'none'),
  option('delete-server', 'd', 'none'),
  option('list', 'L', 'none'),
  option('list', 'l', 'none'),
  option('zero', 'Z', 'none'),
  option('set', '', 'none'),
  option('start-daemon', '', 'required'),
  option('stop-daemon', '', 'required'),
  option('help', 'h', 'none'),
  option('version', 'v', 'none'),
  option('tcp-service', 't', 'required'),
  option('udp-service', 'u', 'required'),
  option('sctp-service', '', 'required'),
  option('fwmark-service', 'f', 'required'),
  option('ipv6', '6', 'none'),
  option('scheduler', 's', 'required'),
  option('persistent', 'p', 'optional'),
  option('netmask', 'M', 'required'),
  option('pe', '', 'required'),
  option('sched-flags', 'b', 'required'),
  option('ops', 'o', 'none'),
  option('real-server', 'r', 'required'),
  option('gatewaying', 'g', 'none'),
  option('ipip', 'i', 'none'),
  option('masquerading', 'm', 'none'),
  option('weight', 'w', 'required'),
  option('u-threshold', 'x', 'required'),
  option('l-threshold', 'y', 'required'),
  option('tun-type', '', 'required'),
  option('tun-port', '', 'required'),
  option('tun-nocsum', '', 'none'),
  option('tun-csum', '', 'none'),
  option('tun-remcsum', '', 'none'),
  option('connection', 'c', 'none'),
  option('timeout', '', 'none'),
  option('daemon', '', 'none'),
  option('stats', '', 'none'),
  option('rate', '', 'none'),
  option('exact', '', 'none'),
  option('thresholds', '', 'none'),
  option('persistent-conn', '', 'none'),
  option('tun-info', '', 'none'),
  option('nosort', '', 'none'),
  option('sort', '', 'none'),
  option('numeric', 'n', 'none'),
  option('json', '', 'none'),
  option('syncid', '', 'required'),
  option('sync-maxlen', '', 'required'),
  option('mcast-interface', '', 'required'),
  option('mcast-group', '', 'required'),
  option('mcast-port', '', 'required'),
  option('mcast-ttl', '', 'required'),
]);

/** needed: must be there. alone: at most one of these. allowed: may be there. Everything else is illegal. */
interface Legality {
  readonly needed?: readonly OptionName[];
  readonly alone?: readonly OptionName[];
  readonly allowed?: readonly OptionName[];
}

const SERVICE_OPTIONS: Legality = { needed: ['service-address'], allowed: ['scheduler', 'persistent', 'netmask', 'ops', 'pe', 'sched-flags'] };
const SERVER_OPTIONS: Legality = {
  needed: ['service-address', 'real-server'],
  allowed: ['forwarding-method', 'weight', 'u-threshold', 'l-threshold', 'tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'],
};

const LEGAL: Readonly<Record<Exclude<CommandName, 'help' | 'version'>, Legality>> = {
  'add-service': SERVICE_OPTIONS,
  'edit-service': SERVICE_OPTIONS,
  'delete-service': { needed: ['service-address'] },
  'flush': {},
  'list': {
    alone: ['connection', 'service-address', 'timeout', 'daemon'],
    allowed: ['numeric', 'stats', 'rate', 'thresholds', 'persistent-conn', 'nosort', 'syncid', 'exact', 'tun-info', 'json'],
  },
  'add-server': SERVER_OPTIONS,
  'edit-server': SERVER_OPTIONS,
  'delete-server': { needed: ['service-address', 'real-server'] },
  'set': {},
  'start-daemon': { allowed: ['mcast-interface', 'syncid', 'mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen'] },
  'stop-daemon': { allowed: ['syncid'] },
  'restore': {},
  'save': { allowed: ['numeric'] },
  'zero': { allowed: ['service-address'] },
};

const LEGAL_FOR_TUNNEL: Readonly<Record<TunnelType, Legality>> = {
  ipip: {},
  gue: { needed: ['tun-port'], alone: ['tun-nocsum', 'tun-csum', 'tun-remcsum'] },
  gre: { alone: ['tun-nocsum', 'tun-csum'] },
};

export const TUNNEL_OPTIONS: readonly OptionName[] = ['tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'];

/** generic_opt_check(): the first option in OPTION_NAMES order that is missing, illegal or excluded by an earlier one. */
export function checkOptions(command: Exclude<CommandName, 'help' | 'version'>, given: ReadonlySet<OptionName>): void {
  check(LEGAL[command], OPTION_NAMES, given, `the '${command}' command`);
}

/** tunnel_opt_check() */
export function checkTunnelOptions(type: TunnelType, given: ReadonlySet<OptionName>): void {
  check(LEGAL_FOR_TUNNEL[type], TUNNEL_OPTIONS.slice(1), given, `the '${type}' tunnel type`);
}

function check(legal: Legality, order: readonly OptionName[], given: ReadonlySet<OptionName>, where: string): void {
  let first: OptionName | null = null;
  for (const name of order) {
    if (!given.has(name)) {
      if (legal.needed?.includes(name)) throw usage(`You need to supply the '${name}' option for ${where}`);
    } else if (legal.alone?.includes(name)) {
      if (first !== null) throw usage(`The option '${name}' conflicts with the '${first}' option in ${where}`);
      first = name;
    } else if (!legal.allowed?.includes(name) && !legal.needed?.includes(name)) {
      throw usage(`Illegal '${name}' option with ${where}`);
    }
  }
}
