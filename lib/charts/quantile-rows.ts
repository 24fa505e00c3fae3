/** A row for each of any number of distributions: its quantiles as markers on one log axis. Reads well with twenty, where twenty curves would not. */
import { axis, bottomAxis } from './axis.ts';
import type { Drawing } from './drawing.ts';
import { legend, marker } from './legend.ts';
import { element, escapeText, fitText, text, textWidth } from './svg.ts';

export interface QuantileRows {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** "response time, ms" */
  readonly axis: string;
  /** "p50", "p95": one marker shape each. */
  readonly quantiles: readonly string[];
  readonly rows: readonly { readonly label: string; readonly values: readonly number[]; readonly strong?: boolean }[];
  readonly width?: number;
}

const ROW = 20, LABEL_SIZE = 12;

export function quantileRows({ name, title, description, axis: axisTitle, quantiles, rows, width = 460 }: QuantileRows): Drawing {
  const labelWide = Math.min(width * 0.4, Math.max(20, ...rows.map(({ label }) => textWidth(label, LABEL_SIZE) * 1.08 + 2)));
  const all = rows.flatMap(({ values }) => values).filter((value) => Number.isFinite(value) && value > 0);
  const key = legend(quantiles.map((label, slot) => ({ key: { kind: 'dot', slot }, label })), width);
  const top = key.height + 4, bottom = top + rows.length * ROW;
  const [least, most] = all.length === 0 ? [1, 10] : [Math.min(...all), Math.max(...all)];
  const x = axis({ title: axisTitle, domain: [least * 0.9, Math.max(most * 1.1, least * 1.5)], range: [labelWide + 12, width - 12], kind: 'log' });
  const body = rows.map(({ label, values, strong = false }, index) => {
    const middle = top + index * ROW + ROW / 2;
    const shown = values.map((value) => x.at(Math.max(value, Number.MIN_VALUE)));
    return element('g', {}, element('title', {}, escapeText(label)), text(fitText(label, labelWide, LABEL_SIZE), { class: `c-ink${strong ? ' c-strong' : ''}`, x: labelWide, y: middle + 4, 'text-anchor': 'end' }))
      + (shown.length === 0 ? '' : element('line', { class: 'c-faint', x1: Math.min(...shown), x2: Math.max(...shown), y1: middle, y2: middle }))
      // The highest first, so that where markers meet the median stays on top.
      + shown.map((at, slot) => marker(slot, at, middle, 44)).reverse().join('');
  });
  return { name, title, description, width, height: bottom + 38, body: [key.body, bottomAxis(x, { top, bottom: bottom + 2 }), ...body].join('') };
}
