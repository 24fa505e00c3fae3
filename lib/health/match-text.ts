/**
 * Regular expressions of check configurations (POSIX extended, Perl, PCRE) run against what a server sent. The server chooses the
 * text, so an expression that backtracks for minutes on it would stop all other checks: it runs with a time limit and then counts as
 * "does not match".
 */
import { createContext, Script } from 'node:vm';

const LIMIT_MS = 100;

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9', alpha: 'a-zA-Z', blank: ' \\t', cntrl: '\\x00-\\x1f\\x7f', digit: '0-9', graph: '\\x21-\\x7e', lower: 'a-z', print: '\\x20-\\x7e',
  punct: '!-\\/:-@\\[-`{-~', space: '\\s', upper: 'A-Z', xdigit: '0-9A-Fa-f',
};

/** PCRE option names of keepalived's regex_options -> JavaScript flags. */
const FLAGS: Readonly<Record<string, string>> = { caseless: 'i', multiline: 'm', dotall: 's' };

const expressions = new Map<string, RegExp | null>();
const sandbox = createContext({ expression: /./, text: '', from: 0 });
const script = new Script('(() => { expression.lastIndex = from; const found = expression.exec(text); return found === null ? -1 : found.index; })()', { filename: 'match-text' });

/** The compiled expression, or null where it is none. */
export function toRegExp(source: string, options: readonly string[] = []): RegExp | null {
  const key = `${options.join(' ')}\n${source}`;
  let expression = expressions.get(key);
  if (expression === undefined) {
    expression = compile(source, options);
    expressions.set(key, expression);
  }
  return expression;
}

/** Where the expression first matches at or behind `from`, -1 if nowhere (or not within the time limit). What lies before `from` can be looked back at, as with PCRE's start offset. */
export function firstMatch(expression: RegExp, text: string, from = 0): number {
  sandbox['expression'] = expression;
  sandbox['text'] = text;
  sandbox['from'] = from;
  try {
    return script.runInContext(sandbox, { timeout: LIMIT_MS }) as number;
  } catch {
    return -1;
  } finally {
    sandbox['text'] = '';
  }
}

function compile(source: string, options: readonly string[]): RegExp | null {
  const translated = source.replace(/\[:(\w+):\]/g, (whole, name: string) => POSIX_CLASSES[name] ?? whole).replace(/\(\?i\)/g, '');
  // g: lastIndex says where to start.
  const flags = [...new Set(['g', ...options.map((option) => FLAGS[option] ?? ''), source.includes('(?i)') ? 'i' : ''])].join('');
  try {
    return new RegExp(translated, flags);
  } catch {
    return null;
  }
}
