/** Axes: where values lie, the ticks and their texts, and always the unit. Scales and ticks are d3's. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { numberText } from './number-text.ts';
import { element, text } from './svg.ts';

export interface Axis {
  /** Value -> px. */
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  /** What is counted and in which unit: "response time, ms". */
  readonly title: string;
  readonly log: boolean;
}

export interface AxisWanted {
  readonly title: string;
  readonly domain: readonly [number, number];
  /** px of the domain's ends. */
  readonly range: readonly [number, number];
  /** log needs values above 0. */
  readonly kind?: 'linear' | 'log';
  readonly ticks?: number;
  readonly percent?: boolean;
}

export function axis({ title, domain, range, kind = 'linear', ticks = 5, percent = false }: AxisWanted): Axis {
  const [low, high] = domain[1] > domain[0] ? domain : [domain[0], domain[0] + 1];
  if (kind === 'linear') {
    const scale = scaleLinear([low, high], [...range]).clamp(true);
    return { at: scale, ticks: tickTexts(scale.ticks(ticks), percent, true), title, log: false };
  }
  const scale = scaleLog([low, high], [...range]).clamp(true);
  return { at: scale, ticks: tickTexts(logTicks(low, high, Math.abs(range[1] - range[0])), percent, false), title: `${title} (log scale)`, log: true };
}

/** Below the plot. */
export function bottomAxis(one: Axis, { top, bottom }: { readonly top: number; readonly bottom: number }): string {
  const ends = one.ticks.map(({ value }) => one.at(value));
  const middle = (one.at(-Infinity) + one.at(Infinity)) / 2;
  return element('g', { class: 'c-axis', 'data-axis': one.title },
    ...ends.map((x) => element('line', { class: 'c-grid', x1: x, x2: x, y1: top, y2: bottom })),
    ...one.ticks.map(({ text: label }, index) => text(label, { class: 'c-small c-soft', x: ends[index]!, y: bottom + 14, 'text-anchor': 'middle' })),
    text(one.title, { class: 'c-small c-soft', x: middle, y: bottom + 30, 'text-anchor': 'middle' }));
}

/** Left of the plot; the title stands level above it, where it is read without turning one's head. */
export function leftAxis(one: Axis, { left, right, top }: { readonly left: number; readonly right: number; readonly top: number }): string {
  return element('g', { class: 'c-axis', 'data-axis': one.title },
    text(one.title, { class: 'c-small c-soft', x: 0, y: 12 }),
    ...one.ticks.map(({ value }) => element('line', { class: 'c-grid', x1: left, x2: right, y1: one.at(value), y2: one.at(value) })),
    ...one.ticks.map(({ value, text: label }) => text(label, { class: 'c-small c-soft', x: left - 6, y: one.at(value) + 4, 'text-anchor': 'end' })));
}

/** On a level scale all with as many decimals as the finest needs: 0.5, 1.0, 1.5; on a log scale each with its own. */
function tickTexts(values: readonly number[], percent: boolean, level: boolean): { readonly value: number; readonly text: string }[] {
  const shown = values.map((value) => Number((percent ? value * 100 : value).toPrecision(6)));
  const finest = Math.max(0, ...shown.map((value) => String(value).split('.')[1]?.length ?? 0));
  const small = shown.every((value) => Math.abs(value) < 1000);
  return values.map((value, index) => {
    const one = shown[index]!;
    const text = level && small ? one.toFixed(finest) : !Number.isInteger(one) && Math.abs(one) < 1 ? String(one) : shortText(one);
    return { value, text: percent ? `${text} %` : text };
  });
}

/** 12,000 -> "12k", 3,000,000 -> "3M": ticks have little room. */
export function shortText(value: number): string {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]] as const) if (Math.abs(value) >= size * 10 || (size > 1e3 && Math.abs(value) >= size)) return `${numberText(value / size)}${unit}`;
  return numberText(value);
}

/** 1, 10, 100; with 2 and 5 between where there is room; and every second or third power where there are too many. */
function logTicks(low: number, high: number, room: number): number[] {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decades = Math.max(0.3, Math.log10(high / low)), each = room / decades;
  const steps = each > 110 ? [1, 2, 5] : each > 70 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(34 / each));
  const ticks: number[] = [];
  for (let power = from; power <= to; power++) {
    if (every > 1 && power % every !== 0) continue;
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  // Within less than a decade there may be no such number; evenly spaced ones then, which on so short a stretch look right.
  return ticks.length >= 2 ? ticks : scaleLinear([low, high]).ticks(4);
}
