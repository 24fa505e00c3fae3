/** Every kind of chart: well-formed, described, with units on its axes, nothing outside of its box, and the same bytes for the same values. */
import t from 'tap';
import { axis } from '../../lib/charts/axis.ts';
import { barPanel, heatGrid, inlineSvg, legend, quantileRows, sheet, spread, svgFile, tailCurves, timePanel, type Drawing } from '../../lib/charts/index.ts';
import { escapeText, textWidth } from '../../lib/charts/svg.ts';
import { elementsOf, parseXml, textOf, type XmlElement } from '../support/xml-tree.ts';

const LONG = 'a name that is longer than any chart has room for, and goes on after that';
const HOSTILE = `<script>alert(1)</script>"'&]]>\u0000\u202e\ud800`;

const DRAWINGS: Readonly<Record<string, () => Drawing>> = {
  'bars with spread, floors and gaps': () => barPanel({
    name: 'bars', title: 'Bulk TCP', description: 'What each contender carries', axis: 'throughput, Gbit/s', markName: 'asked for',
    groups: [
      { name: '1 stream', rows: [{ label: 'nftables DNAT', value: 8.9, low: 8, high: 10.4 }, { label: LONG, value: 4.9, mark: 3 }, { label: 'ours', value: 7.8, emphasis: 'own' }, { label: 'not run', value: null }], floor: { value: 7.4, label: 'floor: 1.5 x haproxy' } },
      { name: '4 streams', rows: [{ label: 'nothing', value: 0 }] },
    ],
  }),
  'bars far apart': () => barPanel({ name: 'far', title: 'p99', description: 'far apart', axis: 'p99, ms', groups: [{ rows: [{ label: 'a', value: 1 }, { label: 'b', value: 2_000_000 }] }], reference: { value: 1, label: '1 = even' } }),
  'bars of nothing': () => barPanel({ name: 'none', title: 'none', description: 'none', axis: 'connections', groups: [{ rows: [{ label: 'a', value: 0 }, { label: 'b', value: Number.NaN }] }] }),
  'lines over time': () => timePanel({
    name: 'time', title: 'rr', description: 'load', valueTitle: 'connections at the server', bucketMs: 1000, durationMs: 60_000, bands: [], eventsMs: [10_000, 10_001, 59_999], top: 20,
    series: [{ slot: 0, values: Array.from({ length: 60 }, (_, index) => index % 20) }, { slot: 9, values: [] }], peak: { bucket: 59, value: 19, label: LONG },
  }),
  'bands over time': () => timePanel({
    name: 'bands', title: 'mh', description: 'load', valueTitle: 'connections at the server', bucketMs: 100, durationMs: 100_000, eventsMs: Array.from({ length: 40 }, (_, index) => index * 2000), top: 9,
    bands: [{ strength: 0, low: Array<number>(1000).fill(1), high: Array<number>(1000).fill(9) }], series: [{ slot: 0, values: Array<number>(1000).fill(4) }], peak: null,
  }),
  'quantiles as rows': () => quantileRows({ name: 'rows', title: 'Response', description: 'quantiles', axis: 'response time, ms', quantiles: ['p50', 'p99'], rows: [{ label: LONG, values: [1, 100_000], strong: true }, { label: 'wlc', values: [0, 3] }, { label: 'none', values: [] }] }),
  'curves with the tail drawn out': () => tailCurves({
    name: 'curves', title: 'Response', description: 'curves', valueTitle: 'response time, ms', fractionTitle: 'of the connections',
    curves: [...Array.from({ length: 8 }, (_, slot) => ({ label: slot === 0 ? LONG : `s${slot}`, slot, points: [[0, 1], [0.5, 2], [0.99999, 5]] as [number, number][] })), { label: 'grey', slot: null, points: [[0, 0], [0.9, 9e6]] }],
  }),
  'a heat map': () => heatGrid({ name: 'heat', title: 'Summary', description: 'all', columns: ['unequal-servers (ms)', LONG], rows: [{ label: LONG, cells: [{ text: '★ 12.3', level: 0 }, { text: '-', level: null }] }, { label: 'wlc', cells: [{ text: '1,000,000', level: 5 }, { text: '3', level: 2 }] }] }),
  'a legend': () => legend(Array.from({ length: 12 }, (_, slot) => ({ key: { kind: 'series', slot }, label: slot === 3 ? LONG : `server ${slot}` })), 300),
};

for (const [title, draw] of Object.entries(DRAWINGS)) {
  t.test(title, async (t) => {
    const drawing = draw();
    const svg = parseXml(svgFile(drawing, { notes: ['tsipvs schedulers bench --seed 1', LONG.repeat(5)] }));
    t.equal(svgFile(draw()), svgFile(draw()), 'the same bytes');
    t.same(idsOf(svg, svg.attributes['aria-labelledby']!), [drawing.title, drawing.description], 'title and description are what a reader hears');
    t.notMatch(svgFile(drawing), /NaN|undefined|Infinity|null|e[+-]\d/, 'no number went wrong');
    for (const one of elementsOf(svg, 'g').filter(({ attributes }) => attributes['class'] === 'c-axis')) {
      t.match(one.attributes['data-axis'], /ms|Gbit\/s|connections|, (s|min|h)\b|%/, `${one.attributes['data-axis']} has its unit`);
      t.ok(elementsOf(one, 'text').some((text) => textOf(text) === one.attributes['data-axis']), 'and shows it');
      t.ok(elementsOf(one, 'text').length >= 3, 'with at least two ticks');
    }
    t.same(outside(svg), [], 'no text leaves the picture');
  });
}

t.test('names cannot become markup', async (t) => {
  const drawing = barPanel({ name: 'hostile', title: HOSTILE, description: HOSTILE, axis: `${HOSTILE}, ms`, groups: [{ name: HOSTILE, rows: [{ label: HOSTILE, value: 3, text: HOSTILE }], floor: { value: 1, label: HOSTILE } }] });
  for (const source of [svgFile(drawing, { notes: [HOSTILE] }), inlineSvg(drawing, 'x')]) {
    t.notMatch(source, /<script|\u0000|\u202e/);
    t.same(elementsOf(parseXml(source), 'script'), []);
  }
  t.equal(escapeText('a\ud800b\u{1f600}'), 'a\ufffdb\u{1f600}', 'half a surrogate pair is not text');
});

t.test('several drawings make a sheet in rows, each under its title', async (t) => {
  const drawings = Object.values(DRAWINGS).map((draw) => draw());
  const made = sheet('sheet', 'All', 'All of them', drawings, { columns: 2, above: DRAWINGS['a legend']!() });
  const svg = parseXml(svgFile(made));
  t.same(outside(svg), []);
  t.equal(elementsOf(svg, 'text').filter(({ attributes }) => attributes['class']?.includes('c-head')).length, drawings.length);
});

t.test('labels are moved apart, and no further than needed', async (t) => {
  t.same(spread([10, 50, 90], 12, 0, 100), [10, 50, 90]);
  t.same(spread([50, 50, 50], 12, 0, 100), [50, 62, 74]);
  t.same(spread([100, 99, 98], 12, 0, 100), [100, 88, 76], 'at the end they give way backwards, in the order of their values');
});

t.test('ticks say their values', async (t) => {
  const texts = (wanted: Parameters<typeof axis>[0]): string[] => axis(wanted).ticks.map(({ text }) => text);
  t.same(texts({ title: 'x', domain: [0, 2.5], range: [0, 200] }), ['0.0', '0.5', '1.0', '1.5', '2.0', '2.5']);
  t.same(texts({ title: 'x', domain: [0, 0.3], range: [0, 200], percent: true, ticks: 3 }), ['0 %', '10 %', '20 %', '30 %']);
  t.same(texts({ title: 'x', domain: [1, 1e6], range: [0, 200], kind: 'log' }), ['1', '100', '10k', '1M']);
  t.same(texts({ title: 'x', domain: [40, 60], range: [0, 200], kind: 'log' }).length >= 2, true, 'at least two, however short the axis');
});

function idsOf(svg: XmlElement, ids: string): string[] {
  return ids.split(' ').map((id) => textOf([...elementsOf(svg, 'title'), ...elementsOf(svg, 'desc')].find(({ attributes }) => attributes['id'] === id)!));
}

/** Texts that reach over the edge of the picture, by the widths that the charts themselves reckon with. */
function outside(svg: XmlElement): string[] {
  const [width, height] = [Number(svg.attributes['width']), Number(svg.attributes['height'])];
  const found: string[] = [];
  const look = (element: XmlElement, dx: number, dy: number): void => {
    const move = /^translate\(([-\d.]+) ([-\d.]+)\)$/.exec(element.attributes['transform'] ?? '');
    const [x0, y0] = [dx + Number(move?.[1] ?? 0), dy + Number(move?.[2] ?? 0)];
    if (element.name === 'text' && element.attributes['transform'] === undefined) {
      const content = element.children.filter((child) => typeof child === 'string').join('');
      const size = /c-title/.test(element.attributes['class']!) ? 15 : /c-head/.test(element.attributes['class']!) ? 13 : /c-small/.test(element.attributes['class']!) ? 11 : 12;
      const wide = textWidth(content, size), anchor = element.attributes['text-anchor'] ?? 'start';
      const from = x0 + Number(element.attributes['x']) - (anchor === 'end' ? wide : anchor === 'middle' ? wide / 2 : 0), y = y0 + Number(element.attributes['y']);
      if (from < -1 || from + wide > width + 1 || y < size * 0.7 || y > height) found.push(`${content}: ${from.toFixed(0)}..${(from + wide).toFixed(0)} of ${width}, at ${y} of ${height}`);
    }
    for (const child of element.children) if (typeof child !== 'string') look(child, x0, y0);
  };
  look(svg, 0, 0);
  return found;
}
