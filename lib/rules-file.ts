/**
 * The --rules file: read as a whole and checked as a whole before anything is applied, written in one step. Messages name file and line.
 */
import { lookup } from 'node:dns/promises';
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { filesResolver, type NameResolver } from './config/ipvsadm/name-resolver.ts';
import { formatRules, parseNumberedRules, type NumberedRule } from './config/rules.ts';
import type { ConfiguredService } from './control/reconcile.ts';
import { ServiceTable } from './control/service-table.ts';
import type { ControlCommand } from './model/control-command.ts';
import { LvsError } from './model/errors.ts';
import type { NetworkState } from './model/network-state.ts';

export interface RulesFile {
  readonly commands: readonly ControlCommand[];
  /** What an empty table becomes by them. */
  readonly table: ServiceTable;
}

export interface RulesFileOptions {
  /** What addresses are judged by, null where none is known. */
  readonly network: NetworkState | null;
  /** No file is no rules: it will be written when the daemon ends. */
  readonly mayBeAbsent: boolean;
}

export async function readRulesFile(path: string, { network, mayBeAbsent }: RulesFileOptions): Promise<RulesFile> {
  const rules = await parsed(path, mayBeAbsent && !existsSync(path) ? '' : readText(path));
  const table = new ServiceTable();
  if (network !== null) table.useNetwork(network);
  const commands = rules.map(({ command }) => command);
  const outcome = table.executeAll(commands);
  if ('error' in outcome) throw new LvsError(outcome.error.code, `${path}: rules line ${rules[outcome.position]!.line}: ${outcome.error.message}`);
  return { commands, table };
}

/** Replaces the file in one step, keeping its mode: a daemon that is killed while writing leaves the old rules. */
export function writeRulesFile(path: string, services: readonly ConfiguredService[]): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, formatRules(services), { mode: 0o600 });
  try {
    chmodSync(temporary, statSync(path).mode & 0o777);
  } catch {
    // There was no file yet.
  }
  renameSync(temporary, path);
}

async function parsed(path: string, text: string): Promise<readonly NumberedRule[]> {
  try {
    return await parseNumberedRules(text, hostResolver());
  } catch (error) {
    if (error instanceof LvsError) throw new LvsError(error.code, `${path}: ${error.message}`);
    throw error;
  }
}

/** Names as ipvsadm -S without -n writes them: services from /etc/services, hosts as the C library resolves them. */
function hostResolver(): NameResolver {
  const fileText = (name: string): string => {
    try {
      return readFileSync(name, 'utf8');
    } catch {
      return '';
    }
  };
  return {
    ...filesResolver('', fileText('/etc/services')),
    addressOf: async (name) => lookup(name, { family: 4 }).then(({ address }) => address, () => null),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission to read it' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new LvsError('BadRequest', `rules file ${path}: ${reason}`);
  }
}
