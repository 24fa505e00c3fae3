/** Rows by columns, each cell with its text; the step of colour behind it says how far from its column's best it is. */
import type { Drawing } from './drawing.ts';
import { element, escapeText, fitText, text, textWidth } from './svg.ts';

export interface HeatGrid {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly columns: readonly string[];
  /** `level` as in theme.ts, 0 the best; null: nothing to say. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly { readonly text: string; readonly level: number | null }[] }[];
}

const SIZE = 12, SMALL = 11, ROW = 22;

export function heatGrid({ name, title, description, columns, rows }: HeatGrid): Drawing {
  const labelWide = Math.min(170, Math.max(40, ...rows.map(({ label }) => textWidth(label, SIZE) + 2)));
  const cellWide = Math.max(56, ...rows.flatMap(({ cells }) => cells.map((cell) => textWidth(cell.text, SMALL) + 12)));
  const heading = Math.min(180, Math.max(0, ...columns.map((column) => textWidth(column, SMALL)))), left = labelWide + 8;
  // Column names rise at 40 degrees: they are longer than cells are wide.
  const top = heading * 0.65 + 14, over = heading * 0.77;
  const parts = columns.map((column, index) => {
    const x = left + (index + 0.5) * cellWide;
    return element('text', { class: 'c-small c-ink', x, y: top - 8, transform: `rotate(-40 ${x.toFixed(1)} ${(top - 8).toFixed(1)})` }, element('title', {}, escapeText(column)), escapeText(fitText(column, heading, SMALL)));
  });
  for (const [index, { label, cells }] of rows.entries()) {
    const y = top + index * ROW;
    parts.push(text(fitText(label, labelWide, SIZE), { class: 'c-ink', x: labelWide, y: y + 15, 'text-anchor': 'end' }));
    for (const [column, cell] of cells.entries()) {
      const x = left + column * cellWide;
      if (cell.level !== null) parts.push(element('rect', { class: `c-h${cell.level}`, x: x + 1, y: y + 1, width: cellWide - 2, height: ROW - 2 }));
      parts.push(text(cell.text, { class: `c-small ${cell.level === null ? 'c-soft' : `c-hi${cell.level}`}`, x: x + cellWide / 2, y: y + 15, 'text-anchor': 'middle' }));
    }
  }
  return { name, title, description, width: left + columns.length * cellWide + over, height: top + rows.length * ROW, body: parts.join('') };
}
