/**
 * `npm run bench:core`: the core in memory beside a C reference compiled in the same run, in processor time. Four tables:
 *
 *     hits       ns per packet of existing connections, NAT, DR and IPIP at 1k, 100k and 1M, core beside C with prefetch
 *     limits     what the machine allows: C that only copies a frame, and C that only looks a connection up
 *     schedulers ns of a pick and of a connection's whole life with 4, 100 and 1,000 destinations
 *     growth     the longest burst on the way from no connection to a million, with memory made resident ahead and without, and what the heap did
 *
 * C and core take turns, each in a process of its own pinned to the last processor. --quick: one round, fewer passes, three schedulers; --json FILE; --assert:
 * exit 1 when a figure misses its floor; --only hits,limits,schedulers,growth.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { median } from '../median.ts';

const METHODS = ['nat', 'dr', 'ipip'];
const CONNECTIONS = [1_000, 100_000, 1_000_000];
const DESTINATIONS = [4, 100, 1_000];
const QUICK_SCHEDULERS: readonly string[] = ['rr', 'wlc', 'lblcr'];

/** Floors: core at most so many times C with prefetch; from 1k to 1M connections at most so many times slower; 1,000 destinations at most so many times 4. */
const MOST_OF_C = 2.0;
const MOST_GROWTH = 3.5;
const MOST_OF_FEW = 2.0;

interface Figure { readonly table: string; readonly name: string; readonly value: number; readonly unit: string; readonly least?: number; readonly most?: number }

interface Bench {
  readonly rounds: number;
  readonly passes: number;
  readonly schedulers: readonly string[];
  /** What a program, pinned to the last processor, prints. */
  run(command: string, args: readonly (string | number)[]): string;
  readonly reference: string;
  readonly figures: Figure[];
}

/** Root of the checkout or package: the nearest folder above with a package.json. */
function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function script(name: string): string {
  return join(import.meta.dirname, name);
}

function print(columns: readonly string[], widths: readonly number[]): void {
  process.stdout.write(`${columns.map((text, i) => (i === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[i] ?? 10))).join(' ')}\n`);
}

function verdict({ value, most }: Figure): string {
  return most === undefined ? '' : value <= most ? `at most ${most}: met` : `at most ${most}: MISSED`;
}

/** What growth.js prints. */
interface Growth { readonly connections: number; readonly medianUs: number; readonly longestUs: number; readonly longestWallUs: number; readonly grownBytes: number; readonly collections: number }
const GROWTH_TIMES = ['medianUs', 'longestUs', 'longestWallUs'] as const;

/** NB: not pinned, else who makes memory resident would take the time from whom it is for. */
function grow(...args: string[]): Growth {
  return JSON.parse(execFileSync(process.execPath, ['--expose-gc', script('growth.js'), '1000000', ...args], { encoding: 'utf8', timeout: 300_000 })) as Growth;
}

const TABLES: Readonly<Record<string, (bench: Bench) => void>> = {
  hits({ rounds, passes, run, reference, figures }) {
    const widths = [12, 12, 8, 14, 8, 8, 16];
    print(['method', 'connections', 'C ns', 'C prefetch ns', 'core ns', 'ratio', '(min..max)', '  floor'], widths);
    for (const method of METHODS) {
      const byConnections: number[] = [];
      for (const connections of CONNECTIONS) {
        const plain: number[] = [], prefetch: number[] = [], ours: number[] = [], ratios: number[] = [];
        for (let round = 0; round < rounds; round++) {
          plain.push(Number(run(reference, [method, 'plain', connections, passes])));
          prefetch.push(Number(run(reference, [method, 'prefetch', connections, passes])));
          ours.push(Number(run(process.execPath, [script('core.js'), method, connections, passes])));
          ratios.push(ours[round]! / prefetch[round]!);
        }
        const ratio: Figure = { table: 'hits', name: `${method} ${connections}, core by C with prefetch`, value: median(ratios), unit: 'times', most: MOST_OF_C };
        byConnections.push(median(ours));
        figures.push(ratio, { table: 'hits', name: `${method} ${connections}, C`, value: median(plain), unit: 'ns' },
          { table: 'hits', name: `${method} ${connections}, C with prefetch`, value: median(prefetch), unit: 'ns' },
          { table: 'hits', name: `${method} ${connections}, core`, value: median(ours), unit: 'ns' });
        print([method, String(connections), median(plain).toFixed(0), median(prefetch).toFixed(0), median(ours).toFixed(0), ratio.value.toFixed(2),
          `(${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)})`, `  ${verdict(ratio)}`], widths);
      }
      const growth: Figure = { table: 'hits', name: `${method}, 1M by 1k connections`, value: byConnections.at(-1)! / byConnections[0]!, unit: 'times', most: MOST_GROWTH };
      figures.push(growth);
      print([method, '1M by 1k', '', '', '', growth.value.toFixed(2), '', `  ${verdict(growth)}`], widths);
    }
  },
  limits({ rounds, passes, run, reference, figures }) {
    const widths = [26, 12, 8];
    print(['limit of the machine', 'connections', 'ns'], widths);
    for (const [name, method, variant, connections] of [
      ['copy a frame, no more', 'memcpy', 'plain', 1_000], ...CONNECTIONS.map((n) => ['look up, no more', 'lookup', 'prefetch', n] as const),
    ] as const) {
      const value = median(Array.from({ length: rounds }, () => Number(run(reference, [method, variant, connections, passes]))));
      figures.push({ table: 'limits', name: `${name}, ${connections}`, value, unit: 'ns' });
      print([name, method === 'memcpy' ? '-' : String(connections), value.toFixed(1)], widths);
    }
  },
  schedulers({ rounds, passes, schedulers, run, figures }) {
    const widths = [10, 7, 7, 7, 8, 9, 7, 7, 8];
    print(['', 'pick ns', '', '', '', '  life ns', '', '', '', '  floor, of the whole'], widths);
    print(['scheduler', ...DESTINATIONS.map(String), 'ratio', ...DESTINATIONS.map(String), 'ratio'], widths);
    for (const scheduler of schedulers) {
      const measured = DESTINATIONS.map((destinations) => Array.from({ length: rounds }, () =>
        run(process.execPath, [script('schedule.js'), scheduler, destinations, passes]).split(' ').map(Number) as [number, number]));
      const picks = measured.map((all) => median(all.map(([pick]) => pick)));
      const lives = measured.map((all) => median(all.map(([, life]) => life)));
      const whole: Figure = { table: 'schedulers', name: `${scheduler}, life, 1000 by 4 destinations`, value: lives.at(-1)! / lives[0]!, unit: 'times', most: MOST_OF_FEW };
      const pick: Figure = { table: 'schedulers', name: `${scheduler}, pick, 1000 by 4 destinations`, value: picks.at(-1)! / picks[0]!, unit: 'times' };
      figures.push(whole, pick);
      DESTINATIONS.forEach((destinations, i) => figures.push({ table: 'schedulers', name: `${scheduler} ${destinations}, pick`, value: picks[i]!, unit: 'ns' },
        { table: 'schedulers', name: `${scheduler} ${destinations}, life`, value: lives[i]!, unit: 'ns' }));
      print([scheduler, ...picks.map((ns) => ns.toFixed(0)), pick.value.toFixed(2), ...lives.map((ns) => ns.toFixed(0)), whole.value.toFixed(2), `  ${verdict(whole)}`], widths);
    }
  },
  growth({ rounds, figures }) {
    const growths: Growth[] = [], alones: Growth[] = [];
    for (let round = 0; round < rounds; round++) {
      alones.push(grow('alone'));
      growths.push(grow());
    }
    const [{ connections, grownBytes, collections }] = growths as [Growth];
    const [medianUs, longestUs, longestWallUs] = GROWTH_TIMES.map((name) => median(growths.map((growth) => growth[name]))) as [number, number, number];
    const [aloneMedianUs, aloneUs, aloneWallUs] = GROWTH_TIMES.map((name) => median(alones.map((growth) => growth[name]))) as [number, number, number];
    figures.push({ table: 'growth', name: 'median burst', value: medianUs, unit: 'us' }, { table: 'growth', name: 'longest burst', value: longestUs, unit: 'us' },
      { table: 'growth', name: 'longest burst by the clock', value: longestWallUs, unit: 'us' }, { table: 'growth', name: 'longest burst, alone', value: aloneUs, unit: 'us' },
      { table: 'growth', name: 'heap', value: grownBytes, unit: 'bytes' }, { table: 'growth', name: 'collections', value: collections, unit: '' });
    process.stdout.write(`growth to ${connections} connections, bursts of 256: median ${medianUs.toFixed(0)} us, longest ${longestUs.toFixed(0)} us (by the clock ${longestWallUs.toFixed(0)}); heap ${(grownBytes / 1024).toFixed(0)} KiB, ${collections} collections\n`
      + `  where nobody makes memory resident ahead: median ${aloneMedianUs.toFixed(0)} us, longest ${aloneUs.toFixed(0)} us (by the clock ${aloneWallUs.toFixed(0)})\n`);
  },
};

function main(args: readonly string[]): void {
  const quick = args.includes('--quick');
  const jsonAt = args.indexOf('--json');
  const onlyAt = args.indexOf('--only');
  const tables = onlyAt >= 0 ? (args[onlyAt + 1] ?? '').split(',') : Object.keys(TABLES);
  const unknown = tables.find((table) => !Object.hasOwn(TABLES, table));
  if (unknown !== undefined) {
    process.stderr.write(`bench:core: no table "${unknown}": one of ${Object.keys(TABLES).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const work = mkdtempSync(join(tmpdir(), 'tsipvs-bench-'));
  const figures: Figure[] = [];
  try {
    const reference = join(work, 'reference');
    execFileSync('gcc', ['-O2', '-march=native', '-o', reference, join(projectRoot(), 'bench/path/reference.c')], { stdio: 'inherit' });
    const cpu = String(cpus().length - 1);
    const bench: Bench = {
      rounds: quick ? 1 : 5, passes: quick ? 9 : 33, schedulers: quick ? QUICK_SCHEDULERS : SCHEDULER_NAMES, reference, figures,
      run: (command, commandArgs) => execFileSync('taskset', ['-c', cpu, command, ...commandArgs.map(String)], { encoding: 'utf8', timeout: 300_000 }),
    };
    for (const [i, table] of tables.entries()) {
      if (i > 0) process.stdout.write('\n');
      TABLES[table]!(bench);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (jsonAt >= 0) writeFileSync(args[jsonAt + 1] ?? 'bench-core.json', `${JSON.stringify(figures, null, 2)}\n`);
  const missed = figures.filter(({ value, most }) => most !== undefined && value > most);
  if (args.includes('--assert') && missed.length > 0) {
    process.stderr.write(`bench:core: ${missed.length} figures miss their floor\n`);
    process.exitCode = 1;
  }
}

main(process.argv.slice(2));
