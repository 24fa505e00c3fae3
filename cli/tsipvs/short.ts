/** Three or four significant digits with a unit: 9999, 10.0k, 1.23M. */
export function short(value: number): string {
  if (value < 10_000) return String(Math.round(value));
  const units = ['k', 'M', 'G', 'T', 'P'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)}${units[unit]}`;
}
