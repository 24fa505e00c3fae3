/** Schedulers by scenarios: how many times worse than the scenario's best each is, as a step of colour and as its value. */
import { heatGrid, HEAT_LEVELS, type Drawing } from '../../../charts/index.ts';
import { figureText } from '../../../charts/number-text.ts';
import type { LaboratoryResult } from '../../result.ts';
import { rankOf, ranked } from '../ranking.ts';

export interface SummaryCell {
  readonly text: string;
  readonly rank: number | null;
  /** Ranks behind the others for what it loses. */
  readonly loses: boolean;
  /** 0 (the best) to HEAT_LEVELS - 1; null where it did not run. */
  readonly level: number | null;
}
export interface SummaryRow { readonly scheduler: string; readonly research: boolean; readonly cells: readonly SummaryCell[] }

/** Level n up to so many times the best value; beyond the last, the worst level. */
const TIMES = [1.02, 1.25, 2, 4, 10];

/** Best schedulers first: by their mean place, where a scenario that one did not run in counts as the middle. */
export function summaryRows(results: readonly LaboratoryResult[]): SummaryRow[] {
  const schedulers = [...new Set(results.flatMap((result) => result.ranking.rows.map(({ scheduler }) => scheduler)))];
  const rows = schedulers.map((scheduler) => {
    const cells = results.map((result): SummaryCell => {
      const found = rankOf(result, scheduler);
      return found === null ? { text: '-', rank: null, loses: false, level: null } : { text: figureText(found.value, result.ranking.unit), rank: found.rank, loses: found.behindForLoss, level: found.behindForLoss ? HEAT_LEVELS - 1 : levelOf(found.value, result.ranking) };
    });
    const places = results.map((result, index) => (cells[index]!.rank === null ? 0.5 : (cells[index]!.rank! - 1) / Math.max(1, ranked(result).length - 1)));
    return { scheduler, research: results.some(({ runs }) => runs.some((run) => run.scheduler === scheduler && run.research)), cells, place: places.reduce((sum, one) => sum + one, 0) / Math.max(1, places.length) };
  });
  return rows.sort((a, b) => a.place - b.place);
}

export function summaryGrid(results: readonly LaboratoryResult[]): Drawing {
  const rows = summaryRows(results);
  return heatGrid({
    name: 'summary', title: 'Schedulers by scenarios, each by the scenario’s own measure',
    description: results.map((result) => `${result.scenario.name}, ${result.ranking.measure}: best ${result.ranking.rows[0]?.scheduler ?? 'none'}, worst ${result.ranking.rows.at(-1)?.scheduler ?? 'none'}.`).join(' '),
    columns: results.map(({ scenario, ranking }) => `${scenario.name} (${ranking.unit.startsWith('of the ') ? '%' : ranking.unit})`),
    rows: rows.map(({ scheduler, cells }) => ({ label: scheduler, cells: cells.map(({ text, level, rank, loses }) => ({ text: rank === 1 ? `★ ${text}` : loses ? `${text} ✕` : text, level })) })),
  });
}

/** What the steps mean, for captions. */
export const LEVEL_TEXTS: readonly string[] = Array.from({ length: HEAT_LEVELS }, (_, level) => (level === 0 ? 'best' : level < TIMES.length ? `up to ${TIMES[level]} times the best` : `more than ${TIMES.at(-1)} times, or ✕: loses connections and ranks last`));

/** Of percentages, a point more on either side: 0.1 % is not infinitely worse than 0 %. */
function levelOf(value: number, { rows, unit, lowerIsBetter }: LaboratoryResult['ranking']): number {
  const more = unit === '%' ? 1 : unit.startsWith('of the ') ? 0.01 : 0;
  const [one, best] = [value + more, (rows[0]?.value ?? 0) + more];
  const timesBest = one === best ? 1 : lowerIsBetter ? one / best : best / one;
  const level = TIMES.findIndex((most) => timesBest <= most);
  return level < 0 ? HEAT_LEVELS - 1 : level;
}
