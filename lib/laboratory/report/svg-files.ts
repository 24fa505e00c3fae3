/** Every chart of the results as a file: summary.svg for several scenarios, and a folder's worth of NAME-CHART.svg each. */
import { durationText, sheet, svgFile, type Drawing } from '../../charts/index.ts';
import type { LaboratoryResult } from '../result.ts';
import { disruptionBars, figureBars, rankingBars } from './pictures/figure-bars.ts';
import { loadSheet } from './pictures/load.ts';
import { responseCurves, responseRows } from './pictures/response.ts';
import { LEVEL_TEXTS, summaryGrid } from './pictures/summary.ts';

/** So many events are listed under the load. */
const EVENTS_TOLD = 12;

export interface SvgFile { readonly name: string; readonly content: string }

export function svgFiles(results: readonly LaboratoryResult[]): SvgFile[] {
  const taken = new Set<string>(['summary']);
  const summary: SvgFile[] = results.length > 1 ? [{ name: 'summary.svg', content: svgFile(summaryGrid(results), { notes: [`★ first; shades: ${LEVEL_TEXTS.join(', ')}`] }) }] : [];
  return [...summary, ...results.flatMap((result) => {
    const prefix = fileName(result.scenario.name, taken);
    const { finding, command } = result;
    return drawings(result).map((drawing) => ({ name: `${prefix}-${drawing.name}.svg`, content: svgFile({ ...drawing, title: titled(drawing, result) }, { notes: [...(drawing.name === 'ranking' ? [finding] : []), ...(drawing.name === 'load' ? eventNotes(result) : []), command] }) }));
  })];
}

function drawings(result: LaboratoryResult): Drawing[] {
  const load = loadSheet(result), disruption = disruptionBars(result);
  const figures = figureBars(result);
  const together = (name: string, title: string, some: readonly Drawing[]): Drawing[] => (some.length === 0 ? [] : [sheet(name, title, some.map(({ title: one, description }) => `${one}: ${description}`).join(' '), some, { columns: 2 })]);
  return [
    rankingBars(result), responseRows(result), responseCurves(result), ...(load === null ? [] : [load]),
    ...together('figures', 'Balance, change and cost', figures), ...together('disruption', 'Disruption: flows that events sent elsewhere', disruption),
  ];
}

function eventNotes({ events }: LaboratoryResult): string[] {
  if (events.length === 0) return [];
  const told = events.slice(0, EVENTS_TOLD).map(({ atMs, text }, index) => `${index + 1}: ${text} (${durationText(atMs)})`);
  return [`Events: ${told.join(', ')}${events.length > EVENTS_TOLD ? `, and ${events.length - EVENTS_TOLD} more` : ''}.`];
}

function titled({ name, title }: Drawing, { scenario }: LaboratoryResult): string {
  return name === 'load' ? title : `${scenario.title}: ${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}

/** Letters, digits and dashes of the scenario's name; a number behind it where two are alike. */
function fileName(name: string, taken: Set<string>): string {
  const plain = name.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 60) || 'scenario';
  let unique = plain;
  for (let count = 2; taken.has(unique); count++) unique = `${plain}-${count}`;
  taken.add(unique);
  return unique;
}
