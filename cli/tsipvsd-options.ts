/** The daemon's command line: argv -> checked values, or one line saying what is wrong. */
import yargs from 'yargs';
import { DEFAULT_SOCKET } from '../lib/control/api/message.ts';
import { LOG_LEVELS, type LogLevel } from '../lib/control/log.ts';
import { parseMetricsAddress, type MetricsAddress } from '../lib/metrics/http.ts';

export const DEVICE_KINDS = ['auto', 'packet', 'xdp', 'xdp-generic', 'pcap', 'none'] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];

/** 128 bytes a connection: more would not fit into one typed array's memory on common machines. */
const MOST_CONNECTIONS = 16 * 1024 * 1024;
const MOST_WORKERS = 64;

export interface DaemonCommandLine {
  /** Empty: all that carry a route. */
  readonly interfaces: readonly string[];
  readonly device: DeviceKind;
  readonly socket: string;
  readonly socketGroup: string | null;
  readonly rules: string | null;
  readonly config: string | null;
  readonly saveOnExit: boolean;
  readonly metrics: MetricsAddress | null;
  readonly logLevel: LogLevel;
  readonly jsonLogs: boolean;
  readonly maxConnections: number;
  /** Null: by processors and queues. */
  readonly workers: number | null;
  readonly ownVips: boolean;
}

export class UsageError extends Error {}

/** Null when --help or --version was answered. */
export async function parseDaemonOptions(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>, version: string): Promise<DaemonCommandLine | null> {
  let shown = false;
  const parser = yargs([...argv])
    .scriptName('tsipvsd')
    .usage('$0 [options]\n\nThe tsipvs director: balances packets as configured by tsipvsadm. Runs in the foreground.')
    .option('interface', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'Interface to work on; repeatable. Default: all that carry a route' })
    .option('device', { choices: DEVICE_KINDS, default: 'packet' as DeviceKind, requiresArg: true, describe: 'How frames are received: packet (AF_PACKET), xdp (AF_XDP, native; packet where that cannot be), xdp-generic (AF_XDP on any driver), auto (xdp, but packet on virtual interfaces), pcap (libpcap, lab grade), none (control plane only, no privileges)' })
    .option('socket', { type: 'string', default: environment['TSIPVS_SOCKET'] || DEFAULT_SOCKET, requiresArg: true, describe: 'Control socket; TSIPVS_SOCKET sets it too' })
    .option('socket-group', { type: 'string', requiresArg: true, describe: 'Group that may use the control socket' })
    .option('rules', { type: 'string', requiresArg: true, describe: 'Rules to load before the first packet (tsipvsadm -S form); read again on SIGHUP' })
    .option('config', { type: 'string', requiresArg: true, describe: 'Services with health checks, as keepalived.conf, ldirectord.cf, lvs.cf, haproxy.cfg or YAML; read again on SIGHUP' })
    .option('save-on-exit', { type: 'boolean', default: false, describe: 'Write the rules back to the --rules file when ending' })
    .option('metrics', { type: 'string', requiresArg: true, describe: 'Serve Prometheus metrics at [ADDR:]PORT (127.0.0.1 if only a port is given)' })
    .option('log-level', { choices: LOG_LEVELS, default: 'info' as LogLevel, requiresArg: true, describe: 'Least important level to log' })
    .option('json-logs', { type: 'boolean', default: false, describe: 'Log lines as JSON' })
    .option('max-connections', { type: 'string', default: '1048576', requiresArg: true, describe: 'Entries the connection table may grow to' })
    .option('workers', { type: 'string', requiresArg: true, describe: 'Threads of the data plane. Default: half of the processors it may use, at most 4; under XDP not more than the receive queues of any interface' })
    .option('own-vips', { type: 'boolean', default: false, describe: 'Answer ARP and neighbour discovery for service addresses that no interface has' })
    .parserConfiguration({ 'greedy-arrays': false, 'parse-numbers': false, 'boolean-negation': false })
    .strict().demandCommand(0, 0, '', 'unexpected argument').version(version).help().alias('help', 'h').alias('version', 'V').wrap(100)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw new UsageError(`${(message ?? error?.message ?? 'wrong usage').replace(/\s*\n\s*/g, ' ').trim()}: see tsipvsd --help`);
    });
  const parsed = await parser.parseAsync([...argv], {}, (_error: unknown, _argv: unknown, output: string) => {
    if (output === '') return;
    shown = true;
    process.stdout.write(`${output}\n`);
  });
  if (shown) return null;
  for (const [name, value] of Object.entries(parsed)) if (Array.isArray(value) && name !== 'interface' && name !== '_') throw new UsageError(`--${name} is given more than once`);
  const { rules, config } = parsed;
  if (config !== undefined && rules !== undefined) throw new UsageError('--config and --rules both say which services there are: give one of them');
  if (parsed.saveOnExit && rules === undefined) throw new UsageError('--save-on-exit needs --rules FILE to save to');
  return {
    interfaces: [...new Set(parsed.interface ?? [])], device: parsed.device, socket: parsed.socket, socketGroup: parsed.socketGroup ?? null,
    rules: rules ?? null, config: config ?? null, saveOnExit: parsed.saveOnExit, metrics: metricsAddress(parsed.metrics), logLevel: parsed.logLevel, jsonLogs: parsed.jsonLogs,
    maxConnections: connectionLimit(parsed.maxConnections), workers: workers(parsed.workers), ownVips: parsed.ownVips,
  };
}

function metricsAddress(text: string | undefined): MetricsAddress | null {
  if (text === undefined) return null;
  const address = parseMetricsAddress(text);
  if (address === null) throw new UsageError(`--metrics ${text} is not [ADDR:]PORT, for example 9117 or 0.0.0.0:9117`);
  return address;
}

function workers(text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MOST_WORKERS) throw new UsageError(`--workers ${text} is not a number from 1 to ${MOST_WORKERS}`);
  return count;
}

function connectionLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > MOST_CONNECTIONS) throw new UsageError(`--max-connections ${text} is not a number from 1 to ${MOST_CONNECTIONS}`);
  return limit;
}
