/**
 * Something over time: a line for each of a few series, or bands of quantiles for many (a thousand lines would be a smear). Events are numbered lines.
 * Panels that stand side by side take the same top, so that heights can be compared.
 */
import { area, line } from 'd3-shape';
import { axis, bottomAxis, leftAxis } from './axis.ts';
import type { Drawing } from './drawing.ts';
import { marker, seriesLine } from './legend.ts';
import { element, fitText, text, textWidth } from './svg.ts';

export interface TimeSeries { readonly slot: number; readonly values: readonly number[] }
export interface TimeBand { readonly strength: 0 | 1; readonly low: readonly number[]; readonly high: readonly number[] }

export interface TimePanel {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** "connections" */
  readonly valueTitle: string;
  readonly bucketMs: number;
  readonly durationMs: number;
  readonly bands: readonly TimeBand[];
  readonly series: readonly TimeSeries[];
  readonly eventsMs: readonly number[];
  /** Value at the upper end of the axis. */
  readonly top: number;
  /** Named where it is: the highest point. */
  readonly peak: { readonly bucket: number; readonly value: number; readonly label: string } | null;
  readonly width?: number;
  readonly height?: number;
}

/** More points than this are joined, each the highest of its neighbours: a peak is never drawn lower than it was. */
const POINTS = 110;
/** More events than this are short marks: a fence of lines would hide what they explain. */
const EVENTS_IN_FULL = 8;
const SMALL = 11;

export function timePanel(panel: TimePanel): Drawing {
  const { name, title, description, valueTitle, bucketMs, durationMs, bands, series, eventsMs, top, peak, width = 300, height = 200 } = panel;
  const plot = { left: 42, right: width - 10, top: 42, bottom: height - 38 };
  const unit = timeUnit(durationMs);
  const x = axis({ title: `virtual time, ${unit.name}`, domain: [0, durationMs / unit.ms], range: [plot.left, plot.right], ticks: Math.floor((plot.right - plot.left) / 50) });
  const y = axis({ title: valueTitle, domain: [0, top > 0 ? top * 1.04 : 1], range: [plot.bottom, plot.top], ticks: 4 });
  const at = (bucket: number): number => x.at(((bucket + 0.5) * bucketMs) / unit.ms);

  const parts = [bottomAxis(x, plot), leftAxis(y, plot)];
  for (const { strength, low, high } of bands) {
    const [below, above] = [joined(low, Math.min), joined(high, Math.max)];
    const shape = area<number>().x((_, index) => at(above.at[index]!)).y0((_, index) => y.at(below.values[index]!)).y1((value) => y.at(value)).digits(1);
    parts.push(element('path', { class: `c-band${strength}`, d: shape(above.values) ?? '' }));
  }
  let lastLabel = -Infinity;
  for (const [index, ms] of eventsMs.entries()) {
    const where = x.at(ms / unit.ms);
    parts.push(element('line', { class: 'c-rule c-event', x1: where, x2: where, y1: plot.top, y2: eventsMs.length > EVENTS_IN_FULL ? plot.top + 6 : plot.bottom }));
    if (where - lastLabel < 9 + 6 * String(index + 1).length) continue;
    lastLabel = where;
    parts.push(text(String(index + 1), { class: 'c-small c-soft', x: where, y: plot.top - 4, 'text-anchor': 'middle' }));
  }
  for (const [index, { slot, values }] of series.entries()) {
    const points = joined(values, Math.max);
    parts.push(seriesLine(slot, line<number>().x((_, at_) => at(points.at[at_]!)).y((value) => y.at(value)).digits(1)(points.values) ?? ''));
    // Markers are set off against each other, so that lines that run together still show all of them.
    const count = points.values.length, every = Math.max(1, Math.ceil(count / 4));
    for (let one = Math.floor(((index + 0.5) * every) / series.length); one < count; one += every) parts.push(marker(slot, at(points.at[one]!), y.at(points.values[one]!), 26));
  }
  if (peak !== null) {
    const [cx, cy] = [at(peak.bucket), y.at(peak.value)];
    const label = fitText(peak.label, width - plot.left - 20, SMALL), wide = textWidth(label, SMALL);
    const after = cx + 7 + wide <= width;
    parts.push(element('circle', { class: 'c-mark', fill: 'none', cx, cy, r: 4 }), text(label, { class: 'c-small c-ink c-halo', x: after ? cx + 7 : Math.max(plot.left + wide, cx - 7), y: Math.max(plot.top + 10, cy - 4), 'text-anchor': after ? 'start' : 'end' }));
  }
  return { name, title, description, width, height, body: parts.join('') };
}

function joined(values: readonly number[], choose: (...some: number[]) => number): { readonly at: readonly number[]; readonly values: readonly number[] } {
  const each = Math.max(1, Math.ceil(values.length / POINTS));
  const at: number[] = [], out: number[] = [];
  for (let from = 0; from < values.length; from += each) {
    const some = values.slice(from, from + each);
    at.push(from + (some.length - 1) / 2);
    out.push(choose(...some));
  }
  return { at, values: out };
}

function timeUnit(durationMs: number): { readonly name: string; readonly ms: number } {
  return durationMs > 3 * 3_600_000 ? { name: 'h', ms: 3_600_000 } : durationMs > 300_000 ? { name: 'min', ms: 60_000 } : durationMs > 3000 ? { name: 's', ms: 1000 } : { name: 'ms', ms: 1 };
}

