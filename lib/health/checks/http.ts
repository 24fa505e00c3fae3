/**
 * HTTP_GET, SSL_GET and ldirectord's http(s) negotiate: one url of the check (the monitor walks them, one a probe), octets as the original
 * program sends them. A url passes when the status is in its ranges, the digest is genhash's, and the expression is (not) found in the body.
 * Redirects are not followed.
 */
import type { HttpUrl } from '../../model/health-check.ts';
import { failed, PASSED, targetText, type Checker, type ProbeOutcome } from '../checker.ts';
import { digestOf, isComplete, keepalivedRequest, splitReply, type HttpReply } from '../genhash.ts';
import { firstMatch, toRegExp } from '../match-text.ts';
import { ProbeConnection } from '../probe-connection.ts';

const MAX_REPLY_BYTES = 4 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
const DEFAULT_STATUS_CODES = [[200, 299]] as const;

type HttpCheck = Parameters<Checker<'http'>>[0];

export const checkHttp: Checker<'http'> = async (check, target, context) => {
  const url = check.urls[context.step % Math.max(1, check.urls.length)] ?? { path: '/' };
  const connection = await ProbeConnection.open(target, context, check.tls ? { servername: check.sni, verify: check.verify } : undefined);
  try {
    connection.write(httpRequest(check, url, url.virtualHost || targetText(target)));
    const wantsBody = check.method === 'GET' && (url.digest !== undefined || url.regex !== undefined);
    // Without use for the body its end need not be waited for.
    const received = wantsBody ? await connection.read(isComplete, MAX_REPLY_BYTES) : await connection.read((bytes) => splitReply(bytes) !== null, MAX_HEADER_BYTES);
    const reply = splitReply(received);
    if (reply === null || reply.status === null) return failed(received.length === 0 ? `${url.path}: connection closed without an answer` : `${url.path}: the answer is not HTTP`);
    if (received.length >= MAX_REPLY_BYTES) return failed(`${url.path}: the answer is longer than ${MAX_REPLY_BYTES} bytes`);
    return judge(url, reply, reply.status);
  } finally {
    connection.close();
  }
};

/** What is sent: keepalived's request, or libwww-perl's where that is the user agent (ldirectord). */
export function httpRequest(check: HttpCheck, url: HttpUrl, host: string): string {
  if (!check.userAgent.startsWith('libwww-perl')) return keepalivedRequest(url.path, host, check.version, check.userAgent, check.method);
  return `${check.method} ${url.path} HTTP/1.1\r\nTE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\nHost: ${host}\r\nUser-Agent: ${check.userAgent}\r\n\r\n`;
}

function judge(url: HttpUrl, { body }: HttpReply, status: number): ProbeOutcome {
  const ranges = url.statusCodes ?? DEFAULT_STATUS_CODES;
  if (!ranges.some(([low, high]) => status >= low && status <= high)) return failed(`${url.path}: status ${status}`);
  if (url.digest !== undefined) {
    const digest = digestOf(body);
    if (digest !== url.digest.toLowerCase()) return failed(`${url.path}: digest ${digest}, not ${url.digest}`);
  }
  if (url.regex === undefined) return PASSED;
  const expression = toRegExp(url.regex, url.regexOptions);
  if (expression === null) return failed(`${url.path}: ${JSON.stringify(url.regex)} is not a regular expression`);
  const from = url.regexMinOffset ?? 0;
  const at = firstMatch(expression, body.toString('latin1', Math.min(from, body.length)));
  // The match must begin before the greatest offset (pcre2_set_offset_limit).
  const found = at >= 0 && (url.regexMaxOffset === undefined || url.regexMaxOffset === 0 || from + at <= url.regexMaxOffset);
  return found !== (url.regexNegate === true) ? PASSED : failed(`${url.path}: the answer ${found ? 'matches' : 'does not match'} ${JSON.stringify(url.regex)}`);
}
