/** How wide and how colourful what we print may be: plain for files and pipes, with NO_COLOR (no-color.org), and on dumb terminals. */

export interface OutputStream { readonly isTTY?: boolean; readonly columns?: number }

/** A pipe has no width, and a terminal that nobody has given one says 0: this many columns then, or $COLUMNS. */
const COLUMNS = 100;

export function terminalSize({ isTTY, columns }: OutputStream, environment: Readonly<Record<string, string | undefined>> = process.env): { readonly columns: number; readonly colour: boolean; readonly ascii: boolean } {
  const { NO_COLOR, TERM, COLUMNS: told, LC_ALL, LC_CTYPE, LANG } = environment;
  const own = isTTY === true && columns !== undefined && columns > 0 ? columns : null;
  const environs = /^[1-9]\d{0,3}$/.test(told ?? '') ? Number(told) : null;
  // The first of the three that is set counts (POSIX); none set: most terminals of today know UTF-8.
  const locale = [LC_ALL, LC_CTYPE, LANG].find((one) => one !== undefined && one !== '') ?? '';
  return { columns: own ?? environs ?? COLUMNS, colour: isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb', ascii: locale !== '' && !/utf-?8/i.test(locale) && isTTY === true };
}
