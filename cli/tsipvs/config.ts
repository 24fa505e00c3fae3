/** `tsipvs config`: read configuration files of keepalived, ldirectord, Piranha, haproxy, ipvsadm and our own; say what is wrong, compare, apply, convert. */
import { resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { diagnosticText } from '../../lib/config/diagnostics.ts';
import { CONFIG_FORMATS, type ConfigFormat } from '../../lib/config/detect.ts';
import { commandText } from '../../lib/config/ipvsadm/command-text.ts';
import { readConfiguration, refusals } from '../../lib/config/read-configuration.ts';
import { systemHost } from '../../lib/config/system-host.ts';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { desiredTable, type Moment } from '../../lib/control/desired-table.ts';
import { plan, type Running } from '../../lib/control/plan.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import type { DesiredConfiguration } from '../../lib/model/desired-configuration.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { serviceKey } from '../../lib/model/virtual-service.ts';
import type { ListedService } from '../../lib/control/api/message.ts';
import { kernelOrder, sorted } from '../render/kernel-order.ts';
import { PlaceText } from '../render/place-text.ts';
import { rulesText } from '../render/rules.ts';
import { applyAll, withDaemon } from './daemon.ts';

const ACTIONS = ['check', 'plan', 'apply', 'convert'] as const;
const TARGETS = ['native', 'ipvsadm'] as const;
const NO_TIMEOUTS = { tcp: 0, tcpFin: 0, udp: 0 };

interface Args {
  action: (typeof ACTIONS)[number]; file: string[]; from?: ConfigFormat | undefined; to?: (typeof TARGETS)[number] | undefined; against?: string | undefined; strict: boolean; json: boolean; keep: boolean;
  vip?: string | undefined; configId?: string | undefined;
}

export const configCommand: CommandModule<object, Args> = {
  command: 'config <action> <file..>', describe: 'Read configuration files: check, plan, apply, convert',
  builder: (yargs) => yargs
    .positional('action', { choices: ACTIONS, demandOption: true })
    .positional('file', { type: 'string', array: true, demandOption: true, describe: 'Configuration file (haproxy: several, read as one)' })
    .option('from', { choices: CONFIG_FORMATS, requiresArg: true, describe: 'Format of the file; told from its content or name if not given' })
    .option('to', { choices: TARGETS, requiresArg: true, describe: 'convert: native (YAML), or ipvsadm (the table before any check has run, in -Sn form)' })
    .option('against', { type: 'string', requiresArg: true, describe: 'plan: compare with this file instead of the running director' })
    .option('strict', { type: 'boolean', default: false, describe: 'Refuse a file with warnings' })
    .option('keep', { type: 'boolean', default: false, describe: 'plan, apply: leave services that the file does not have' })
    .option('vip', { type: 'string', requiresArg: true, describe: 'haproxy: the virtual address of listeners that name none (bind *:80)' })
    .option('config-id', { alias: 'i', type: 'string', requiresArg: true, describe: 'keepalived: what @NAME lines are for; the host name if not given' })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
    .usage([
      'tsipvs config check FILE', 'tsipvs config plan FILE [--against FILE]', 'tsipvs config apply FILE', 'tsipvs config convert --to native|ipvsadm FILE', '',
      'check says what is wrong with the file (exit status 1: it would be refused), plan shows the difference to the running director as ipvsadm commands, apply makes',
      'the difference in one step or not at all and prints it, convert writes the configuration in another format.', '',
      'What is applied runs with its checks until another file is applied or the director ends (tsipvsd --config FILE starts with it); SIGHUP reads it again. Rules of',
      'ipvsadm (-S) have no checks and only change the table.',
    ].join('\n'))
    .example('tsipvs config check /etc/keepalived/keepalived.conf', 'file:line:column of every mistake')
    .example('tsipvs config plan keepalived.conf', '-a -t 192.0.2.10:80 -r 10.0.0.3:80 -m -w 1')
    .example('tsipvs config convert --to native keepalived.conf > tsipvs.yaml', 'the same in YAML')
    .example('tsipvs config convert --to ipvsadm lvs.cf | tsipvsadm -R', 'its table, without checks')
    .parserConfiguration({ 'parse-positional-numbers': false }) as never,
  handler: async (argv) => {
    if (argv.action === 'convert' && argv.to === undefined) throw new LvsError('BadRequest', `config convert needs --to ${TARGETS.join('|')}`);
    const configuration = await readFile(argv.file, argv);
    await RUN[argv.action](configuration, argv);
  },
};

const RUN: Readonly<Record<Args['action'], (configuration: DesiredConfiguration, argv: Args) => void | Promise<void>>> = {
  check: (configuration, { strict, json }) => {
    process.stdout.write(json ? `${JSON.stringify({ ...summary(configuration), diagnostics: configuration.diagnostics })}\n` : checkText(configuration, strict));
    if (refusals(configuration, strict).length > 0) process.exitCode = 1;
  },
  plan: async (configuration, argv) => {
    accept(configuration, argv);
    const commands = argv.against === undefined ? await withDaemon((client) => configure(client, configuration, argv, true)) : plan(await fileAsRunning(argv.against, argv), configuration, { moment: 'healthy', keepOthers: argv.keep });
    process.stdout.write(argv.json ? `${JSON.stringify(commands)}\n` : commandLines(commands));
  },
  apply: async (configuration, argv) => {
    accept(configuration, argv);
    const commands = await withDaemon((client) => configure(client, configuration, argv, false));
    process.stdout.write(argv.json ? `${JSON.stringify(commands)}\n` : commandLines(commands));
  },
  convert: async (configuration, argv) => {
    accept(configuration, argv);
    if (argv.to === 'native') {
      const { writeNative } = await import('../../lib/config/native/write-native.ts');
      process.stdout.write(argv.json ? `${JSON.stringify(configuration)}\n` : writeNative(configuration));
    } else process.stdout.write(argv.json ? `${JSON.stringify(desiredTable(configuration, 'start', 'original'))}\n` : tableText(configuration, 'start'));
  },
};

function readFile(files: readonly string[], { from, vip, configId }: Pick<Args, 'from' | 'vip' | 'configId'>): Promise<DesiredConfiguration> {
  return readConfiguration(files, systemHost({ configId: configId ?? null }), { from: from ?? null, wildcardAddress: vip ?? null });
}

/** Says what the reader had to say; a file that is refused ends it here. */
function accept(configuration: DesiredConfiguration, { strict, json }: Args): void {
  const refused = refusals(configuration, strict);
  if (!json || refused.length > 0) for (const diagnostic of configuration.diagnostics) if (diagnostic.severity !== 'note') process.stderr.write(`${diagnosticText(diagnostic)}\n`);
  if (refused.length > 0) throw new LvsError('BadRequest', `${configuration.files[0] ?? 'the file'} is refused: ${refused.length === 1 ? 'one mistake' : `${refused.length} mistakes`}${strict ? ' (--strict)' : ''}`);
}

/**
 * The director runs the file: services, checks, policy. Rules have nothing but the table, which stays anyone's to change afterwards; so they
 * go there as commands.
 */
export async function configure(client: Pick<ApiClient, 'call'>, configuration: DesiredConfiguration, { file, from, vip, configId, keep }: Pick<Args, 'file' | 'from' | 'vip' | 'configId' | 'keep'>, dryRun: boolean): Promise<readonly ControlCommand[]> {
  if (configuration.format !== 'ipvsadm') {
    const { commands } = await client.call('configure', {
      files: file.map((path) => resolve(path)), ...(from === undefined ? {} : { from }), ...(vip === undefined ? {} : { vip }), ...(configId === undefined ? {} : { configId }), keep, dryRun,
    });
    return commands;
  }
  const planned = plan(await running(client), configuration, { moment: 'healthy', keepOthers: keep });
  const { source, services } = await client.call('health', {});
  const managed = new Set(services.flatMap(({ ids }) => ids.map(serviceKey)));
  const touched = planned.map(serviceOf).find((key) => key !== null && managed.has(key));
  if (touched !== undefined) throw new LvsError('InvalidOperation', `${touched} is kept as ${source} says, and these rules would change it: change that file, or use --keep and leave the service out`);
  if (!dryRun && planned.length > 0) await applyAll(client, planned);
  return planned;
}

function serviceOf(command: ControlCommand): string | null {
  if ('id' in command && command.id !== null) return serviceKey(command.id);
  return 'service' in command ? serviceKey(command.service.id) : null;
}

function summary({ format, files, services }: DesiredConfiguration): { readonly format: string; readonly files: readonly string[]; readonly services: number; readonly servers: number; readonly checks: number } {
  const servers = services.flatMap(({ destinations }) => destinations);
  return { format, files, services: services.length, servers: servers.length, checks: servers.reduce((sum, { checks }) => sum + checks.length, 0) };
}

export function checkText(configuration: DesiredConfiguration, strict: boolean): string {
  const { format, files, services, servers, checks } = summary(configuration);
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const refused = refusals(configuration, strict).length;
  const warnings = configuration.diagnostics.filter(({ severity }) => severity === 'warning').length;
  const verdict = refused > 0 ? `refused (${count(refused, 'mistake')})` : warnings > 0 ? `usable, ${count(warnings, 'warning')}` : 'good';
  return [...configuration.diagnostics.map(diagnosticText), `${files.join(', ') || 'nothing read'}: ${format}, ${count(services, 'service')}, ${count(servers, 'real server')}, ${count(checks, 'check')}: ${verdict}`, ''].join('\n');
}

/** The table as ipvsadm -Sn prints it. */
export function tableText(configuration: DesiredConfiguration, moment: Moment): string {
  const listed = desiredTable(configuration, moment, moment === 'start' ? 'original' : 'ours').map(({ service, destinations }): ListedService => ({
    service, run: {} as ListedService['run'], destinations: destinations.map((destination) => ({ destination, run: {} as ListedService['destinations'][number]['run'] })),
  }));
  return rulesText(sorted(kernelOrder(listed)), PlaceText.numeric());
}

export function commandLines(commands: readonly ControlCommand[]): string {
  return commands.map((command) => `${commandText(command) ?? `# ${JSON.stringify(command)}`}\n`).join('');
}

export async function running(client: Pick<ApiClient, 'call'>): Promise<Running> {
  const [{ services }, timeouts, { daemons }] = [await client.call('list', {}), await client.call('timeouts', {}), await client.call('daemons', {})];
  return { timeouts, daemons, services: services.map(({ service, destinations }) => ({ service, destinations: destinations.map(({ destination }) => destination) })) };
}

async function fileAsRunning(path: string, argv: Args): Promise<Running> {
  const configuration = await readFile([path], { ...argv, from: undefined });
  if (refusals(configuration, false).length > 0) throw new LvsError('BadRequest', `${path}: ${diagnosticText(refusals(configuration, false)[0]!)}`);
  return { services: desiredTable(configuration, 'healthy'), timeouts: { ...NO_TIMEOUTS, ...configuration.globals.timeouts } };
}
