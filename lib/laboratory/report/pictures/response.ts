/** Response times: quantiles of every scheduler as rows, and whole distributions as curves with the tail drawn out. */
import { quantileRows, tailCurves, type Drawing } from '../../../charts/index.ts';
import { numberText } from '../../../charts/number-text.ts';
import type { LaboratoryResult, SchedulerRun } from '../../result.ts';
import { runsBestFirst } from '../ranking.ts';
import { slotsOf } from './highlight.ts';

export function responseRows(result: LaboratoryResult): Drawing {
  const runs = runsBestFirst(result);
  return quantileRows({
    name: 'response-quantiles', title: 'Response time: what most, and what the unlucky wait', axis: 'response time, ms', quantiles: ['p50', 'p95', 'p99', 'p99.9'],
    description: runs.map(({ scheduler, responseMs: { p50, p95, p99, p999 } }) => `${scheduler}: p50 ${numberText(p50)} ms, p95 ${numberText(p95)} ms, p99 ${numberText(p99)} ms, p99.9 ${numberText(p999)} ms.`).join(' '),
    rows: runs.map(({ scheduler, responseMs: { p50, p95, p99, p999 } }, index) => ({ label: scheduler, values: [p50, p95, p99, p999], strong: index === 0 })),
  });
}

export function responseCurves(result: LaboratoryResult): Drawing {
  const runs = runsBestFirst(result), slots = slotsOf(runs);
  const grey = slots.filter((slot) => slot === null).length;
  return tailCurves({
    name: 'response-curves', title: `Response time, whole distribution${grey > 0 ? ` (first and last three named, ${grey} between in grey)` : ''}`,
    description: `Response time in ms, log scale, against the fastest part of the connections: the curve that stays low furthest to the right is best. ${runs.map(({ scheduler, responseMs }) => `${scheduler} reaches ${numberText(responseMs.max)} ms.`).join(' ')}`,
    valueTitle: 'response time, ms', fractionTitle: 'of the connections', curves: runs.map((run, index) => ({ label: run.scheduler, slot: slots[index]!, points: points(run) })),
  });
}

/** The curve and the named quantiles in one, rising; the maximum stands where one connection of all is left. */
function points({ responseCurve: { fraction, ms }, responseMs, connections }: SchedulerRun): [number, number][] {
  const last = Math.max(0.9, 1 - 1 / Math.max(10, connections));
  const some: [number, number][] = [...fraction.map((part, index): [number, number] => [part, ms[index]!]), [0.5, responseMs.p50], [0.95, responseMs.p95], [0.99, responseMs.p99], [0.999, responseMs.p999]];
  const rising = some.filter(([part, value]) => part < last && Number.isFinite(value)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let most = 0;
  return [...rising, [last, responseMs.max] as [number, number]].map(([part, value]) => [part, (most = Math.max(most, value))]);
}
