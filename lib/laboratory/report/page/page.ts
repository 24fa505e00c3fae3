/** The report as one HTML file: style and pictures inside, no script, nothing fetched. The same results give the same bytes. */
import { HEAT_LEVELS } from '../../../charts/index.ts';
import type { LaboratoryResult } from '../../result.ts';
import { FIGURES } from '../figures.ts';
import { LEVEL_TEXTS, summaryRows } from '../pictures/summary.ts';
import { escapeText, paragraph } from './markup.ts';
import { scenarioSection } from './scenario-section.ts';
import { pageCss } from './style.ts';
import { unitText } from './tables.ts';

export function reportPage(results: readonly LaboratoryResult[]): string {
  const only = results.length === 1 ? results[0]! : null;
  const title = only === null ? `Scheduler laboratory: ${results.length} scenarios` : only.scenario.title;
  return [
    '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">', `<title>${escapeText(title)}</title>`, '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Nothing may be fetched or run, even if a name should get past the escaping.
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    '<meta name="generator" content="tsipvs">', `<style>${pageCss()}</style>`, '</head><body>', `<main${only === null ? '' : ' class="first"'}>`,
    ...(only === null ? [`<h1>${escapeText(title)}</h1>`, summary(results), ...results.map((result, index) => scenarioSection(result, `scenario-${index + 1}`, 2))] : [scenarioSection(only, 'scenario-1', 1)]),
    words(results), '</main></body></html>', '',
  ].join('\n');
}

function summary(results: readonly LaboratoryResult[]): string {
  const head = results.map(({ scenario, ranking }, index) => `<th scope="col"><a href="#scenario-${index + 1}">${escapeText(scenario.name)}</a><span class="unit">${escapeText(`${ranking.measure}, ${unitText(ranking.unit)}`)}</span></th>`).join('');
  const rows = summaryRows(results).map(({ scheduler, research, cells }) => `<tr><th scope="row">${escapeText(scheduler)}${research ? '*' : ''}</th>${cells.map(({ text, rank, level, loses }) => `<td${level === null ? '' : ` class="heat${level}"`}>${rank === 1 ? '★ ' : ''}${escapeText(text)}${rank === null ? '' : `<br><small>${rank}.${loses ? ' ✕' : ''}</small>`}</td>`).join('')}</tr>`).join('\n');
  const keys = Array.from({ length: HEAT_LEVELS }, (_, level) => `<span class="key heat${level}">${escapeText(LEVEL_TEXTS[level]!)}</span>`).join('');
  return [
    `<p class="small soft" id="summary-words">Every scheduler in every scenario, by the scenario’s own measure, with its rank; best overall first. ★ = first${results.some(({ runs }) => runs.some(({ research }) => research)) ? ', * = research, not in the kernel' : ''}.</p>`,
    `<div class="wide"><table class="heat" aria-describedby="summary-words"><thead><tr><th scope="col">Scheduler</th>${head}</tr></thead><tbody>\n${rows}\n</tbody></table></div>`,
    `<p class="small">${keys} <span class="soft">(percentages: one point added to both)</span></p>`,
    '<h3>What was found</h3>', `<ul>${results.map(({ scenario, finding }, index) => `<li><a href="#scenario-${index + 1}">${escapeText(scenario.title)}</a>: ${escapeText(finding)}</li>`).join('\n')}</ul>`,
  ].join('\n');
}

/** What the figures mean, once for the page. */
function words(results: readonly LaboratoryResult[]): string {
  const runs = results.flatMap((result) => result.runs);
  const told = FIGURES.filter(({ value }) => runs.some((run) => value(run) !== null));
  return [
    '<section><h3>What the figures mean</h3>', `<dl class="words">${told.map(({ title, meaning, unit }) => `<dt>${escapeText(title)}</dt><dd>${escapeText(`${meaning} (${unitText(unit)})`)}</dd>`).join('\n')}</dl>`,
    paragraph('Times are virtual: the workload is simulated, every pick is made by the director’s own schedulers. Flows asked: the destination that a fixed set of clients would get is asked right before and right after an event, without acting.', 'small soft'), '</section>',
  ].join('\n');
}
