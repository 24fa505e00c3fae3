/** A scenario's part of the page: answer first, then the pictures that show it, then the figures, then what it was. */
import { legendSign } from '../../../charts/index.ts';
import type { LaboratoryResult } from '../../result.ts';
import { disruptionBars, figureBars, rankingBars } from '../pictures/figure-bars.ts';
import { loadPictures } from '../pictures/load.ts';
import { responseCurves, responseRows } from '../pictures/response.ts';
import { escapeText, figure, folded, paragraph } from './markup.ts';
import { disruptionTable, eventsList, factsText, figuresTable, rankingTable, serversTable, shareTable } from './tables.ts';

/** `id` is unique on the page; `level` of its heading. */
export function scenarioSection(result: LaboratoryResult, id: string, level: 1 | 2): string {
  const { scenario, finding, command } = result;
  const load = loadPictures(result), bars = figureBars(result), disruption = disruptionBars(result), events = eventsList(result);
  const cost = result.runs.some((run) => run.cost !== null);
  return [
    `<section class="scenario" id="${id}">`,
    `<h${level}>${escapeText(scenario.title)}</h${level}>`, paragraph(scenario.question, 'question'), paragraph(finding, 'finding'),
    '<div class="grid">', figure(rankingBars(result), id), `<div>${rankingTable(result)}</div>`, '</div>',
    '<h3>Response time</h3>', '<div class="grid">', figure(responseRows(result), id), figure(responseCurves(result), id), '</div>',
    figuresTable(result, 'Response time; queueing is the part that others caused', ['response']),
    ...(load === null ? [] : [
      `<h3>Load over time, ${escapeText(load.unit)}, best scheduler first</h3>`, `<ul class="legend">${load.legend.map(({ key, label }) => `<li>${legendSign(key)} ${escapeText(label)}</li>`).join('')}</ul>`,
      `<div class="panels">${load.panels.map((panel) => figure(panel, id)).join('\n')}</div>`, ...(events === '' ? [] : [paragraph('Events:', 'soft small'), events]),
    ]),
    '<h3>Balance, change and cost</h3>', '<div class="grid">', ...bars.map((drawing) => figure(drawing, id)), '</div>',
    figuresTable(result, 'Balance and change', ['outcome', 'balance', 'change']),
    ...(cost ? [figuresTable(result, 'Cost, on the machine of this run: the only figures that differ from run to run', ['cost'])] : []),
    folded('Shares of the servers', shareTable(result)),
    ...(disruption.length === 0 ? [] : ['<h3>Disruption: flows that events sent elsewhere</h3>', '<div class="grid">', ...disruption.map((drawing) => figure(drawing, id)), '</div>', folded('All events and schedulers', disruptionTable(result))]),
    '<h3>The scenario</h3>', paragraph(scenario.description), paragraph(factsText(result), 'soft'), folded('Real servers', serversTable(result)),
    `<p class="small soft">The same again, to the byte:</p><pre><code>${escapeText(command)}</code></pre>`,
    '</section>',
  ].join('\n');
}
