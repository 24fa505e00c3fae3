/**
 * `tsipvs mark`: the ordered rules that give packets a firewall mark before service lookup, where kernel IPVS needs iptables.
 * Rules are written in the words of iptables.
 */
import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { formatMarkRule, MARK_OPTIONS, parseMarkRule, parseMarkRules } from '../../lib/config/mark-rules.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { MarkRule } from '../../lib/model/mark-rule.ts';
import { applyAll, withDaemon } from './daemon.ts';

const EXAMPLE = 'tsipvs mark add -d 192.0.2.10 -p tcp --dport 80 --set-mark 1';

interface Args { action: string; words?: string[] | undefined; json: boolean }

/** The new list, or null when nothing is to be changed. */
type Change = (rules: readonly MarkRule[], words: readonly string[]) => readonly MarkRule[] | null;

const ACTIONS: Readonly<Record<string, Change>> = {
  list: () => null,
  save: () => null,
  add: (rules, words) => [...rules, parseMarkRule(words)],
  insert: (rules, words) => {
    const numbered = /^\d+$/.test(words[0] ?? '');
    const position = numbered ? position1(words[0]!, rules.length + 1) : 1;
    return rules.toSpliced(position - 1, 0, parseMarkRule(numbered ? words.slice(1) : words));
  },
  delete: (rules, words) => {
    if (words.length === 1) return rules.toSpliced(position1(words[0]!, rules.length) - 1, 1);
    const wanted = formatMarkRule(parseMarkRule(words));
    const position = rules.findIndex((rule) => formatMarkRule(rule) === wanted);
    if (position < 0) throw new LvsError('BadRequest', `no such rule: ${wanted}`);
    return rules.toSpliced(position, 1);
  },
  flush: () => [],
  restore: (_rules, words) => {
    const file = words[0] ?? '-';
    return parseMarkRules(readFileSync(file === '-' ? 0 : file, 'utf8'), file === '-' ? 'standard input' : file);
  },
};

export const markCommand: CommandModule<object, Args> = {
  command: 'mark <action> [words..]', describe: 'Rules that give packets a firewall mark; the first that matches counts',
  builder: (yargs) => yargs
    .positional('action', { type: 'string', demandOption: true, choices: Object.keys(ACTIONS) })
    .positional('words', { type: 'string', array: true })
    .option('json', { type: 'boolean', default: false, describe: 'list as JSON' })
    .usage([
      'tsipvs mark list', 'tsipvs mark add RULE', 'tsipvs mark insert [NUMBER] RULE', 'tsipvs mark delete NUMBER|RULE', 'tsipvs mark flush', 'tsipvs mark save > FILE', 'tsipvs mark restore [FILE]',
    ].join('\n'))
    .epilogue(`RULE:\n${MARK_OPTIONS.map(({ names, value, help }) => `  ${`${names.join(', ')} ${value}`.padEnd(38)} ${help}`).join('\n')}\n  -4, -6                                 one family only\n\n${EXAMPLE}`)
    .parserConfiguration({ 'parse-positional-numbers': false }),
  handler: async (argv) => {
    // The rule's words come behind "--" (cli/tsipvs.ts), where yargs keeps them after the command's own name.
    const words = [...(argv.words ?? []), ...argv._.slice(1).map(String)];
    process.stdout.write(await withDaemon((client) => runMark(client, argv.action, words, argv.json)));
  },
};

/** Change the rules, or say what they are. */
export async function runMark(client: Pick<ApiClient, 'call'>, action: string, words: readonly string[], json: boolean): Promise<string> {
  const { rules } = await client.call('marks', {});
  const changed = ACTIONS[action]!(rules, words);
  if (changed !== null) {
    await applyAll(client, [{ op: 'marks', rules: changed }]);
    return '';
  }
  if (json) return `${JSON.stringify(rules)}\n`;
  return rules.map((rule, n) => (action === 'save' ? `${formatMarkRule(rule)}\n` : `${String(n + 1).padStart(4)}  ${formatMarkRule(rule)}\n`)).join('');
}

function position1(text: string, most: number): number {
  const position = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (position < 1 || position > most) throw new LvsError('BadRequest', `no rule number ${text}: ${most === 0 ? 'there are none' : `1 to ${most}`}`);
  return position;
}
