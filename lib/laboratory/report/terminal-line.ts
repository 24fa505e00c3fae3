/**
 * A line of a terminal as pieces with a style each, so that it can be cut to the width before escape codes are in it. Text from scenario files
 * cannot move the cursor: control and direction characters become "?". Widths are terminal cells (string-width: wide characters take two).
 */
import stringWidth from 'string-width';

export type TerminalStyle = 'plain' | 'bold' | 'dim' | 'best' | 'worst' | 'accent';

export interface Piece { readonly text: string; readonly style: TerminalStyle }

/** SGR codes. Blue and yellow are told apart by everyone; who is best or worst is in the rank too. */
const SGR: Readonly<Record<TerminalStyle, string>> = { plain: '', bold: '1', dim: '2', best: '1;94', worst: '33', accent: '36' };
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** One cell each, known without looking anything up: ASCII, block elements, the ellipsis. */
const NARROW = /^[\u0020-\u007e\u2026\u2580-\u259f]*$/;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export function piece(text: string, style: TerminalStyle = 'plain'): Piece {
  return { text: text.replace(UNSAFE, '?'), style };
}

export function width(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text.replace(UNSAFE, '?'), { ambiguousIsNarrow: true });
}

/** At most so many cells; what is cut off leaves a "…" ("~" in ASCII). */
export function cut(text: string, cells: number, ascii = false): string {
  if (width(text) <= cells) return text;
  if (cells <= 0) return '';
  let kept = '', used = 0;
  for (const { segment } of graphemes.segment(text.replace(UNSAFE, '?'))) {
    const more = width(segment);
    if (used + more > cells - 1) break;
    kept += segment;
    used += more;
  }
  return `${kept}${ascii ? '~' : '…'}`;
}

export function padRight(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - width(text)));
}

export function padLeft(text: string, cells: number): string {
  return ' '.repeat(Math.max(0, cells - width(text))) + text;
}

/** Words to lines of at most so many cells; a word longer than a line is broken. */
export function wrap(text: string, cells: number): string[] {
  const room = Math.max(1, cells);
  const lines: string[] = [];
  let line = '';
  for (const word of text.replace(/\s+/g, ' ').trim().split(' ')) {
    let rest = word.replace(UNSAFE, '?');
    if (line !== '' && width(line) + 1 + width(rest) <= room) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== '') lines.push(line);
    while (width(rest) > room) {
      const head = headOf(rest, room);
      lines.push(head);
      rest = rest.slice(head.length);
    }
    line = rest;
  }
  return line === '' ? lines : [...lines, line];
}

export function lineText(pieces: readonly Piece[], columns: number, colour: boolean, ascii = false): string {
  const last = pieces.findLastIndex(({ text }) => text.trim() !== '');
  let room = columns, out = '';
  for (const [index, { text, style }] of pieces.slice(0, last + 1).entries()) {
    const whole = index === last ? text.trimEnd() : text;
    const shown = cut(whole, room, ascii);
    room -= width(shown);
    out += colour && SGR[style] !== '' && shown.trim() !== '' ? `\u001b[${SGR[style]}m${shown}\u001b[0m` : shown;
    if (shown !== whole) break;
  }
  return out;
}

/** At least one grapheme, so that wrapping always moves on. */
function headOf(text: string, cells: number): string {
  let kept = '', used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += width(segment);
    if (kept !== '' && used > cells) break;
    kept += segment;
  }
  return kept;
}
