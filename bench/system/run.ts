/**
 * Live bench: the same traffic through each contender in interleaved rounds of one run, on network namespaces of its own. Medians over the
 * rounds; ratios are taken within a round. See ../README.md for how to read it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import type { Contender } from './contender.ts';
import { environment } from './environment.ts';
import { judge } from './floors.ts';
import { HTTP_PORT, IPERF_PORT } from './hosts.ts';
import { LOADS, warmUp, type Load } from './loads.ts';
import { MEASURES, shown, type MeasureName } from './measures.ts';
import { ourContenders } from './ours.ts';
import { PEERS } from './peers.ts';
import { end, ending, listening, PROJECT_ROOT, start, stopAll } from './processes.ts';
import { Results } from './results.ts';
import { figuresTable, floorsTable } from './table.ts';
import { down, up } from './topology.ts';

const USAGE = `usage: npm run bench -- [options]
  --quick            one round, short loads: about two minutes
  --rounds N         rounds (default 5, with --quick 1)
  --only NAME,...    contenders: route nft haproxy nginx packet xdp (or packet-1, packet-2 ... by workers)
  --loads NAME,...   loads: ${LOADS.map(({ name }) => name).join(' ')}
  --json FILE        where the figures go (default dist/figures/live.json)
  --svg FILE         where the chart goes (default dist/figures/live.svg)
  --assert           end with status 1 if a floor is not reached
`;
const NEEDED = ['ip', 'nft', 'ethtool', 'gcc', 'iperf3', 'haproxy', 'nginx', 'ss', 'taskset', 'sysctl'];
const PROGRAMS = ['generator', 'http-client', 'http-server', 'udp-flows'];
const LOAD_MS = { quick: 600, full: 2500 };

interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly contenders: readonly Contender[];
  readonly loads: readonly Load[];
  readonly json: string;
  readonly svg: string;
  readonly assert: boolean;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  return 2;
});

async function main(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  requireMeans();
  const options = optionsOf(args);
  const { results, failures } = await measured(options);
  const verdicts = judge(results, options.contenders);
  process.stdout.write(`\nmedians of ${options.rounds} round${options.rounds === 1 ? '' : 's'}\n${figuresTable(results, options.contenders)}`);
  if (verdicts.length > 0) process.stdout.write(`\n${floorsTable(results, verdicts)}`);
  const machine = environment();
  write(options.json, `${JSON.stringify({ environment: machine, rounds: options.rounds, loadMs: loadMs(options), measures: MEASURES, results, floors: verdicts }, null, 2)}\n`);
  write(options.svg, chart(results, options.contenders, verdicts, [
    `npm run bench${args.length > 0 ? ' --' : ''}${args.map((arg) => ` ${arg}`).join('')}: medians of ${options.rounds} round${options.rounds === 1 ? '' : 's'}, whiskers from lowest to highest`,
    `${machine['processors']} processors (${machine['processor']}), Linux ${machine['kernel']}, Node.js ${machine['node']}`,
  ]));
  process.stdout.write(`\nfigures: ${options.json}\nchart: ${options.svg}\n`);
  if (failures.length > 0) process.stdout.write(`not measured: ${failures.join('; ')}\n`);
  return options.assert && (failures.length > 0 || verdicts.some(({ holds }) => !holds)) ? 1 : 0;
}

/** A load that fails is a hole in the results, not the end of the run. */
interface Outcome { readonly results: Results; readonly failures: string[] }

async function measured(options: Options): Promise<Outcome> {
  const failures: string[] = [];
  const results = new Results(options.contenders.map(({ name }) => name));
  const programs = mkdtempSync(join(tmpdir(), 'tsbench-'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(`ended by ${signal}`));
  try {
    for (const program of PROGRAMS) execFileSync('gcc', ['-O2', '-o', join(programs, program), join(PROJECT_ROOT, 'bench/system/load', `${program}.c`)], { stdio: 'inherit' });
    up();
    for (const server of [start('server', 'iperf3', ['-s', '-p', String(IPERF_PORT)]), start('server', join(programs, 'http-server'), [String(HTTP_PORT)])]) {
      server.stdout!.resume();
      server.stderr!.resume();
    }
    for (const port of [IPERF_PORT, HTTP_PORT]) await listening('server', port);
    for (let round = 0; round < options.rounds; round++) {
      // Every other round goes backwards, so that what changes with time does not favour a place in the row.
      const order = round % 2 === 0 ? options.contenders : [...options.contenders].reverse();
      for (const contender of order) await oneRound(contender, round, options, { results, failures }, programs);
    }
    return { results, failures };
  } finally {
    await stopAll();
    down();
    rmSync(programs, { recursive: true, force: true });
  }
}

async function oneRound(contender: Contender, round: number, options: Options, outcome: Outcome, programs: string): Promise<void> {
  const loads = options.loads.filter((load) => load.fits(contender));
  await measure(contender, loads.filter(({ once }) => !once), round, options, outcome, programs);
  // What is measured once has the contender to itself: connections of other loads would still be there.
  for (const load of loads.filter(({ once }) => once)) {
    if (round === 0 && (!options.quick || options.contenders.find(load.fits) === contender)) await measure(contender, [load], round, options, outcome, programs);
  }
}

async function measure(contender: Contender, loads: readonly Load[], round: number, options: Options, { results, failures }: Outcome, programs: string): Promise<void> {
  if (loads.length === 0) return;
  const running = await contender.up().catch((error: unknown) => {
    if (ending.aborted) throw error;
    failures.push(`${contender.name}: ${(error as Error).message}`);
    process.stderr.write(`round ${round + 1}/${options.rounds}  ${failures.at(-1)!}\n`);
    return null;
  });
  if (running === null) return;
  const bench = { programs, ms: loadMs(options) };
  try {
    if (loads.some(({ once }) => !once)) await warmUp(contender, bench);
    for (const load of loads) {
      try {
        const reading = await load.run(contender, running, bench);
        results.record(contender.name, round, reading);
        const [measure, value] = Object.entries(reading)[0] as [MeasureName, number];
        process.stderr.write(`round ${round + 1}/${options.rounds}  ${contender.name.padEnd(9)} ${shown(measure, value)} ${MEASURES[measure].unit}, ${MEASURES[measure].title}\n`);
      } catch (error) {
        if (ending.aborted) throw error;
        failures.push(`${contender.name} ${load.name}: ${(error as Error).message}`);
        process.stderr.write(`round ${round + 1}/${options.rounds}  ${failures.at(-1)!}\n`);
      }
    }
  } finally {
    await running.down();
  }
}

function loadMs({ quick }: Options): number {
  return quick ? LOAD_MS.quick : LOAD_MS.full;
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({ args, options: {
    quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, only: { type: 'string' }, loads: { type: 'string' },
    json: { type: 'string', default: join(PROJECT_ROOT, 'dist/figures/live.json') }, svg: { type: 'string', default: join(PROJECT_ROOT, 'dist/figures/live.svg') },
    assert: { type: 'boolean', default: false },
  } });
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 5) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error(`--rounds ${values.rounds}: a number from 1 to 100`);
  const contenders = [...PEERS, ...ourContenders()];
  return {
    quick: values.quick, rounds, json: values.json, svg: values.svg, assert: values.assert,
    contenders: chosen('--only', values.only, contenders, ({ name, ours }) => [name, ours?.device ?? name]),
    loads: chosen('--loads', values.loads, LOADS, ({ name }) => [name]),
  };
}

function chosen<T>(option: string, wanted: string | undefined, all: readonly T[], namesOf: (item: T) => readonly string[]): readonly T[] {
  if (wanted === undefined) return all;
  const names = wanted.split(',');
  const unknown = names.find((name) => !all.some((item) => namesOf(item).includes(name)));
  if (unknown !== undefined) throw new Error(`${option}: no ${unknown}; there are ${[...new Set(all.flatMap(namesOf))].join(' ')}`);
  return all.filter((item) => namesOf(item).some((name) => names.includes(name)));
}

function requireMeans(): void {
  if (process.getuid?.() !== 0) throw new Error('the live bench needs root: it makes network namespaces');
  const missing = NEEDED.filter((name) => { try { execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }); return false; } catch { return true; } });
  if (missing.length > 0) throw new Error(`missing commands: ${missing.join(' ')}; on Debian: apt-get install iproute2 nftables ethtool gcc libc6-dev iperf3 haproxy nginx libnginx-mod-stream procps`);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
