/**
 * The differential test against the real kernel, on demand: `npm run oracle -- --seed 1 --count 200`.
 * Random scenarios (commands; schedulers under edits; packets of every sort) run through kernel ip_vs and ipvsadm in a QEMU machine,
 * are recorded in the golden format, and then run through our own code; the first difference of each is printed.
 *
 * --vm DIR      the oracle (run-vm, guest/, cases/); default: $TSIPVS_ORACLE, else ../shared/oracle/vm beside the checkout
 * --keep DIR    record into DIR and leave it there (a scenario depends on nothing but seed and number, so it can be compared again
 *               later with `npm run golden -- DIR`)
 * Not part of `npm test`: about 5 s a scenario. Without qemu it says so and ends 0.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new Error(`--${name} takes a whole number from 1, not "${text}"`);
  return value;
}

function main(): number {
  const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '30' }, vm: { type: 'string' }, keep: { type: 'string' } } });
  const seed = wholeNumber('seed', values.seed), count = wholeNumber('count', values.count);
  if (spawnSync('qemu-system-x86_64', ['--version']).error !== undefined) {
    process.stdout.write('oracle: skipped: qemu-system-x86_64 is not installed (Debian: apt-get install qemu-system-x86 e2fsprogs kmod cpio)\n');
    return 0;
  }
  const vm = resolve(values.vm ?? process.env['TSIPVS_ORACLE'] ?? join(projectRoot(), '../shared/oracle/vm'));
  if (!existsSync(join(vm, 'run-vm'))) {
    process.stdout.write(`oracle: skipped: no run-vm in ${vm}; name the oracle's folder with --vm or TSIPVS_ORACLE\n`);
    return 0;
  }
  const out = values.keep === undefined ? mkdtempSync(join(tmpdir(), 'tsipvs-oracle-')) : resolve(values.keep);
  try {
    const recorded = spawnSync(join(projectRoot(), 'test/oracle/record'), [vm, out, String(seed), String(count)], {
      stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ORACLE_LIMIT: String(120 + count * 30) },
    });
    if (recorded.status !== 0) throw new Error(`recording ended with status ${recorded.status}`);
    const folders = ['cli', 'sched', 'packet'].map((name) => join(out, name)).filter((path) => existsSync(path));
    return spawnSync(process.execPath, [join(import.meta.dirname, '../support/golden-cli.js'), ...folders], { stdio: 'inherit' }).status ?? 1;
  } finally {
    if (values.keep === undefined) rmSync(out, { recursive: true, force: true });
  }
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`oracle: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
