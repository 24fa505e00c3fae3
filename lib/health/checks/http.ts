/**
 * HTTP_GET, SSL_GET and ldirectord's http(s) negotiate: one url of the check (the monitor walks them, one a probe), octets as the original
 * program sends them. A url passes when the status is in its ranges, the digest is genhash's, and the expression is (not) found in the body.
 * Redirects are not followed.
 */
import type { HttpUrl } from '../../model/health-check.ts';
import { failed, PASSED, targetText, type Checker, type ProbeOutcome } from '../checker.ts';
import { digestOf, headerLength, keepalivedRequest, readHeader } from '../genhash.ts';
import { firstMatch, toRegExp } from '../match-text.ts';
import { ProbeConnection } from '../probe-connection.ts';

const MAX_REPLY_BYTES = 4 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);
const DEFAULT_STATUS_CODES = [[200, 299]] as const;

type HttpCheck = Parameters<Checker<'http'>>[0];

export const checkHttp: Checker<'http'> = async (check, target, context) => {
  const url = check.urls[context.step % Math.max(1, check.urls.length)] ?? { path: '/' };
  const connection = await ProbeConnection.open(target, context, check.tls ? { servername: check.sni, identity: check.sni ?? url.virtualHost ?? target.address, verify: check.verify } : undefined);
  try {
    connection.write(httpRequest(check, url, url.virtualHost || targetText(target)));
    const reply = await replyTo(connection, check, url);
    if (typeof reply === 'string') return failed(`${url.path}: ${reply}`);
    return judge(url, reply);
  } finally {
    connection.close();
  }
};

/** What is sent: keepalived's request, or libwww-perl's where that is the user agent (ldirectord). */
export function httpRequest(check: HttpCheck, url: HttpUrl, host: string): string {
  if (!check.userAgent.startsWith('libwww-perl')) return keepalivedRequest(url.path, host, check.version, check.userAgent, check.method);
  return `${check.method} ${url.path} HTTP/1.1\r\nTE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\nHost: ${host}\r\nUser-Agent: ${check.userAgent}\r\n\r\n`;
}

interface Answer { readonly status: number; readonly body: Buffer }

/** The whole answer, as keepalived waits for it: a server that stalls within a page is not well. What is wrong with it where it is none. */
async function replyTo(connection: ProbeConnection, check: HttpCheck, url: HttpUrl): Promise<Answer | string> {
  const start = await connection.read((bytes) => bytes.length >= MAX_HEADER_BYTES || headerLength(bytes) > 0, MAX_REPLY_BYTES);
  const header = readHeader(start);
  if (header === null || header.status === null) return start.length === 0 ? 'connection closed without an answer' : 'the answer is not HTTP';
  const { status, length, contentLength } = header;
  if (check.method === 'HEAD') return { status, body: NOTHING };
  const whole = contentLength === null ? Infinity : length + contentLength;
  if (url.digest === undefined && url.regex === undefined) {
    // Nobody looks at the page: it is let go as it comes, and so much of an endless one is proof enough.
    let seen = start.length;
    for (let piece = start; piece.length > 0 && seen < Math.min(whole, MAX_REPLY_BYTES); seen += piece.length) {
      connection.discard();
      piece = await connection.read(() => true, MAX_REPLY_BYTES);
    }
    return { status, body: NOTHING };
  }
  const received = await connection.read((bytes) => bytes.length >= whole, MAX_REPLY_BYTES);
  if (received.length >= MAX_REPLY_BYTES) return `the answer is longer than ${MAX_REPLY_BYTES} bytes`;
  return { status, body: received.subarray(length, Math.min(whole, received.length)) };
}

function judge(url: HttpUrl, { status, body }: Answer): ProbeOutcome {
  const ranges = url.statusCodes ?? DEFAULT_STATUS_CODES;
  if (!ranges.some(([low, high]) => status >= low && status <= high)) return failed(`${url.path}: status ${status}`);
  if (url.digest !== undefined) {
    const digest = digestOf(body);
    if (digest !== url.digest.toLowerCase()) return failed(`${url.path}: digest ${digest}, not ${url.digest}`);
  }
  if (url.regex === undefined) return PASSED;
  const expression = toRegExp(url.regex, url.regexOptions);
  if (expression === null) return failed(`${url.path}: ${JSON.stringify(url.regex)} is not a regular expression`);
  const at = firstMatch(expression, body.toString('latin1'), url.regexMinOffset ?? 0);
  // The match must begin before the greatest offset (pcre2_set_offset_limit).
  const found = at >= 0 && (url.regexMaxOffset === undefined || url.regexMaxOffset === 0 || at <= url.regexMaxOffset);
  return found !== (url.regexNegate === true) ? PASSED : failed(`${url.path}: the answer ${found ? 'matches' : 'does not match'} ${JSON.stringify(url.regex)}`);
}
