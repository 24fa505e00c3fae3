/** The page: whole without network or script, true to the result, safe from names, and legible for who sees no colours or no pictures. */
import t from 'tap';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { figureText } from '../../../lib/charts/number-text.ts';
import { reportPage } from '../../../lib/laboratory/report/page/page.ts';
import { svgFiles } from '../../../lib/laboratory/report/svg-files.ts';
import { writeReports } from '../../../lib/laboratory/report/index.ts';
import type { LaboratoryResult } from '../../../lib/laboratory/result.ts';
import { elementsOf, parseXml, textOf, type XmlElement } from '../../support/xml-tree.ts';
import { hostileResult, madeResult, TWENTY } from './made-results.ts';

const SETS: Readonly<Record<string, readonly LaboratoryResult[]>> = {
  'one scenario': [madeResult({ events: 5 })],
  'twenty schedulers, a thousand servers': [madeResult({ schedulers: TWENTY, servers: 1000, equal: true, events: 40 })],
  'several scenarios': [madeResult(), madeResult({ name: 'other', seed: 2, events: 0, schedulers: ['wlc', 'random'] }), hostileResult()],
  'hostile names': [hostileResult()],
  'no load, no curve, nothing measured': [bare()],
};

for (const [title, results] of Object.entries(SETS)) {
  t.test(title, async (t) => {
    const page = reportPage(results);
    t.equal(reportPage(results), page, 'the same bytes');
    t.notMatch(page, /https?:|<script|<link|<img|<iframe|\ssrc=|@import|url\(|\son\w+=/i, 'nothing is fetched or run');
    t.notMatch(page, /NaN|undefined|Infinity/, 'no number went wrong');
    const body = bodyOf(page);
    const ids = allElements(body).flatMap(({ attributes }) => attributes['id'] ?? []);
    t.equal(new Set(ids).size, ids.length, 'ids are unique');
    for (const { attributes } of elementsOf(body, 'a')) t.ok(ids.includes(attributes['href']!.slice(1)), `${attributes['href']} leads somewhere`);
    for (const svg of elementsOf(body, 'svg')) {
      if (svg.attributes['aria-hidden'] === 'true') continue;
      t.ok(svg.attributes['aria-labelledby']!.split(' ').every((id) => ids.includes(id)), 'every chart has title and description');
    }
    for (const axis of elementsOf(body, 'g').filter(({ attributes }) => attributes['class'] === 'c-axis')) {
      if (!/ms|connections|, (s|min|h|ns|bytes)\b|%|times/.test(axis.attributes['data-axis']!)) t.fail(`no unit: ${axis.attributes['data-axis']}`);
    }
    for (const [index, result] of results.entries()) {
      const section = elementsOf(body, 'section').find(({ attributes }) => attributes['id'] === `scenario-${index + 1}`)!;
      const rows = rowsOf(section, 'ranking');
      t.same(rows.map(([scheduler, , value]) => [scheduler!.replace(/\*$/, ''), value]), result.ranking.rows.map(({ scheduler, value }) => [shown(scheduler), figureText(value, result.ranking.unit)]), 'the ranking table is the ranking');
      const words = textOf(section);
      for (const said of [result.finding, result.command, result.scenario.question]) t.ok(words.includes(shown(said)), `says ${said.slice(0, 30)}`);
      t.ok(words.includes(`seed ${result.seed}`));
      for (const { text } of result.events) t.ok(words.includes(shown(text)));
      const response = rowsOf(section, '').find(([first]) => first === shown(result.runs[0]!.scheduler) || first === shown(result.runs.at(-1)!.scheduler));
      t.ok(response);
    }
  });
}

t.test('the response table has each quantile of each scheduler', async (t) => {
  const result = madeResult({ schedulers: TWENTY });
  const table = elementsOf(bodyOf(reportPage([result])), 'table').find((one) => textOf(elementsOf(one, 'caption')[0]!).startsWith('Response time'))!;
  const rows = new Map(elementsOf(table, 'tr').slice(1).map((row) => [textOf(elementsOf(row, 'th')[0]!), elementsOf(row, 'td').map(textOf)]));
  for (const { scheduler, responseMs: { mean, p50, p95, p99, p999, max } } of result.runs) t.same(rows.get(scheduler)!.slice(0, 6), [mean, p50, p95, p99, p999, max].map((value) => figureText(value, 'ms')), scheduler);
});

t.test('a thousand servers are bands, not lines, and the page stays small', async (t) => {
  const page = reportPage(SETS['twenty schedulers, a thousand servers']!);
  t.ok(page.length < 700_000, `${page.length} bytes`);
  const panels = elementsOf(bodyOf(page), 'svg').filter(({ attributes }) => /-load-\d+-t/.test(attributes['aria-labelledby'] ?? ''));
  t.equal(panels.length, TWENTY.length, 'a panel for each scheduler');
  for (const panel of panels) {
    const drawn = (kind: string): number => elementsOf(panel, 'path').filter(({ attributes }) => attributes['class']?.startsWith(kind)).length;
    t.same([drawn('c-band'), drawn('c-line')], [2, 2], 'two bands, the median, and the server that events are about');
  }
});

t.test('colour is never alone: series differ in dash and marker, and both schemes and paper are styled', async (t) => {
  const page = reportPage([madeResult({ servers: 8 })]);
  const dashes = new Set([...page.matchAll(/class="c-line c-s\d"(?: stroke-dasharray="([^"]*)")?/g)].map(([, dash]) => dash ?? 'solid'));
  t.equal(dashes.size, 8);
  t.match(page, /prefers-color-scheme:dark/);
  t.match(page, /@media print/);
});

t.test('a scheduler that ranks behind for its losses says so', async (t) => {
  const made = madeResult();
  const runs = made.runs.map((run, index) => (index === 0 ? { ...run, refused: 20_000 } : { ...run, refused: 0, broken: 0 }));
  const losing = made.runs[0]!.scheduler;
  const rows = [...made.ranking.rows.filter(({ scheduler }) => scheduler !== losing), ...made.ranking.rows.filter(({ scheduler }) => scheduler === losing)];
  const page = reportPage([{ ...made, runs, ranking: { ...made.ranking, rows } }, madeResult({ name: 'other' })]);
  const last = rowsOf(bodyOf(page), 'ranking')[rows.length - 1]!;
  t.equal(last[0], losing);
  t.match(last.at(-1), /^10\.\d* % ✕$/);
});

t.test('every chart is a file too, named after scenario and chart, and as self-contained', async (t) => {
  const results = [madeResult({ events: 3 }), hostileResult(), hostileResult()];
  const folder = join(t.testdir(), 'made/for/it');
  await writeReports(results, { svgDir: folder, html: join(t.testdirName, 'out.html') });
  const names = readdirSync(folder).sort();
  t.same(names, svgFiles(results).map(({ name }) => name).sort());
  t.ok(names.includes('summary.svg'));
  for (const chart of ['ranking', 'load', 'response-quantiles', 'response-curves', 'figures', 'disruption']) t.ok(names.includes(`unequal-servers-${chart}.svg`), chart);
  for (const name of names) {
    t.match(name, /^[\w-]+\.svg$/);
    const text = readFileSync(join(folder, name), 'utf8');
    t.notMatch(text.replace('xmlns="http://www.w3.org/2000/svg"', ''), /https?:|<script|href|@import|url\(/);
    t.equal(parseXml(text).name, 'svg');
  }
  t.equal(readFileSync(join(t.testdirName, 'out.html'), 'utf8'), reportPage(results));
});

/** As strict XML: what the page writes is well-formed but for void elements in its head. */
function bodyOf(page: string): XmlElement {
  return parseXml(page.slice(page.indexOf('<main'), page.indexOf('</body>')).replaceAll('<br>', '<br/>'));
}

function allElements(element: XmlElement): XmlElement[] {
  return [element, ...element.children.flatMap((child) => (typeof child === 'string' ? [] : allElements(child)))];
}

function rowsOf(element: XmlElement, kind: string): string[][] {
  return elementsOf(element, 'table').filter(({ attributes }) => (attributes['class'] ?? '') === kind)
    .flatMap((table) => elementsOf(table, 'tbody').flatMap((body) => elementsOf(body, 'tr').map((row) => row.children.filter((child): child is XmlElement => typeof child !== 'string').map(textOf))));
}

/** Characters that no page can hold are replaced. */
function shown(text: string): string {
  return text.replace(/\u001b/g, '\ufffd');
}

function bare(): LaboratoryResult {
  const made = madeResult({ events: 0, schedulers: ['rr'] });
  const zero = { mean: 0, p50: 0, p95: 0, p99: 0, p999: 0, max: 0 };
  const [run] = made.runs;
  return { ...made, ranking: { ...made.ranking, rows: [{ scheduler: 'rr', value: 0 }] }, runs: [{ ...run!, connections: 0, responseMs: zero, queueingMs: zero, responseCurve: { fraction: [], ms: [] }, load: [], cost: null, disruption: [], disagreement: { flows: 0, differ: 0 } }] };
}
