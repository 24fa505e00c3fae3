/** The results as one SVG sheet: a panel of bars for each measure, medians with the spread of the rounds, ours marked, floors against peers as lines. */
import { barPanel, sheet, svgFile, type BarGroup, type Drawing } from '../../lib/charts/index.ts';
import type { Contender } from './contender.ts';
import { reference, type Verdict } from './floors.ts';
import { MEASURES, shown, type MeasureName } from './measures.ts';
import type { Results } from './results.ts';
import { spread } from './statistics.ts';

/** What a reader chooses by; the rest is in the table and the JSON file. */
const PICTURED: readonly MeasureName[] = ['pps1k', 'pps30k', 'bulk1', 'bulk4', 'bulk16', 'keep', 'keepP99', 'keepP999', 'fresh', 'freshP99', 'keepCpu', 'freshCpu'];
const COLUMNS = 2;

export function chart(results: Results, contenders: readonly Contender[], verdicts: readonly Verdict[], notes: readonly string[]): string {
  const panels = PICTURED.filter((measure) => results.has(measure)).map((measure) => panel(measure, results, contenders, verdicts));
  const drawn = sheet('live-bench', 'Live bench', panels.map(({ title, description }) => `${title}: ${description}`).join(' '), panels, { columns: COLUMNS });
  return svgFile(drawn, { notes });
}

function panel(measure: MeasureName, results: Results, contenders: readonly Contender[], verdicts: readonly Verdict[]): Drawing {
  const { unit, better } = MEASURES[measure];
  const measured = contenders.flatMap((contender) => {
    const values = results.values(contender.name, measure);
    return values.length === 0 ? [] : [{ contender, value: spread(values) }];
  });
  const rows = measured.map(({ contender, value: { median, least, most } }) => ({
    label: contender.title, value: median, low: least, high: most, text: shown(measure, median), emphasis: contender.ours === null ? null : 'own' as const,
  }));
  return barPanel({
    name: measure, title: fullTitle(measure), axis: `${unit}, ${better} is better`,
    description: measured.map(({ contender, value }) => `${contender.title} ${shown(measure, value.median)} ${unit}.`).join(' '),
    groups: [{ rows, ...floorOf(measure, results, verdicts) }],
  });
}

/** The highest floor against peers, as the figure it came to in this run. */
function floorOf(measure: MeasureName, results: Results, verdicts: readonly Verdict[]): Pick<BarGroup, 'floor'> {
  const lines = verdicts.filter(({ floor }) => floor.measure === measure && floor.peers.length > 0)
    .map(({ floor }) => ({ value: reference(results, floor) * floor.limit, label: `floor${floor.device === null ? '' : ` for ${floor.device}`}: ${floor.limit} x ${floor.peers.join(', ')}` }));
  lines.sort((a, b) => b.value - a.value);
  return lines[0] === undefined ? {} : { floor: lines[0] };
}

/** "  latency p99" belongs to the rate above it. */
function fullTitle(measure: MeasureName): string {
  const { title } = MEASURES[measure];
  if (!title.startsWith(' ')) return title;
  const names = Object.keys(MEASURES) as MeasureName[];
  const rate = names.slice(0, names.indexOf(measure)).reverse().find((name) => !MEASURES[name].title.startsWith(' '))!;
  return `${MEASURES[rate].title}: ${title.trim()}`;
}
