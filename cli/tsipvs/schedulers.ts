/** `tsipvs schedulers`: the scheduler laboratory. */
import type { CommandModule } from 'yargs';
import { existsSync, readFileSync } from 'node:fs';
import { LvsError } from '../../lib/model/errors.ts';
import { nearestWord } from '../../lib/config/nearest-word.ts';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import type { LaboratoryResult } from '../../lib/laboratory/result.ts';
import { runScenario } from '../../lib/laboratory/run-scenario.ts';
import { formatReference } from '../../lib/laboratory/scenario-schema.ts';
import type { Scenario } from '../../lib/laboratory/scenario.ts';
import { READY_SCENARIOS } from '../../lib/laboratory/scenarios/index.ts';
import { schedulerChoices } from '../../lib/laboratory/scheduler-choice.ts';
import { readTrace } from '../../lib/laboratory/trace/read-trace.ts';
import { readBinary } from '../../lib/replay/replay-files.ts';
import { costMeter } from './cost-meter.ts';
import { scenarioListText, schedulerListText } from './schedulers-text.ts';
import { terminalSize } from './terminal-size.ts';

const MOST_CONNECTIONS = 100_000_000;

interface BenchArgs {
  scenario: string[]; schedulers?: string | undefined; seed: number; connections?: number | undefined; trace?: string | undefined; service?: string | undefined; cost: boolean;
  report?: string | undefined; svg?: string | undefined; json?: string | undefined; csv?: string | undefined;
}

const benchCommand: CommandModule<object, BenchArgs> = {
  command: 'bench <scenario..>', describe: 'Run schedulers through scenarios, in virtual time, and compare them',
  builder: (yargs) => yargs
    .positional('scenario', { type: 'string', array: true, demandOption: true, describe: 'Names of ready scenarios ("tsipvs schedulers list"), "all", or files' })
    .option('schedulers', { type: 'string', requiresArg: true, describe: 'rr,wlc,mh+mh-port,... or all. Default: what the scenario says' })
    .option('seed', { type: 'number', default: 1, requiresArg: true, describe: 'Of everything random: the same seed gives the same result' })
    .option('connections', { type: 'number', requiresArg: true, describe: 'A longer or shorter run; events keep their place in it' })
    .option('trace', { type: 'string', requiresArg: true, describe: 'Arrivals, clients and lengths from this file: pcap, pcapng, or what "tsipvs record" wrote' })
    .option('service', { type: 'string', requiresArg: true, describe: 'With --trace: whose connections, as "tcp 192.0.2.10 80". Default: the service with the most' })
    .option('cost', { type: 'boolean', default: true, describe: 'Measure time and memory of schedulers too; --no-cost: only what is the same on every machine' })
    .option('report', { type: 'string', requiresArg: true, describe: 'Write one HTML page with charts and tables there; it needs nothing else' })
    .option('svg', { type: 'string', requiresArg: true, describe: 'Write every chart as a file into this folder' })
    .option('json', { type: 'string', requiresArg: true, describe: 'Write the results there, one JSON array; - for standard output' })
    .option('csv', { type: 'string', requiresArg: true, describe: 'Write a line for each scheduler there; - for standard output' }),
  handler: async (argv) => {
    const { seed, connections } = argv;
    if (!Number.isSafeInteger(seed) || seed < 0) throw new LvsError('BadRequest', `--seed ${seed} is not a whole number from 0`);
    if (connections !== undefined && !(Number.isInteger(connections) && connections >= 1 && connections <= MOST_CONNECTIONS)) throw new LvsError('BadRequest', `--connections ${connections} is not a whole number from 1 to ${MOST_CONNECTIONS}`);
    const names = argv.scenario.flatMap((name) => (name === 'all' ? Object.keys(READY_SCENARIOS) : [name]));
    const worlds = names.map((name) => ({ name, scenario: scenarioOf(name) }));
    const chosen = worlds.map(({ scenario }) => schedulerChoices(argv.schedulers?.split(',') ?? scenario.schedulers));
    if (argv.service !== undefined && argv.trace === undefined) throw new LvsError('BadRequest', '--service says whose connections of a trace: it needs --trace');
    const trace = argv.trace === undefined ? undefined : readTrace(readBinary(argv.trace), argv.trace, argv.service ?? null);
    const { checkOutputs, progress, terminalOverview, terminalView, writeReports } = await import('../../lib/laboratory/report/index.ts');
    const outputs = { html: argv.report, svgDir: argv.svg, json: argv.json, csv: argv.csv };
    await checkOutputs(outputs);
    const forPeople = ![argv.report, argv.json, argv.csv].includes('-'), size = terminalSize(process.stdout);
    const bar = progress(process.stderr);
    const cost = argv.cost ? costMeter() : null;
    const results: LaboratoryResult[] = [];
    for (const [index, { name, scenario }] of worlds.entries()) {
      const result = runScenario({
        scenario, schedulers: chosen[index]!, seed, connections, trace, command: commandOf(name, argv), cost,
        onProgress: (at) => { bar.update((index + (at.index + at.done) / at.count) / worlds.length, `${at.scenario}: ${at.scheduler}`); },
      });
      results.push(result);
      bar.done();
      if (forPeople) process.stdout.write(`${terminalView([result], size)}\n`);
    }
    if (forPeople && results.length > 1) process.stdout.write(terminalOverview(results, size));
    await writeReports(results, outputs);
  },
};

export const schedulersCommand: CommandModule = {
  command: 'schedulers', describe: 'The scheduler laboratory: which scheduler, and how good',
  builder: (yargs) => yargs
    .command(benchCommand)
    .command({
      command: 'list', describe: 'Ready scenarios, and schedulers with their flags',
      handler: () => { process.stdout.write(`${scenarioListText(Object.entries(READY_SCENARIOS).map(([name, text]) => readScenario(name, text)))}\n${schedulerListText(schedulerChoices(['all']))}`); },
    })
    .command({
      command: 'show <scenario>', describe: 'Print a ready scenario: a file to begin one\'s own with',
      builder: (inner) => inner.positional('scenario', { type: 'string', demandOption: true, describe: 'Its name' }),
      handler: (argv) => { process.stdout.write(readyText(String(argv['scenario']))); },
    })
    .command({ command: 'format', describe: 'The fields of a scenario file', handler: () => { process.stdout.write(formatReference()); } })
    .demandCommand(1, 'say what to do: bench, list, show or format'),
  handler: () => {},
};

function scenarioOf(name: string): Scenario {
  if (Object.hasOwn(READY_SCENARIOS, name)) return readScenario(name, READY_SCENARIOS[name]!);
  if (existsSync(name)) return readScenario(name, readFileSync(name, 'utf8'));
  readyText(name);
  throw new LvsError('BadRequest', `${name}: no such file`);
}

function readyText(name: string): string {
  const text = Object.hasOwn(READY_SCENARIOS, name) ? READY_SCENARIOS[name] : undefined;
  if (text !== undefined) return text;
  const known = Object.keys(READY_SCENARIOS);
  const nearest = nearestWord(name, known);
  throw new LvsError('BadRequest', `no scenario "${name}", and no such file${nearest === null ? '' : ` (did you mean ${nearest}?)`}: ${known.join(', ')}`);
}

function commandOf(name: string, { seed, schedulers, connections, trace, service }: BenchArgs): string {
  const from = trace === undefined ? '' : ` --trace ${quoted(trace)}${service === undefined ? '' : ` --service ${quoted(service)}`}`;
  return `tsipvs schedulers bench ${quoted(name)} --seed ${seed}${schedulers === undefined ? '' : ` --schedulers ${schedulers}`}${connections === undefined ? '' : ` --connections ${connections}`}${from}`;
}

function quoted(word: string): string {
  return /^[\w./+-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
