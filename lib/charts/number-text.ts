/** Numbers as people read them: three significant digits, thousands apart, no exponent, the same text for the same value everywhere. */

/** 0 -> "0", 0.01234 -> "0.0123", 12.345 -> "12.3", 1234.5 -> "1,235". */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '-' : value > 0 ? '∞' : '-∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.0005) return value > 0 ? '<0.001' : '>-0.001';
  const decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : size >= 0.00995 ? 3 : 4;
  const text = value.toFixed(Number.isInteger(value) ? 0 : decimals);
  const [whole = '', fraction] = text.split('.');
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** 0..1 as percent: 0.1234 -> "12.3 %". */
export function percentText(part: number): string {
  return `${numberText(part * 100)} %`;
}

/** 1500 -> "1.5 s", 90000 -> "1 min 30 s", 250 -> "250 ms". */
export function durationText(ms: number): string {
  if (ms < 1000) return `${numberText(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${numberText(seconds)} s`;
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return [hours > 0 ? `${hours} h` : '', minutes > 0 ? `${minutes} min` : '', rest > 0 ? `${numberText(rest)} s` : ''].filter((part) => part !== '').join(' ');
}

/** A figure in its unit: parts of a whole as percent, all else with the unit behind it ("of ..." and "times ..." explain themselves). */
export function figureText(value: number | null, unit: string): string {
  if (value === null) return '-';
  return unit.startsWith('of the ') ? percentText(value) : numberText(value);
}
