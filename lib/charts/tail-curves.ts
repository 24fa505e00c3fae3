/**
 * Distributions as curves: level axis in nines (50 %, 90 %, 99 %, 99.9 % are as far from each other), so that the tail, where users suffer, has as
 * much room as the middle. Names stand at the ends of their curves. Curves without a slot are context: thin and grey, unnamed.
 */
import { line } from 'd3-shape';
import { axis, leftAxis, type Axis } from './axis.ts';
import type { Drawing } from './drawing.ts';
import { numberText } from './number-text.ts';
import { marker, seriesLine } from './legend.ts';
import { element, fitText, text, textWidth } from './svg.ts';

export interface TailCurve {
  readonly label: string;
  readonly slot: number | null;
  /** [fraction of the connections 0..1, value], rising. */
  readonly points: readonly (readonly [number, number])[];
}

export interface TailCurves {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** "response time, ms" */
  readonly valueTitle: string;
  /** "of the connections" */
  readonly fractionTitle: string;
  readonly curves: readonly TailCurve[];
  readonly width?: number;
  readonly height?: number;
}

const SMALL = 11, LABEL_LINE = 13;

export function tailCurves({ name, title, description, valueTitle, fractionTitle, curves, width = 460, height = 300 }: TailCurves): Drawing {
  const named = curves.filter(({ slot }) => slot !== null);
  const labelWide = Math.min(120, Math.max(10, ...named.map(({ label }) => textWidth(label, SMALL))));
  const plot = { left: 46, right: width - labelWide - 26, top: 24, bottom: Math.max(height - 38, 24 + named.length * LABEL_LINE) };
  const tallest = plot.bottom + 38;
  const points = curves.flatMap((curve) => curve.points);
  // The very fastest would draw the axis out downwards, where nothing is to be seen.
  const values = points.filter(([fraction, value]) => fraction >= 0.1 && value > 0).map(([, value]) => value);
  const mostNines = Math.max(1, ...points.map(([fraction]) => nines(fraction)).filter(Number.isFinite));
  const [least, most] = values.length === 0 ? [1, 10] : [Math.min(...values), Math.max(...values)];
  const floor = Math.max(least, most / 1e6);
  const x = (fraction: number): number => plot.left + (Math.min(nines(fraction), mostNines) / mostNines) * (plot.right - plot.left);
  const y = axis({ title: valueTitle, domain: [floor * 0.95, Math.max(most * 1.05, floor * 1.5)], range: [plot.bottom, plot.top], kind: 'log' });
  const drawn = curves.map(({ points: some, slot }) => ({ slot, path: line<readonly [number, number]>().x(([fraction]) => x(fraction)).y(([, value]) => y.at(Math.max(value, floor))).digits(1)(some as (readonly [number, number])[]) ?? '' }));
  const ends = named.map((curve) => ({ ...curve, y: y.at(Math.max(curve.points.at(-1)?.[1] ?? floor, floor)) }));
  const places = spread(ends.map((end) => end.y), LABEL_LINE, plot.top + 4, plot.bottom);
  const labels = ends.map(({ label, slot, y: from, points: some }, index) => {
    const endX = x(some.at(-1)?.[0] ?? 1);
    return element('line', { class: 'c-faint', x1: endX, y1: from, x2: plot.right + 14, y2: places[index]! }) + marker(slot!, plot.right + 16, places[index]!, 30)
      + text(fitText(label, labelWide, SMALL), { class: 'c-small c-ink', x: plot.right + 24, y: places[index]! + 4 });
  });
  const grey = drawn.filter(({ slot }) => slot === null), coloured = drawn.filter(({ slot }) => slot !== null);
  return {
    name, title, description, width, height: tallest,
    body: [ninesAxis(fractionTitle, x, mostNines, plot), leftAxis(y as Axis, plot), ...[...grey, ...coloured].map(({ slot, path }) => seriesLine(slot, path)), ...labels].join(''),
  };
}

/** 0 -> 0, 0.9 -> 1, 0.99 -> 2. */
function nines(fraction: number): number {
  return -Math.log10(Math.max(1e-9, 1 - fraction));
}

function ninesAxis(title: string, x: (fraction: number) => number, mostNines: number, { left, right, top, bottom }: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number }): string {
  const ticks = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999].filter((fraction) => nines(fraction) <= mostNines + 1e-6);
  const full = `fastest part ${title}, %`;
  return element('g', { class: 'c-axis', 'data-axis': full },
    ...ticks.map((fraction) => element('line', { class: 'c-grid', x1: x(fraction), x2: x(fraction), y1: top, y2: bottom })),
    ...ticks.map((fraction) => text(ninesText(fraction), { class: 'c-small c-soft', x: x(fraction), y: bottom + 14, 'text-anchor': 'middle' })),
    text(full, { class: 'c-small c-soft', x: (left + right) / 2, y: bottom + 30, 'text-anchor': 'middle' }));
}

/** 0.999 -> "99.9": toFixed of exact decimals, as 0.999 * 100 is not 99.9 in binary. */
function ninesText(fraction: number): string {
  return fraction < 0.99 ? numberText(fraction * 100) : (fraction * 100).toFixed(Math.max(0, Math.round(nines(fraction)) - 2));
}

/** Moves places apart so far that none is nearer than `gap` to the next, as little as need be. */
export function spread(wanted: readonly number[], gap: number, from: number, to: number): number[] {
  const order = wanted.map((place, index) => ({ place, index })).sort((a, b) => a.place - b.place || a.index - b.index);
  let least = from;
  for (const one of order) least = (one.place = Math.max(one.place, least)) + gap;
  let most = to;
  for (const one of order.toReversed()) most = (one.place = Math.min(one.place, most)) - gap;
  const out: number[] = [];
  for (const { place, index } of order) out[index] = place;
  return out;
}
