/**
 * What keepalived's HTTP checkers and genhash take of an HTTP reply: header and body are parted at the first CRLF CRLF, the body is cut
 * at Content-Length if that is shorter, chunks stay framed, and the digest is the MD5 of exactly these octets. Redirects and status
 * are not looked at here.
 */
import { createHash } from 'node:crypto';

const HEADER_END = Buffer.from('\r\n\r\n', 'latin1');

export interface HttpReply {
  /** With the empty line that ends it. */
  readonly header: Buffer;
  readonly body: Buffer;
  /** Null where the first line is not HTTP. */
  readonly status: number | null;
}

/** Null while (or if for ever) the header has no end. */
export function splitReply(received: Buffer): HttpReply | null {
  const at = received.indexOf(HEADER_END);
  if (at < 0) return null;
  const header = received.subarray(0, at + HEADER_END.length);
  const text = header.toString('latin1');
  const length = contentLength(text);
  const body = received.subarray(header.length);
  const status = /^HTTP\/\d\.\d (\d{3})\b/.exec(text);
  return { header, body: length !== null && length < body.length ? body.subarray(0, length) : body, status: status === null ? null : Number(status[1]) };
}

/** Whether everything that Content-Length promises is there. */
export function isComplete(received: Buffer): boolean {
  const at = received.indexOf(HEADER_END);
  if (at < 0) return false;
  const length = contentLength(received.toString('latin1', 0, at + HEADER_END.length));
  return length !== null && received.length - at - HEADER_END.length >= length;
}

export function digestOf(body: Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}

/** The octets that keepalived's HTTP_GET, SSL_GET and genhash send. */
export function keepalivedRequest(path: string, host: string, version: '1.0' | '1.0C' | '1.1', userAgent: string, method = 'GET'): string {
  const close = version === '1.0' ? '' : 'Connection: close\r\n';
  return `${method} ${path} HTTP/${version === '1.1' ? '1.1' : '1.0'}\r\nUser-Agent: ${userAgent}\r\n${close}Host: ${host}\r\n\r\n`;
}

function contentLength(header: string): number | null {
  const match = /\r\ncontent-length:[ \t]*(\d{1,15})/i.exec(header);
  return match === null ? null : Number(match[1]);
}
