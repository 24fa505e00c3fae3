#!/usr/bin/env node
/**
 * tsipvs: what ipvsadm never had. One file per subcommand in tsipvs/, loaded only when it is asked for. Whatever goes wrong is one
 * line on stderr and exit status 1.
 */
import yargs, { type Argv } from 'yargs';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Subcommand {
  readonly name: string;
  readonly describe: string;
  /** Adds the command, loading its file. */
  readonly attach: (parser: Argv) => Promise<Argv>;
  /** Options that may stand several times, beside those that may in every command. */
  readonly repeatable?: readonly string[];
  /** Words from this one on are not yargs's to read, except the options named. */
  readonly ownGrammar?: { readonly from: number; readonly except: readonly string[] };
}

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: 'replay', describe: 'Run a capture through the director: no root, no network', attach: async (parser) => parser.command((await import('./tsipvs/replay.ts')).replayCommand) },
  { name: 'trace', describe: 'Show why each packet went where it went, live', attach: async (parser) => parser.command((await import('./tsipvs/trace.ts')).traceCommand) },
  { name: 'explain', describe: 'Where a client\'s next connection would go now, and why', attach: async (parser) => parser.command((await import('./tsipvs/explain.ts')).explainCommand) },
  { name: 'shadow', describe: 'Another scheduler beside the live one, without acting: how its choices would differ', attach: async (parser) => parser.command((await import('./tsipvs/shadow.ts')).shadowCommand) },
  { name: 'record', describe: 'Connections of a running director into a file', attach: async (parser) => parser.command((await import('./tsipvs/record.ts')).recordCommand), repeatable: ['service', 's'] },
  { name: 'top', describe: 'Services, real servers, connections and rates, refreshing', attach: async (parser) => parser.command((await import('./tsipvs/top.ts')).topCommand) },
  { name: 'status', describe: 'The running director: devices, workers, connections, what was dropped and why', attach: async (parser) => parser.command((await import('./tsipvs/status.ts')).statusCommand) },
  {
    name: 'mark', describe: 'Rules that give packets a firewall mark', attach: async (parser) => parser.command((await import('./tsipvs/mark.ts')).markCommand),
    ownGrammar: { from: 2, except: ['--help', '-h', '--json'] },
  },
  { name: 'health', describe: 'Services, real servers, checks, quorum and the last results', attach: async (parser) => parser.command((await import('./tsipvs/health.ts')).healthCommand) },
  { name: 'events', describe: 'What happens to services and real servers, live', attach: async (parser) => parser.command((await import('./tsipvs/events.ts')).eventsCommand) },
  { name: 'drain', describe: 'No new connections to a real server; wait for the last one', attach: async (parser) => parser.command((await import('./tsipvs/drain.ts')).drainCommand) },
  { name: 'enable', describe: 'A real server serves again, as checks and configuration say', attach: async (parser) => parser.command((await import('./tsipvs/enable.ts')).enableCommand) },
  { name: 'disable', describe: 'Take a real server out, whatever checks say', attach: async (parser) => parser.command((await import('./tsipvs/disable.ts')).disableCommand) },
  { name: 'weight', describe: 'Another weight for a real server, over checks and reloads', attach: async (parser) => parser.command((await import('./tsipvs/weight.ts')).weightCommand) },
  { name: 'sysctl', describe: 'Read and set net.ipv4.vs.*', attach: async (parser) => parser.command((await import('./tsipvs/sysctl.ts')).sysctlCommand) },
  { name: 'config', describe: 'Read files of keepalived, ldirectord, Piranha, haproxy: check, plan, apply, convert', attach: async (parser) => parser.command((await import('./tsipvs/config.ts')).configCommand) },
  { name: 'schedulers', describe: 'The scheduler laboratory: which scheduler, and how good', attach: async (parser) => parser.command((await import('./tsipvs/schedulers.ts')).schedulersCommand) },
  { name: 'lab', describe: 'Network namespaces to learn, try and test in', attach: async (parser) => parser.command((await import('./tsipvs/lab.ts')).labCommand) },
  { name: 'realserver', describe: 'Prepare a real server: setup, undo, check, decap', attach: async (parser) => parser.command((await import('./tsipvs/realserver.ts')).realserverCommand) },
];

/** What may stand several times: options and lists of words. Anything else given twice is a mistake. */
const REPEATABLE = ['in', 'out', 'sysctl', 'vip', 'director', 'setting', 'words', 'scenario', 'file', 'command', '_', '--'];

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe left, as `| head` does.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
try {
  await run(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`tsipvs: ${message.replace(/\s*\n\s*/g, ' ').trim()}\n`);
  process.exitCode = 1;
}

async function run(argv: readonly string[]): Promise<void> {
  const asked = SUBCOMMANDS.find(({ name }) => name === argv[0]);
  const parser = yargs(asked === undefined ? [...argv] : yargsWords(argv, asked))
    .scriptName('tsipvs')
    .usage('$0 <command> [options]\n\nTools around the tsipvs director. Services are configured with tsipvsadm.')
    .parserConfiguration({ 'greedy-arrays': false, 'parse-numbers': true })
    .strict().version(version()).help().alias('help', 'h').alias('version', 'V').wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .check((parsed) => {
      const twice = Object.keys(parsed).find((name) => Array.isArray(parsed[name]) && !REPEATABLE.includes(name) && !(asked?.repeatable ?? []).includes(name));
      if (twice !== undefined) throw new Error(`--${twice} is given more than once`);
      return true;
    })
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new Error(`${message ?? 'wrong usage'}: see tsipvs ${asked === undefined ? '' : `${asked.name} `}--help`);
    });
  if (asked !== undefined) await asked.attach(parser as Argv);
  else {
    for (const { name, describe } of SUBCOMMANDS) parser.command(name, describe);
    const word = argv.find((one) => !one.startsWith('-'));
    if (word !== undefined) throw new Error(`no command "${word}": one of ${SUBCOMMANDS.map(({ name }) => name).join(', ')}`);
    parser.demandCommand(1, 'say what to do');
  }
  await parser.parseAsync();
}

/** "--" before what a command reads by itself: -4 and -d are not options of ours. */
function yargsWords(argv: readonly string[], { ownGrammar }: Subcommand): string[] {
  if (ownGrammar === undefined) return [...argv];
  const own = argv.slice(ownGrammar.from);
  const ours = own.filter((word) => ownGrammar.except.includes(word));
  return [...argv.slice(0, ownGrammar.from), ...ours, '--', ...own.filter((word) => !ours.includes(word))];
}

/** From package.json, found by walking up: compiled, bundled and installed copies lie at different depths. */
function version(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}
