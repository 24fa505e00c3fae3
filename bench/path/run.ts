/**
 * The core beside a C reference compiled in the same run: nanoseconds per packet for NAT, DR and IPIP at 1k, 100k and 1M
 * connections, in interleaved rounds (C, core, C, core ...), each in a process of its own pinned to the last processor.
 * Prints a table of medians and ratios; --json FILE writes them too; --quick does one round with fewer passes.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const METHODS = ['nat', 'dr', 'ipip'];
const CONNECTIONS = [1_000, 100_000, 1_000_000];

interface Row { method: string; connections: number; cPlainNs: number; cPrefetchNs: number; coreNs: number; ratio: number; ratioMin: number; ratioMax: number }

/** Root of the checkout or package: the nearest folder above with a package.json. */
function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function main(args: string[]): void {
  const quick = args.includes('--quick');
  const jsonAt = args.indexOf('--json');
  const rounds = quick ? 1 : 5;
  const passes = String(quick ? 9 : 33);
  const work = mkdtempSync(join(tmpdir(), 'tsipvs-bench-'));
  try {
    const reference = join(work, 'reference');
    execFileSync('gcc', ['-O2', '-march=native', '-o', reference, join(projectRoot(), 'bench/path/reference.c')], { stdio: 'inherit' });
    const cpu = String(cpus().length - 1);
    const pinned = (command: string, commandArgs: string[]): number =>
      Number(execFileSync('taskset', ['-c', cpu, command, ...commandArgs], { encoding: 'utf8', timeout: 300_000 }));
    const core = join(import.meta.dirname, 'core.js');
    const rows: Row[] = [];
    process.stdout.write('method  connections   C ns  C prefetch ns  core ns  core / C prefetch (min..max)\n');
    for (const method of METHODS) {
      for (const connections of CONNECTIONS) {
        const plain: number[] = [], prefetch: number[] = [], ours: number[] = [], ratios: number[] = [];
        for (let round = 0; round < rounds; round++) {
          plain.push(pinned(reference, [method, 'plain', String(connections), passes]));
          prefetch.push(pinned(reference, [method, 'prefetch', String(connections), passes]));
          ours.push(pinned(process.execPath, [core, method, String(connections), passes]));
          ratios.push(ours[round]! / prefetch[round]!);
        }
        const row: Row = {
          method, connections, cPlainNs: median(plain), cPrefetchNs: median(prefetch), coreNs: median(ours),
          ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios),
        };
        rows.push(row);
        process.stdout.write(`${method.padEnd(6)} ${String(connections).padStart(12)} ${row.cPlainNs.toFixed(0).padStart(6)} ${row.cPrefetchNs.toFixed(0).padStart(14)} ${row.coreNs.toFixed(0).padStart(8)}  ${row.ratio.toFixed(2)} (${row.ratioMin.toFixed(2)}..${row.ratioMax.toFixed(2)})\n`);
      }
    }
    if (jsonAt >= 0) writeFileSync(args[jsonAt + 1] ?? 'bench-core.json', `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

main(process.argv.slice(2));
