/** Bars for the ranking, for single figures of every scheduler, and for what each event moved. */
import { barPanel, type BarRow, type Drawing } from '../../../charts/index.ts';
import { durationText, figureText, percentText } from '../../../charts/number-text.ts';
import type { LaboratoryResult } from '../../result.ts';
import { figureOf, type Figure } from '../figures.ts';
import { ranked, runsBestFirst } from '../ranking.ts';

/** Figures with a picture of their own, where a scheduler has something to show. */
const PICTURED = ['share_error', 'peak_to_mean', 'persistence_skew', 'ramp_overshoot', 'directors_disagree', 'refused', 'broken', 'pick_ns', 'scheduler_bytes'];
/** Even is 1. */
const REFERENCE: Readonly<Record<string, string>> = { peak_to_mean: '1 = even', persistence_skew: '1 = as due', ramp_overshoot: '1 = fair' };
/** More events than this are in the table alone. */
const EVENTS_PICTURED = 6;

export function rankingBars(result: LaboratoryResult): Drawing {
  const { ranking: { measure, unit, lowerIsBetter } } = result;
  const rows = ranked(result);
  return barPanel({
    name: 'ranking', title: `Ranking by ${measure}, ${lowerIsBetter ? 'lower' : 'higher'} is better`, axis: axisTitle(measure, unit), percent: isPart(unit),
    description: rows.map(({ rank, scheduler, value, behindForLoss, lost }) => `${rank}. ${scheduler}: ${valueInUnit(value, unit)}${behindForLoss ? `, but loses ${percentText(lost)} of its connections` : ''}.`).join(' '),
    groups: [{ rows: rows.map(({ scheduler, value, rank, behindForLoss, lost }): BarRow => ({ label: `${rank}. ${scheduler}`, value, text: `${figureText(value, unit)}${behindForLoss ? `, loses ${percentText(lost)}` : ''}`, emphasis: rank === 1 ? 'best' : behindForLoss || rank === rows.at(-1)!.rank ? 'worst' : null })) }],
  });
}

export function figureBars(result: LaboratoryResult): Drawing[] {
  const runs = runsBestFirst(result);
  return PICTURED.map(figureOf).filter(({ value }) => runs.some((run) => (value(run) ?? 0) > 0)).map((figure) => oneFigure(figure, result));
}

export function disruptionBars(result: LaboratoryResult): Drawing[] {
  const runs = runsBestFirst(result);
  return result.events.flatMap(({ atMs, text }, event): Drawing[] => {
    const told = runs.map((run) => ({ run, one: run.disruption.find((found) => found.event === event && found.probes > 0) }));
    if (told.every(({ one }) => one === undefined)) return [];
    return [barPanel({
      name: `disruption-${event + 1}`, title: `Event ${event + 1}, ${durationText(atMs)}: ${text}`, axis: 'flows that changed their server, % of those asked', percent: true, markName: 'had to change',
      description: told.map(({ run, one }) => (one === undefined ? `${run.scheduler}: not measured.` : `${run.scheduler}: ${one.moved} of ${one.probes} flows changed their server, ${one.necessary} had to.`)).join(' '),
      groups: [{ rows: told.map(({ run, one }): BarRow => (one === undefined ? { label: run.scheduler, value: null } : { label: run.scheduler, value: one.moved / one.probes, mark: one.necessary / one.probes })) }],
    })];
  }).slice(0, EVENTS_PICTURED);
}

function oneFigure({ key, title, unit, meaning, value, better }: Figure, result: LaboratoryResult): Drawing {
  const rows = runsBestFirst(result).map((run) => ({ run, value: value(run) }));
  const known = rows.map((row) => row.value).filter((one): one is number => one !== null);
  const [best, worst] = better === 'higher' ? [Math.max(...known), Math.min(...known)] : [Math.min(...known), Math.max(...known)];
  return barPanel({
    name: key.replaceAll('_', '-'), title, axis: axisTitle(title.toLowerCase(), unit), percent: isPart(unit), ...(REFERENCE[key] === undefined ? {} : { reference: { value: 1, label: REFERENCE[key] } }),
    description: `${meaning} ${rows.map((row) => `${row.run.scheduler}: ${row.value === null ? 'not measured' : valueInUnit(row.value, unit)}.`).join(' ')}`,
    groups: [{ rows: rows.map((row) => ({ label: row.run.scheduler, value: row.value, text: figureText(row.value, unit), emphasis: best === worst || row.value === null ? null : row.value === best ? 'best' : row.value === worst ? 'worst' : null })) }],
  });
}

/** "share error, % of the connections". */
export function axisTitle(what: string, unit: string): string {
  return `${what}, ${isPart(unit) ? `% ${unit}` : unit}`;
}

function valueInUnit(value: number, unit: string): string {
  return isPart(unit) ? `${figureText(value, unit)} ${unit}` : `${figureText(value, unit)} ${unit}`;
}

function isPart(unit: string): boolean {
  return unit.startsWith('of the ');
}
