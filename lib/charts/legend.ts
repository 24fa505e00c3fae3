/** What each series looks like, said once for several panels. */
import { symbol } from 'd3-shape';
import type { Drawing } from './drawing.ts';
import { element, fitText, px, text, textWidth } from './svg.ts';
import { SERIES } from './theme.ts';

export type LegendKey = { readonly kind: 'series'; readonly slot: number } | { readonly kind: 'band'; readonly strength: 0 | 1 } | { readonly kind: 'event' } | { readonly kind: 'faint' } | { readonly kind: 'dot'; readonly slot: number };
export interface LegendEntry { readonly key: LegendKey; readonly label: string }

const SIZE = 11, LINE = 18, KEY = 26;

/** Entries beside each other, in as many lines as the width asks for. */
export function legend(entries: readonly LegendEntry[], width: number): Drawing {
  let x = 0, y = 0;
  const parts = entries.map(({ key, label }) => {
    const shown = fitText(label, width - KEY - 6, SIZE), wide = KEY + 6 + textWidth(shown, SIZE) + 14;
    if (x > 0 && x + wide - 14 > width) [x, y] = [0, y + LINE];
    const part = element('g', { transform: `translate(${px(x)} ${px(y)})` }, keyMark(key), text(shown, { class: 'c-small c-ink', x: KEY + 6, y: 13 }));
    x += wide;
    return part;
  });
  return { name: 'legend', title: 'Legend', description: entries.map(({ label }) => label).join(', '), width, height: entries.length === 0 ? 0 : y + LINE, body: parts.join('') };
}

/** For pages, which lay the entries out themselves: the sign alone, hidden from who cannot see it anyway. */
export function legendSign(key: LegendKey): string {
  return element('svg', { class: 'c-chart', viewBox: `0 0 ${KEY} ${LINE}`, width: KEY, height: LINE, 'aria-hidden': 'true' }, keyMark(key));
}

export function marker(slot: number, x: number, y: number, area = 36): string {
  const style = SERIES[slot % SERIES.length]!;
  return element('path', { class: `c-f${slot % SERIES.length}`, d: symbolPath(style.symbol, area), transform: `translate(${px(x)} ${px(y)})` });
}

export function seriesLine(slot: number | null, d: string): string {
  return slot === null ? element('path', { class: 'c-faint', d }) : element('path', { class: `c-line c-s${slot % SERIES.length}`, 'stroke-dasharray': SERIES[slot % SERIES.length]!.dash, d });
}

function keyMark(key: LegendKey): string {
  switch (key.kind) {
    case 'series': return seriesLine(key.slot, `M0 9H${KEY}`) + marker(key.slot, KEY / 2, 9);
    case 'band': return element('rect', { class: `c-band${key.strength}`, x: 0, y: 3, width: KEY, height: 12 });
    case 'event': return element('line', { class: 'c-rule c-event', x1: KEY / 2, x2: KEY / 2, y1: 1, y2: 17 });
    case 'faint': return seriesLine(null, `M0 9H${KEY}`);
    case 'dot': return marker(key.slot, KEY / 2, 9, 48);
  }
}

/** d3 writes full precision; a tenth of a px is enough. */
function symbolPath(type: (typeof SERIES)[number]['symbol'], area: number): string {
  return (symbol(type, area)() ?? '').replace(/-?\d+\.\d+(e-?\d+)?/g, (number) => px(Number(number)));
}
