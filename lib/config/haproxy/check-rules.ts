/**
 * tcp-check and http-check rules as one probe. A probe here is one exchange: what is sent until something is expected, and that expectation. Rules behind
 * it, and kinds of expectation that a probe does not know, are named.
 */
import type { CheckKind } from '../../model/health-check.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import type { Proxy } from './proxy.ts';

interface Rule { readonly words: readonly string[]; readonly place: Place }
interface Expectation { readonly negated: boolean; readonly kind: string; readonly pattern: string }

/** Of an expect rule, each with a value. */
const EXPECT_OPTIONS = ['min-recv', 'comment', 'ok-status', 'error-status', 'tout-status', 'on-success', 'on-error', 'status-code'];
const STATUSES = Array.from({ length: 500 }, (_, n) => n + 100);
const DEFAULT_STATUSES = [[200, 399]] as const;
const LOST = 'not carried over';

export function tcpCheck(rules: readonly Rule[], tls: boolean, diagnostics: Diagnostics): CheckKind {
  const expectAt = rules.findIndex(({ words: [word] }) => word === 'expect');
  const first = rules.slice(0, expectAt < 0 ? rules.length : expectAt);
  const send = first.map(({ words: [word, value = ''] }) => (word === 'send' || word === 'send-lf' ? value : word === 'send-binary' || word === 'send-binary-lf' ? Buffer.from(value, 'hex').toString('latin1') : '')).join('');
  for (const { words: [word = ''], place } of first) if (/^(un)?set-var/.test(word)) diagnostics.warn(place, `tcp-check ${word}: a probe has no variables`, LOST, word);
  const rest = expectAt < 0 ? [] : rules.slice(expectAt + 1).filter(({ words: [word] }) => word !== 'comment');
  if (rest[0] !== undefined) diagnostics.warn(rest[0].place, `tcp-check ${rest[0].words[0]!}: a probe is one exchange`, 'what comes after the first expectation is not carried over', rest[0].words[0]!);
  if (expectAt < 0) return send === '' ? { kind: 'tcp' } : { kind: 'send-expect', send, expect: '', match: 'any', udp: false, ...(tls ? { tls } : {}) };
  const { words, place } = rules[expectAt]!;
  const { negated, kind, pattern } = expectation(words);
  const expression = { string: escaped(pattern), rstring: pattern, binary: escaped(Buffer.from(pattern, 'hex').toString('latin1')) }[kind];
  if (expression === undefined) {
    diagnostics.warn(place, `tcp-check expect ${kind}: not known to a probe`, 'any answer counts', kind === '' ? 'expect' : kind);
    return { kind: 'send-expect', send, expect: '', match: 'any', udp: false, ...(tls ? { tls } : {}) };
  }
  return { kind: 'send-expect', send, expect: negated ? `^(?![\\s\\S]*(?:${expression}))` : expression, match: 'regex', udp: false, ...(tls ? { tls } : {}) };
}

export function httpCheck({ checkOption, httpCheck: rules }: Proxy, tls: boolean, diagnostics: Diagnostics): CheckKind {
  const words = checkOption!.words;
  const [send, ...moreSends] = rules.filter(({ words: [word] }) => word === 'send');
  if (moreSends[0] !== undefined) diagnostics.warn(moreSends[0].place, 'http-check send: a probe is one request', 'the first one counts', 'send');
  const named = (word: string): string | null => (send?.words.includes(word) === true ? send.words[send.words.indexOf(word) + 1] ?? null : null);
  const method = named('meth') ?? (words.length > 1 ? words[0]! : 'OPTIONS');
  const path = named('uri') ?? (words.length > 1 ? words[1]! : words[0] ?? '/');
  // "HTTP/1.1\r\nHost:\ name" is how host names were written before http-check send.
  const version = named('ver') ?? words.slice(2).join(' ');
  const host = send?.words.find((_, n) => send.words[n - 2] === 'hdr' && send.words[n - 1]!.toLowerCase() === 'host') ?? /\r\nhost:[ \t]*([^\r\n]+)/i.exec(version)?.[1] ?? null;
  let statusCodes: readonly (readonly [number, number])[] = DEFAULT_STATUSES;
  let text: { readonly regex: string; readonly regexNegate?: boolean } | null = null;
  for (const { words: rule, place } of rules.filter(({ words: [word] }) => word === 'expect')) {
    const { negated, kind, pattern } = expectation(rule);
    if (kind === 'status' || kind === 'rstatus') statusCodes = statuses(kind, pattern, negated);
    else if ((kind === 'string' || kind === 'rstring') && text === null) {
      text = { regex: kind === 'string' ? escaped(pattern) : pattern, ...(negated ? { regexNegate: true } : {}) };
      // NB: with a text to look for, the status is not looked at.
      statusCodes = [[100, 599]];
    } else diagnostics.warn(place, `http-check expect ${kind}: not known to a probe, or one too many`, LOST, kind === '' ? 'expect' : kind);
  }
  return {
    kind: 'http', tls, method: method === 'HEAD' || (method === 'OPTIONS' && text === null) ? 'HEAD' : 'GET', version: /1\.1/.test(version) ? '1.1' : '1.0', sni: host, verify: false, fastRecovery: true, userAgent: '',
    urls: [{ path, statusCodes, ...(host === null ? {} : { virtualHost: host }), ...(text ?? {}) }],
  };
}

/** Port and encryption that a connect rule asks for. */
export function connectRule(rules: readonly Rule[]): { readonly port: number | null; readonly tls: boolean } {
  const words = rules.find(({ words: [word] }) => word === 'connect')?.words ?? [];
  const port = Number(words[words.indexOf('port') + 1]);
  return { port: words.includes('port') && port > 0 && port <= 65_535 ? port : null, tls: words.includes('ssl') };
}

/** "expect [option value ...] [!] KIND PATTERN"; the "!" may stand on the kind. */
function expectation(words: readonly string[]): Expectation {
  let at = 1;
  while (EXPECT_OPTIONS.includes(words[at] ?? '')) at += 2;
  let negated = false;
  let kind = words[at] ?? '';
  if (kind === '!') {
    negated = true;
    kind = words[++at] ?? '';
  } else if (kind.startsWith('!')) {
    negated = true;
    kind = kind.slice(1);
  }
  return { negated, kind, pattern: words[at + 1] ?? '' };
}

function statuses(kind: 'status' | 'rstatus', pattern: string, negated: boolean): readonly (readonly [number, number])[] {
  const ranges = pattern.split(',').flatMap((part) => {
    const [, low, high] = /^(\d{3})(?:-(\d{3}))?$/.exec(part) ?? [];
    return low === undefined ? [] : [[Number(low), Number(high ?? low)] as const];
  });
  const expression = kind === 'rstatus' ? expressionOf(pattern) : null;
  const wanted = (status: number): boolean => (expression !== null ? expression.test(String(status)) : ranges.some(([low, high]) => status >= low && status <= high)) !== negated;
  if (kind === 'rstatus' ? expression === null : ranges.length === 0) return DEFAULT_STATUSES;
  if (kind === 'status' && !negated) return ranges;
  const found: [number, number][] = [];
  for (const status of STATUSES.filter(wanted)) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === status - 1) last[1] = status;
    else found.push([status, status]);
  }
  return found;
}

function expressionOf(pattern: string): RegExp | null {
  try {
    return pattern.length > 200 ? null : new RegExp(pattern);
  } catch {
    return null;
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
