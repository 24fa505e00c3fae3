/**
 * Level bars, one a row, with the value beside each: a ranking, a figure of every scheduler, a measure of every contender of a bench. A row may have a
 * spread (whisker from lowest to highest) and a mark (what was necessary); a group may have a floor, the figure asked for, and a heading.
 * Where values lie more than two powers of ten apart, bars from zero would hide all but one: dots on a log scale then, and the axis says so.
 */
import { axis, bottomAxis } from './axis.ts';
import type { Drawing } from './drawing.ts';
import { numberText, percentText } from './number-text.ts';
import { element, escapeText, fitText, text, textWidth } from './svg.ts';

export interface BarRow {
  readonly label: string;
  /** null: not measured; the row says "-". */
  readonly value: number | null;
  /** Lowest and highest of several rounds. */
  readonly low?: number;
  readonly high?: number;
  /** A tick across the bar. */
  readonly mark?: number;
  /** Drawn strongly: the best, the worst, or the one that the chart is about. */
  readonly emphasis?: 'best' | 'worst' | 'own' | null;
  /** Instead of the value as a number. */
  readonly text?: string;
}

export interface BarGroup {
  /** Heading above its rows. */
  readonly name?: string;
  readonly rows: readonly BarRow[];
  /** A dashed line through the group's rows. */
  readonly floor?: { readonly value: number; readonly label: string };
}

export interface BarPanel {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Title of the axis with its unit: "packets/s". */
  readonly axis: string;
  /** Values are parts of a whole, 0..1, and written as percent. */
  readonly percent?: boolean;
  readonly groups: readonly BarGroup[];
  /** A line through all rows: 1 is even. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** What `mark` is, for the description under the axis. */
  readonly markName?: string;
  readonly width?: number;
}

const ROW = 20, BAR = 12, LABEL_SIZE = 12, SMALL = 11, AXIS_ROOM = 38, LINE_LABEL_ROOM = 16;

export function barPanel(panel: BarPanel): Drawing {
  const { name, title, description, percent = false, groups, width = 460, reference, markName } = panel;
  const rows = groups.flatMap((group) => group.rows);
  const labelWide = Math.min(width * 0.45, Math.max(20, ...rows.map(({ label }) => textWidth(label, LABEL_SIZE) * 1.08 + 2)));
  const valueText = ({ value, text: own }: BarRow): string => own ?? (value === null ? '-' : percent ? percentText(value) : numberText(value));
  const valueWide = Math.max(20, ...rows.map((row) => textWidth(valueText(row), SMALL) + 8));
  const [left, right] = [labelWide + 8, width - valueWide];
  const all = [...rows.flatMap(({ value, low, high, mark }) => [value, low, high, mark]), ...groups.map(({ floor }) => floor?.value), reference?.value].filter((one): one is number => typeof one === 'number' && Number.isFinite(one));
  const positive = all.filter((value) => value > 0);
  const [least, most] = [Math.min(...positive), Math.max(0, ...all)];
  const dots = positive.length === all.length && all.length > 1 && most / least > 100;
  const x = axis({ title: panel.axis, domain: dots ? [least * 0.8, most] : [0, most > 0 ? most : 1], range: [left, right], kind: dots ? 'log' : 'linear', ticks: Math.max(2, Math.floor((right - left) / 55)), percent });

  const hasLineLabel = (group: BarGroup): boolean => group.name !== undefined || group.floor !== undefined;
  let y = reference === undefined ? 0 : LINE_LABEL_ROOM;
  const parts: string[] = [], lines: string[] = [];
  for (const group of groups) {
    if (group !== groups[0]) y += 6;
    if (hasLineLabel(group)) {
      y += LINE_LABEL_ROOM;
      if (group.name !== undefined) parts.push(text(fitText(group.name, group.floor === undefined ? width : left + 60, LABEL_SIZE), { class: 'c-ink c-strong', x: 0, y: y - 4 }));
    }
    const top = y;
    for (const row of group.rows) {
      parts.push(drawnRow(row, y));
      y += ROW;
    }
    if (group.floor !== undefined) lines.push(lineAcross(group.floor, top - 2, y, 'c-mark c-floor', group.name === undefined ? 0 : textWidth(group.name, LABEL_SIZE) + 10));
  }
  if (reference !== undefined) lines.push(lineAcross(reference, LINE_LABEL_ROOM - 2, y, 'c-rule c-floor', 0));
  const marks = markName !== undefined && rows.some(({ mark }) => mark !== undefined) ? [element('line', { class: 'c-mark', x1: 4, x2: 4, y1: y + AXIS_ROOM, y2: y + AXIS_ROOM + 12 }), text(`= ${markName}`, { class: 'c-small c-soft', x: 10, y: y + AXIS_ROOM + 10 })] : [];
  const height = y + AXIS_ROOM + (marks.length > 0 ? 16 : 0);
  return { name, title, description, width, height, body: [bottomAxis(x, { top: reference === undefined ? 0 : LINE_LABEL_ROOM, bottom: y + 2 }), ...parts, ...lines, ...marks].join('') };

  function drawnRow(row: BarRow, from: number): string {
    const { label, value, low, high, mark, emphasis = null } = row;
    const middle = from + ROW / 2, kind = emphasis === 'worst' ? 'c-worst' : emphasis === null ? 'c-bar' : 'c-best';
    const strong = emphasis === null || emphasis === 'worst' ? '' : ' c-strong';
    const out = [element('g', {}, element('title', {}, escapeText(label)), text(fitText(label, labelWide, LABEL_SIZE), { class: `c-ink${strong}`, x: labelWide, y: middle + 4, 'text-anchor': 'end' }))];
    if (value !== null && Number.isFinite(value)) {
      const end = x.at(value);
      out.push(dots ? element('line', { class: 'c-grid', x1: left, x2: end, y1: middle, y2: middle }) + element('circle', { class: kind, cx: end, cy: middle, r: 5 })
        : element('rect', { class: kind, x: left, y: middle - BAR / 2, width: Math.max(value > 0 ? 1 : 0, end - left), height: BAR }));
      if (low !== undefined && high !== undefined && high > low) {
        const [from, to] = [x.at(low), x.at(high)];
        out.push(element('path', { class: 'c-mark', fill: 'none', d: `M${from.toFixed(1)} ${middle - 4}v8M${to.toFixed(1)} ${middle - 4}v8M${from.toFixed(1)} ${middle}H${to.toFixed(1)}` }));
      }
    }
    if (mark !== undefined) out.push(element('line', { class: 'c-mark', x1: x.at(mark), x2: x.at(mark), y1: middle - BAR / 2 - 2, y2: middle + BAR / 2 + 2 }));
    const after = Math.max(value === null ? left : x.at(value) + (dots ? 5 : 0), high === undefined ? 0 : x.at(high), mark === undefined ? 0 : x.at(mark));
    out.push(text(valueText(row), { class: `c-small c-ink c-halo${strong}`, x: after + 5, y: middle + 4 }));
    return out.join('');
  }

  function lineAcross({ value, label }: { readonly value: number; readonly label: string }, from: number, to: number, kind: string, free: number): string {
    const at = x.at(value), wide = textWidth(label, SMALL);
    const start = Math.max(free, Math.min(at - wide / 2, width - wide));
    return element('line', { class: kind, x1: at, x2: at, y1: from, y2: to }) + text(label, { class: 'c-small c-soft', x: start, y: from - 3 });
  }
}
