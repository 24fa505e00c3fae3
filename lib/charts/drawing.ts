/** A chart as drawn: its marks, its size and what it says in words. It becomes part of a page, a file of its own, or one of several in a sheet. */
import { element, escapeText, fitText, px, text, textWidth } from './svg.ts';
import { chartCss } from './theme.ts';

export interface Drawing {
  /** For file names and ids: letters, digits and dashes. */
  readonly name: string;
  readonly title: string;
  /** What the chart shows, for who cannot see it. */
  readonly description: string;
  /** Size, px. */
  readonly width: number;
  readonly height: number;
  /** Markup inside of the svg element. */
  readonly body: string;
}

const MARGIN = 14;
const TITLE_SIZE = 15, NOTE_SIZE = 11, NOTE_LINE = 15;

/** Inside of a page, which brings the style and says the title itself. `id` is unique on the page. */
export function inlineSvg({ title, description, width, height, body }: Drawing, id: string): string {
  return element('svg', { class: 'c-chart', viewBox: `0 0 ${px(width)} ${px(height)}`, width, height, role: 'img', 'aria-labelledby': `${id}-t ${id}-d` },
    element('title', { id: `${id}-t` }, escapeText(title)), element('desc', { id: `${id}-d` }, escapeText(description)), body);
}

/** A file of its own: title and notes drawn, style inside, a ground to stand on. */
export function svgFile(drawing: Drawing, { notes = [], scheme = 'both' }: { readonly notes?: readonly string[]; readonly scheme?: 'both' | 'light' } = {}): string {
  const { title, description, body } = drawing;
  const width = drawing.width + 2 * MARGIN, room = drawing.width;
  const titles = wrapText(title, room, TITLE_SIZE), lines = notes.flatMap((note) => wrapText(note, room, NOTE_SIZE));
  const top = MARGIN + titles.length * 20 + 4, below = top + drawing.height + 6, height = below + lines.length * NOTE_LINE + MARGIN;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('svg', { xmlns: 'http://www.w3.org/2000/svg', class: 'c-chart', viewBox: `0 0 ${px(width)} ${px(height)}`, width, height, role: 'img', 'aria-labelledby': 't d' },
    element('title', { id: 't' }, escapeText(title)), element('desc', { id: 'd' }, escapeText(description)), `<style>${chartCss(scheme)}</style>`,
    element('rect', { class: 'c-ground', width, height }),
    ...titles.map((line, index) => text(line, { class: 'c-title c-ink', x: MARGIN, y: MARGIN + 14 + index * 20 })),
    element('g', { transform: `translate(${MARGIN} ${px(top)})` }, body),
    ...lines.map((line, index) => text(line, { class: 'c-small c-soft', x: MARGIN, y: below + 11 + index * NOTE_LINE })))}\n`;
}

/** Several drawings in rows, each under its title; what belongs to all of them (a legend) goes above. */
export function sheet(name: string, title: string, description: string, drawings: readonly Drawing[], { columns, above = null }: { readonly columns: number; readonly above?: Drawing | null }): Drawing {
  const gap = 22, heading = 20;
  const cellWide = Math.max(0, ...drawings.map(({ width }) => width)), used = Math.max(1, Math.min(columns, drawings.length));
  let y = above === null ? 0 : above.height + 8;
  const parts = above === null ? [] : [above.body];
  for (let from = 0; from < drawings.length; from += used) {
    const row = drawings.slice(from, from + used);
    for (const [column, drawing] of row.entries()) {
      parts.push(element('g', { transform: `translate(${px(column * (cellWide + gap))} ${px(y)})` },
        text(fitText(drawing.title, cellWide, 13), { class: 'c-head c-ink', x: 0, y: 13 }), element('g', { transform: `translate(0 ${heading})` }, drawing.body)));
    }
    y += heading + Math.max(...row.map(({ height }) => height)) + gap;
  }
  return { name, title, description, width: Math.max(used * (cellWide + gap) - gap, above?.width ?? 0), height: Math.max(0, y - gap), body: parts.join('') };
}

function wrapText(content: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(/\s+/).filter((one) => one !== '')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)!} ${word}`;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(fitText(word, width, size));
  }
  return lines;
}
