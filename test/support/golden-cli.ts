/**
 * `npm run golden -- DIR... [--only ID] [--show]`: play recordings of the real director on our code. DIR is a set, a corpus folder or a file.
 * --only takes an id or the beginning of one; --show prints every difference side by side instead of the first one of a case in short.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Difference, Normal } from './golden-compare.ts';
import { type CaseResult, runGolden } from './golden-runner.ts';

const SHORT = 240;

async function main(): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { only: { type: 'string' }, show: { type: 'boolean' } } });
  } catch (error) {
    process.stderr.write(`golden: ${(error as Error).message}\nusage: npm run golden -- DIR... [--only ID] [--show]\n`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (!positionals.length) {
    process.stderr.write('usage: npm run golden -- DIR... [--only ID] [--show]\n');
    return 2;
  }
  const missing = positionals.find((p) => !existsSync(p));
  if (missing !== undefined) {
    process.stderr.write(`golden: ${missing}: no such file or folder\n`);
    return 2;
  }
  const folders = await runGolden(positionals, { only: values.only });
  if (!folders.length) {
    process.stderr.write(values.only === undefined ? 'golden: no case files found\n' : `golden: no case ${values.only}\n`);
    return 2;
  }
  for (const folder of folders) {
    const except = folder.excepted.length ? `, ${folder.excepted.length} excepted` : '';
    process.stdout.write(`${folder.name}: ${folder.passed} passed, ${folder.failed.length} failed${except}\n`);
    for (const failure of folder.failed) process.stdout.write(values.show ? showAll(failure) : showFirst(failure));
    for (const reason of new Set(folder.excepted.map((e) => e.reason))) {
      process.stdout.write(`  excepted: ${folder.excepted.filter((e) => e.reason === reason).map((e) => e.id).join(' ')}: ${reason}\n`);
    }
  }
  return folders.some((f) => f.failed.length) ? 1 : 0;
}

function showFirst(failure: CaseResult): string {
  const first = failure.differences[0]!;
  return `  FAILED ${failure.id}: ${place(failure, first)}\n    golden ${short(first.golden)}\n    ours   ${short(first.ours)}\n`;
}

function showAll(failure: CaseResult): string {
  const parts = failure.differences.map((d) => {
    const [golden, ours] = [lines(d.golden), lines(d.ours)];
    const rows = Array.from({ length: Math.max(golden.length, ours.length) }, (_, i) =>
      golden[i] === ours[i] ? `      ${golden[i]}` : `    - ${golden[i] ?? ''}\n    + ${ours[i] ?? ''}`);
    return `   ${place(failure, d)}\n${rows.join('\n')}\n`;
  });
  return `  FAILED ${failure.id} (${failure.title}): ${failure.differences.length} differences; - golden, + ours\n${parts.join('')}`;
}

function place(failure: CaseResult, difference: Difference): string {
  if (typeof difference.where !== 'number') return difference.where;
  const step = failure.golden.steps[difference.where];
  const what = step?.argv?.join(' ') ?? [step?.op, step?.note ?? step?.cmd ?? step?.path ?? step?.client ?? ''].join(' ');
  return `step ${difference.where} t=${step?.t} ${what}`;
}

function short(value: Normal): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHORT ? `${text.slice(0, SHORT)}...` : text;
}

/** One line a leaf, so that two values can be laid side by side. */
function lines(value: Normal, prefix = ''): string[] {
  if (value === null || typeof value !== 'object') return String(value).split('\n').map((l) => `${prefix}${l}`);
  return Object.entries(value).flatMap(([key, v]) => lines(v as Normal, `${prefix}${key}: `));
}

process.exitCode = await main();
