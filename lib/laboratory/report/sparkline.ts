/** Bars and lines out of block characters: eight heights a cell for sparklines, eight widths a cell for bars; "ascii" for terminals without them. */

const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const ASCII_HEIGHTS = ['_', '.', '-', ':', '=', '+', '*', '#'];

/** One character a cell, each the highest of the values it stands for; `top` is the value of a full block. */
export function sparkline(values: readonly number[], cells: number, top: number, ascii = false): string {
  if (cells <= 0 || values.length === 0) return '';
  const heights = ascii ? ASCII_HEIGHTS : HEIGHTS;
  const wide = Math.min(cells, values.length);
  let out = '';
  for (let cell = 0; cell < wide; cell++) {
    const from = Math.floor((cell * values.length) / wide), to = Math.max(from + 1, Math.floor(((cell + 1) * values.length) / wide));
    let highest = 0;
    for (let index = from; index < to; index++) highest = Math.max(highest, values[index]!);
    out += heights[Math.min(heights.length - 1, top > 0 ? Math.floor((highest / top) * heights.length) : 0)];
  }
  return out;
}

/** `part` of a bar of so many cells; more than nothing is never drawn as nothing. */
export function bar(part: number, cells: number, ascii = false): string {
  const eighths = Math.max(part > 0 ? 1 : 0, Math.round(Math.min(1, Math.max(0, part)) * cells * 8));
  if (ascii) return '#'.repeat(Math.ceil(eighths / 8));
  return '█'.repeat(eighths >> 3) + WIDTHS[eighths & 7]!;
}
