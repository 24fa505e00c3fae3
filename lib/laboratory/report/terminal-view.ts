/**
 * The report for a terminal: the finding, then one line for each scheduler, best first, with its bar, response times, balance and the busiest
 * server's load as a sparkline. Columns that have no room are left out, the least telling first; no line is ever wider than the terminal.
 */
import type { LaboratoryResult, SchedulerRun } from '../result.ts';
import { figureOf } from './figures.ts';
import { durationText, figureText, numberText, percentText } from '../../charts/number-text.ts';
import { ranked, type Ranked } from './ranking.ts';
import { bar, sparkline } from './sparkline.ts';
import { cut, lineText, padLeft, padRight, piece, width, wrap, type Piece } from './terminal-line.ts';

export interface TerminalSize {
  /** Width of the terminal, cells. */
  readonly columns: number;
  /** Escape codes for colour; false for files, pipes and NO_COLOR. */
  readonly colour: boolean;
  /** No block characters: for terminals whose character set is not UTF-8. */
  readonly ascii?: boolean;
}

/** In the order in which they give way on a narrow terminal, the last one first. */
const COLUMNS: readonly { readonly heading: string; readonly key: string }[] = [
  { heading: 'p50 ms', key: 'p50_ms' }, { heading: 'p99 ms', key: 'p99_ms' }, { heading: 'p99.9 ms', key: 'p99_9_ms' }, { heading: 'share err', key: 'share_error' },
  { heading: 'peak', key: 'peak_to_mean' }, { heading: 'moved', key: 'moved_excess' }, { heading: 'refused', key: 'refused' }, { heading: 'broken', key: 'broken' }, { heading: 'ns/pick', key: 'pick_ns' },
];
/** Shown only where one of the schedulers has more than none. */
const ONLY_IF_ANY = ['refused', 'broken'];
const NAME_MOST = 20;
const BAR = { least: 6, most: 30 };
const SPARK = { most: 30, heading: 'busiest server' };
/** Values further apart than this get bars on a log scale: beside a full bar, all others would be nothing. */
const STEEP = 100;

/** All scenarios; an overview first if there are several. */
export function terminalView(results: readonly LaboratoryResult[], size: TerminalSize): string {
  const { columns, ascii = false } = size;
  const sections = results.map((result) => lines(section(result, roomOf(columns), ascii), size));
  return [...(results.length > 1 ? [terminalOverview(results, size)] : []), ...sections].join('\n');
}

/** One line a scenario: who is first, who is last. */
export function terminalOverview(results: readonly LaboratoryResult[], size: TerminalSize): string {
  return lines(overview(results, roomOf(size.columns), size.ascii ?? false), size);
}

function lines(pieces: readonly (readonly Piece[])[], { columns, colour, ascii = false }: TerminalSize): string {
  return pieces.map((line) => `${lineText(line, roomOf(columns), colour, ascii)}\n`).join('');
}

function roomOf(columns: number): number {
  return Math.max(1, Math.floor(columns));
}

function section(result: LaboratoryResult, room: number, ascii: boolean): Piece[][] {
  const { scenario, ranking, seed, connections, durationMs, servers } = result;
  const text = (words: string, style: Piece['style']): Piece[][] => wrap(words, room).map((line) => [piece(line, style)]);
  return [
    [piece(scenario.name, 'bold'), piece(`  ${scenario.title}`)],
    ...text(scenario.question, 'dim'),
    ...text(result.finding, 'accent'),
    [],
    ...table(result, room, ascii),
    ...text(`Ranked by ${ranking.measure}, ${ranking.lowerIsBetter ? 'lower' : 'higher'} is better.${result.runs.some(({ research }) => research) ? ' * = research scheduler, not in the kernel.' : ''}`, 'dim'),
    ...text(`${numberText(connections)} connections in ${durationText(durationMs)} to ${servers.length} servers, seed ${seed}:`, 'dim'),
    ...text(result.command, 'plain'),
  ];
}

function table(result: LaboratoryResult, room: number, ascii: boolean): Piece[][] {
  const { ranking, runs } = result;
  const rows = ranked(result);
  const names = rows.map(({ scheduler, run }) => `${cut(scheduler, NAME_MOST, ascii)}${run?.research === true ? '*' : ''}`);
  const values = rows.map(({ value }) => figureText(value, ranking.unit));
  const rankWide = String(rows.length).length + 1, nameWide = widest([...names, 'scheduler']), valueHeading = unitHeading(ranking.unit), valueWide = widest([...values, valueHeading]);
  let left = room - (rankWide + 1 + nameWide + 2 + valueWide);

  const part = barParts(rows.map(({ value }) => value));
  const hasBar = left > BAR.least + 1;
  if (hasBar) left -= BAR.least + 1;
  const chosen: { readonly heading: string; readonly cells: readonly string[]; readonly wide: number }[] = [];
  const busiest = rows.map(({ run }) => (run === null ? [] : busiestLoad(run)));
  const peaks = busiest.map((values) => numberText(Math.max(0, ...values))), peakWide = widest([...peaks, 'most']);
  const wantsSpark = runs.some(({ load }) => load.length > 0) && left > SPARK.heading.length + peakWide + 3;
  if (wantsSpark) left -= SPARK.heading.length + peakWide + 3;
  for (const { heading, key } of COLUMNS) {
    const { value, unit } = figureOf(key);
    const found = rows.map(({ run }) => (run === null ? null : value(run)));
    if (!found.some((one) => one !== null && (one > 0 || !ONLY_IF_ANY.includes(key)))) continue;
    const cells = found.map((one) => figureText(one, unit));
    const wide = widest([...cells, heading]);
    if (wide + 2 > left) break;
    left -= wide + 2;
    chosen.push({ heading, cells, wide });
  }
  const barWide = hasBar ? Math.min(BAR.most, BAR.least + left) : 0;
  if (hasBar) left -= barWide - BAR.least;
  const sparkWide = wantsSpark ? Math.min(SPARK.most, SPARK.heading.length + left) : 0;

  const heading = [
    piece(`${padRight('', rankWide)} ${padRight('scheduler', nameWide)}  ${padLeft(valueHeading, valueWide)}${hasBar ? ` ${padRight('', barWide)}` : ''}`, 'dim'),
    ...chosen.map((column) => piece(`  ${padLeft(column.heading, column.wide)}`, 'dim')),
    piece(wantsSpark ? `  ${padRight(SPARK.heading, sparkWide)} ${padLeft('most', peakWide)}` : '', 'dim'),
  ];
  const lines = rows.map((row, index): Piece[] => {
    const style = styleOf(row, rows);
    return [
      piece(`${padLeft(String(row.rank), rankWide)} `, 'dim'), piece(`${padRight(names[index]!, nameWide)}  `, style), piece(padLeft(values[index]!, valueWide), style),
      piece(hasBar ? ` ${padRight(bar(part.of(row.value), barWide, ascii), barWide)}` : '', style),
      ...chosen.map(({ cells, wide }) => piece(`  ${padLeft(cells[index]!, wide)}`)),
      piece(wantsSpark ? `  ${padRight(sparkline(busiest[index]!, sparkWide, Math.max(0, ...busiest[index]!), ascii), sparkWide)}` : '', 'accent'), piece(wantsSpark ? ` ${padLeft(peaks[index]!, peakWide)}` : ''),
    ];
  });
  const notes = [...(hasBar && part.log ? ['Bars are on a log scale.'] : []), ...(wantsSpark ? ['Busiest server: its connections over time, each on its own scale, and the most of them.'] : [])];
  return [heading, ...lines, ...wrap(notes.join(' '), room).map((line) => [piece(line, 'dim')])];
}

function overview(results: readonly LaboratoryResult[], room: number, ascii: boolean): Piece[][] {
  const rows = results.map((result) => {
    const rows = ranked(result);
    const told = (row: Ranked | undefined): string => (row === undefined ? '-' : `${cut(row.scheduler, NAME_MOST, ascii)} ${figureText(row.value, result.ranking.unit)}${row.behindForLoss ? `, loses ${percentText(row.lost)}` : ''}`);
    return { name: result.scenario.name, measure: `${result.ranking.measure}${result.ranking.unit.includes(' ') ? '' : `, ${result.ranking.unit}`}`, best: told(rows[0]), worst: told(rows.at(-1)) };
  });
  const wide = (key: 'name' | 'best' | 'worst', heading: string): number => widest([heading, ...rows.map((row) => row[key])]);
  const [nameWide, bestWide, worstWide] = [wide('name', 'scenario'), wide('best', 'best'), wide('worst', 'worst')];
  // On a narrow terminal the measure gives way first, then the worst.
  const line = (name: string, best: string, worst: string, measure: string, heading: boolean): Piece[] => [
    piece(padRight(name, nameWide), heading ? 'dim' : 'bold'), piece(`  ${padRight(best, bestWide)}`, heading ? 'dim' : 'best'),
    piece(`  ${padRight(worst, worstWide)}`, heading ? 'dim' : 'worst'), piece(`  ${measure}`, 'dim'),
  ].slice(0, room >= nameWide + bestWide + worstWide + 12 ? 4 : room >= nameWide + bestWide + worstWide + 4 ? 3 : 2);
  return [[piece(`${results.length} scenarios`, 'bold')], line('scenario', 'best', 'worst', 'measured by', true), ...rows.map((row) => line(row.name, row.best, row.worst, row.measure, false))];
}

/** Highest load of any server in each bucket, connections. */
export function busiestLoad({ load }: SchedulerRun): number[] {
  const buckets = Math.max(0, ...load.map((one) => one.length));
  return Array.from({ length: buckets }, (_, bucket) => load.reduce((most, one) => Math.max(most, one[bucket] ?? 0), 0));
}

function styleOf({ rank, behindForLoss }: Ranked, rows: readonly Ranked[]): Piece['style'] {
  return rank === 1 ? 'best' : behindForLoss || rank === rows.at(-1)!.rank ? 'worst' : 'plain';
}

/** How much of a bar each value fills. */
function barParts(values: readonly number[]): { readonly of: (value: number) => number; readonly log: boolean } {
  const known = values.filter((value) => Number.isFinite(value) && value > 0);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  if (known.length === 0) return { of: () => 0, log: false };
  if (most / least <= STEEP) return { of: (value) => value / most, log: false };
  // A tenth of the bar for the least, so that it is seen.
  return { of: (value) => (value > 0 ? 0.1 + (0.9 * Math.log(value / least)) / Math.log(most / least) : 0), log: true };
}

function unitHeading(unit: string): string {
  return unit.startsWith('of the ') ? unit.slice(7) : unit;
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(width));
}
