/** `tsipvs sysctl`: net.ipv4.vs.* of the running director, in the manner of sysctl(8). */
import type { CommandModule } from 'yargs';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { SYSCTLS, type SysctlName, type SysctlValues } from '../../lib/model/sysctl.ts';
import { applyAll, withDaemon } from './daemon.ts';
import { nearestWord } from '../../lib/config/nearest-word.ts';

const PREFIX = 'net.ipv4.vs.';
const NAMES: readonly SysctlName[] = SYSCTLS.map(([name]) => name);

interface Args { setting?: string[] | undefined; values: boolean; json: boolean; write: boolean; all: boolean }

export const sysctlCommand: CommandModule<object, Args> = {
  command: 'sysctl [setting..]', describe: 'Read and set net.ipv4.vs.*: NAME reads, NAME=VALUE sets, nothing lists all',
  builder: (yargs) => yargs
    .positional('setting', { type: 'string', array: true, describe: 'NAME or NAME=VALUE, with or without net.ipv4.vs.' })
    .option('values', { alias: 'n', type: 'boolean', default: false, describe: 'Print values only' })
    .option('json', { type: 'boolean', default: false, describe: 'Print a JSON object' })
    .option('write', { alias: 'w', type: 'boolean', default: false, describe: 'Accepted for habit: NAME=VALUE sets anyway' })
    .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Accepted for habit: without names all are listed anyway' })
    .epilogue(SYSCTLS.map(([name, value, , , help]) => `  ${name} (default ${value})\n      ${help}`).join('\n'))
    .parserConfiguration({ 'parse-positional-numbers': false }),
  handler: async (argv) => {
    const settings = (argv.setting ?? []).map(parseSetting);
    const values = await withDaemon(async (client) => {
      const commands = settings.flatMap(({ name, value }): ControlCommand[] => (value === null ? [] : [{ op: 'sysctl', name, value }]));
      if (commands.length > 0) await applyAll(client, commands);
      return client.call('sysctls', {});
    });
    process.stdout.write(sysctlText(values, settings.length === 0 ? NAMES : settings.map(({ name }) => name), argv));
  },
};

export interface Setting { readonly name: SysctlName; readonly value: number | null }

/** NAME or NAME=VALUE; dots or slashes, with or without the prefix. */
export function parseSetting(text: string): Setting {
  const equals = text.indexOf('=');
  const given = (equals < 0 ? text : text.slice(0, equals)).trim().replaceAll('/', '.');
  const short = given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given;
  const name = NAMES.find((known) => known === short);
  if (name === undefined) {
    const near = nearestWord(short, NAMES);
    throw new LvsError('BadRequest', `no sysctl "${given}"${near === null ? ': "tsipvs sysctl" lists all' : `: did you mean ${near}?`}`);
  }
  if (equals < 0) return { name, value: null };
  const value = text.slice(equals + 1).trim();
  if (!/^-?\d{1,10}$/.test(value)) throw new LvsError('BadRequest', `${PREFIX}${name}: "${value}" is not a number`);
  return { name, value: Number(value) };
}

export function sysctlText(values: SysctlValues, names: readonly SysctlName[], { json, values: only }: { json: boolean; values: boolean }): string {
  if (json) return `${JSON.stringify(Object.fromEntries(names.map((name) => [name, values[name]])))}\n`;
  return names.map((name) => (only ? `${values[name]}\n` : `${PREFIX}${name} = ${values[name]}\n`)).join('');
}
