/** The files: what they hold is what the result holds, and nothing is lost when one cannot be written. */
import t from 'tap';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { csv } from '../../../lib/laboratory/report/csv.ts';
import { FIGURES } from '../../../lib/laboratory/report/figures.ts';
import { writeReports } from '../../../lib/laboratory/report/write-reports.ts';
import { hostileResult, madeResult } from './made-results.ts';

t.test('JSON gives the results back', async (t) => {
  const results = [madeResult(), hostileResult()];
  const file = join(t.testdir(), 'out.json');
  await writeReports(results, { json: file });
  t.same(JSON.parse(readFileSync(file, 'utf8')), results);
});

t.test('CSV gives every figure of every scheduler back at full precision', async (t) => {
  const results = [madeResult({ events: 5 }), hostileResult()];
  const [head, ...lines] = parseCsv(csv(results));
  t.equal(lines.length, results.flatMap(({ runs }) => runs).length);
  const runs = results.flatMap((result) => result.runs.map((run) => ({ result, run })));
  for (const [index, { result, run }] of runs.entries()) {
    const row = Object.fromEntries(head!.map((name, column) => [name, lines[index]![column]!]));
    t.equal(lines[index]!.length, head!.length);
    t.equal(row['scheduler'], run.scheduler);
    t.equal(row['scenario'], result.scenario.name);
    t.equal(Number(row['seed']), result.seed);
    t.equal(Number(row['measure_value']), result.ranking.rows.find(({ scheduler }) => scheduler === run.scheduler)!.value);
    for (const { key, value } of FIGURES) t.equal(row[key] === '' ? null : Number(row[key]), value(run), `${key} of ${index}`);
  }
});

t.test('a name that a spreadsheet would run as a formula is text', async (t) => {
  const made = madeResult();
  const text = csv([{ ...made, scenario: { ...made.scenario, name: '=HYPERLINK(1)' } }]);
  t.ok(text.split('\r\n')[1]!.startsWith("'=HYPERLINK(1),"));
});

t.test('- is standard output, for one of them', async (t) => {
  let out = '';
  const stdout = { write: (text: string): void => { out += text; } };
  await writeReports([madeResult()], { csv: '-' }, stdout);
  t.equal(out, csv([madeResult()]));
  await t.rejects(writeReports([madeResult()], { csv: '-', json: '-' }, stdout), { message: /--json - and --csv - both want standard output/ });
});

t.test('a file that cannot be written is named, and its former content stays', async (t) => {
  const folder = t.testdir({ 'out.json': 'former' });
  await t.rejects(writeReports([madeResult()], { json: join(folder, 'missing/out.json') }), { message: /--json .*missing\/out\.json cannot be written: its folder does not exist/ });
  mkdirSync(join(folder, 'a-folder'));
  await t.rejects(writeReports([madeResult()], { csv: join(folder, 'a-folder') }), { message: /--csv .*a-folder is a folder: name a file/ });
  t.same(readdirSync(folder).sort(), ['a-folder', 'out.json'], 'no half-written file is left');
  writeFileSync(join(folder, 'out.json'), 'former');
  await writeReports([madeResult()], { json: join(folder, 'out.json') });
  t.not(readFileSync(join(folder, 'out.json'), 'utf8'), 'former');
});

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const match of text.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/g)) {
    rows.at(-1)!.push(match[1]!.startsWith('"') ? match[1]!.slice(1, -1).replaceAll('""', '"') : match[1]!);
    if (match[2] === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}
