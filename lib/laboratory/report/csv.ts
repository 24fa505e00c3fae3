/**
 * One line for each scheduler of each scenario, figures at full precision: for spreadsheets and data frames. RFC 4180: CRLF, quotes doubled.
 * What each server saw over time is in the JSON.
 */
import type { LaboratoryResult } from '../result.ts';
import { FIGURES } from './figures.ts';
import { rankOf } from './ranking.ts';

const HEAD = ['scenario', 'seed', 'scheduler', 'research', 'rank', 'measure', 'measure_unit', 'measure_value', ...FIGURES.map(({ key }) => key)];

export function csv(results: readonly LaboratoryResult[]): string {
  const lines = results.flatMap((result) => result.runs.map((run) => {
    const { measure, unit } = result.ranking;
    const ranked = rankOf(result, run.scheduler);
    return [result.scenario.name, result.seed, run.scheduler, run.research, ranked?.rank ?? null, measure, unit, ranked?.value ?? null, ...FIGURES.map(({ value }) => value(run))];
  }));
  return [HEAD, ...lines].map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

/** NB: text that a spreadsheet would take for a formula gets an apostrophe, as names come from scenario files of others. */
function cell(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
