/** The results as text: measures by contenders, medians; then each floor with what was reached. */
import type { Contender } from './contender.ts';
import { described, reference, type Verdict } from './floors.ts';
import { MEASURES, shown, type MeasureName } from './measures.ts';
import type { Results } from './results.ts';
import { median } from '../median.ts';
import type { Spread } from './statistics.ts';

export function figuresTable(results: Results, contenders: readonly Contender[]): string {
  const rows = (Object.keys(MEASURES) as MeasureName[]).filter((measure) => results.has(measure)).map((measure) => [
    `${MEASURES[measure].title}, ${MEASURES[measure].unit}`,
    ...contenders.map(({ name }) => {
      const values = results.values(name, measure);
      return values.length === 0 ? '-' : shown(measure, median(values));
    }),
  ]);
  return columns([['', ...contenders.map(({ name }) => name)], ...rows]);
}

/** Each floor: the ratio reached, its spread over the rounds, and the medians that stand behind it: ours, and what the floor came to. */
export function floorsTable(results: Results, verdicts: readonly Verdict[]): string {
  return columns([
    ['floor', 'reached', '(min..max)', '', 'figure', 'floor at', 'others'],
    ...verdicts.map(({ floor, shapes: [deciding, ...others], holds }) => [
      described(floor), `${deciding!.contender} ${figure(deciding!.value)}`, range(deciding!.value), holds ? 'holds' : 'UNDER',
      shown(floor.measure, median(results.values(deciding!.contender, floor.measure))),
      `${shown(floor.measure, floor.peers.length === 0 ? floor.limit : reference(results, floor) * floor.limit)} ${MEASURES[floor.measure].unit}`,
      others.map(({ contender, value }) => `${contender} ${figure(value)}`).join(', '),
    ]),
  ], true);
}

const digits = (value: number): number => (value >= 100 ? 0 : 2);
const figure = ({ median }: Spread): string => median.toFixed(digits(median));
const range = ({ least, most }: Spread): string => `(${least.toFixed(digits(least))}..${most.toFixed(digits(most))})`;

function columns(rows: readonly (readonly string[])[], left = false): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => (i === 0 || left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ').trimEnd()).join('\n') + '\n';
}
