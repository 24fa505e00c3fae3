/** The page's pieces: tables, figures, paragraphs; text is escaped here and nowhere else. */
import { escapeText, inlineSvg, type Drawing } from '../../../charts/index.ts';

export { escapeText };

export interface Column { readonly heading: string; readonly unit?: string | undefined; readonly text?: boolean }
export interface Row { readonly cells: readonly string[]; readonly kind?: 'best' | undefined }

/** The first cell of each row is its heading. */
export function table(caption: string, columns: readonly Column[], rows: readonly Row[], kind = ''): string {
  const head = columns.map(({ heading, unit, text }) => `<th scope="col"${text === true ? ' class="text"' : ''}>${escapeText(heading)}${unit === undefined ? '' : `<span class="unit">${escapeText(unit)}</span>`}</th>`).join('');
  const body = rows.map(({ cells, kind: rowKind }) => `<tr${rowKind === undefined ? '' : ` class="${rowKind}"`}>${cells.map((cell, index) => (index === 0 ? `<th scope="row">${escapeText(cell)}</th>` : `<td${columns[index]?.text === true ? ' class="text"' : ''}>${escapeText(cell)}</td>`)).join('')}</tr>`).join('\n');
  return `<div class="wide"><table${kind === '' ? '' : ` class="${kind}"`}><caption>${escapeText(caption)}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

export function figure(drawing: Drawing, prefix: string): string {
  const id = `${prefix}-${drawing.name}`;
  return `<figure><figcaption>${escapeText(drawing.title)}</figcaption>${inlineSvg(drawing, id)}</figure>`;
}

export function paragraph(text: string, kind = ''): string {
  return `<p${kind === '' ? '' : ` class="${kind}"`}>${escapeText(text)}</p>`;
}

export function folded(summary: string, content: string): string {
  return `<details><summary>${escapeText(summary)}</summary>${content}</details>`;
}
