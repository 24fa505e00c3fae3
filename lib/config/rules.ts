/**
 * Rules files: ipvsadm -S form to commands and back. The grammar is the command line's own, so whatever -R takes stands in a file;
 * but a file is read whole before anything happens: one bad line, named by its number, and nothing is applied.
 */
import type { ControlCommand } from '../model/control-command.ts';
import type { Destination } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import type { ServiceId, VirtualService } from '../model/virtual-service.ts';
import { parseCommandLine } from './ipvsadm/command-line.ts';
import { NUMBERS_ONLY, type NameResolver } from './ipvsadm/name-resolver.ts';
import { destinationRule, serviceOption, serviceRule } from './ipvsadm/save-form.ts';
import { UsageError } from './ipvsadm/usage-error.ts';

const PROGRAM = 'ipvsadm';

/**
 * The words of one line of -R input: blanks separate, nothing quotes, a leading program name is dropped. Empty for a line
 * without words.
 */
export function ruleWords(line: string): string[] {
  const words = line.split(/[ \t\r\v\f]+/).filter((word) => word !== '');
  while (words[0] === PROGRAM || words[0] === 'tsipvsadm') words.shift();
  return words;
}

/** A command and the line it stands on, counted from 1. */
export interface NumberedRule {
  readonly line: number;
  readonly command: ControlCommand;
}

/** Commands of a rules file in order. Empty lines and lines that begin with # are skipped. LvsError BadRequest names the line. */
export async function parseRules(text: string, names: NameResolver = NUMBERS_ONLY): Promise<readonly ControlCommand[]> {
  return (await parseNumberedRules(text, names)).map(({ command }) => command);
}

/** The same with line numbers, for those who must name the line of a command that is refused later. */
export async function parseNumberedRules(text: string, names: NameResolver = NUMBERS_ONLY): Promise<readonly NumberedRule[]> {
  const rules: NumberedRule[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = ruleWords(line);
    if (words.length === 0 || words[0]!.startsWith('#')) continue;
    rules.push({ line: index + 1, command: await parseRule(words, index + 1, names) });
  }
  return rules;
}

async function parseRule(words: readonly string[], lineNumber: number, names: NameResolver): Promise<ControlCommand> {
  try {
    const parsed = await parseCommandLine(words, PROGRAM, names);
    if (parsed.kind === 'command') return parsed.command;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new LvsError('BadRequest', `rules line ${lineNumber}: ${error.exitStatus === 255 && error.endsRun ? `${words[0]} is not a command` : error.message.trim()}`);
  }
  throw new LvsError('BadRequest', `rules line ${lineNumber}: ${words[0]} changes nothing and has no place in a rules file`);
}

export interface RuledService {
  readonly service: VirtualService;
  /** Newest first, as listings give them. */
  readonly destinations: readonly Destination[];
}

/**
 * Rules that make these services again, in numbers. Unlike ipvsadm -S it leaves nothing out (thresholds) and keeps the order, oldest
 * first, so that reading them back gives the schedulers the same lists.
 */
export function formatRules(services: readonly RuledService[]): string {
  const lines: string[] = [];
  for (const { service, destinations } of services) {
    const option = serviceOption(service.id, placeText(service.id));
    lines.push(serviceRule(service, option));
    for (const destination of destinations.toReversed()) {
      const { upperThreshold, lowerThreshold } = destination;
      const thresholds = `${upperThreshold > 0 ? ` -x ${upperThreshold}` : ''}${lowerThreshold > 0 ? ` -y ${lowerThreshold}` : ''}`;
      lines.push(destinationRule(option, destination, numericPlace(destination.address, destination.port)) + thresholds);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

function placeText(id: ServiceId): string {
  return id.kind === 'fwmark' ? String(id.fwmark) : numericPlace(id.address, id.port);
}

/** "192.0.2.10:80", "[2001:db8::10]:80". */
export function numericPlace(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
