/**
 * What keepalived's HTTP checkers and genhash take of an HTTP reply: header and body are parted at the first CRLF CRLF, the body is cut
 * at Content-Length if that is shorter, chunks stay framed, and the digest is the MD5 of exactly these octets. Redirects and status
 * are not looked at here.
 */
import { createHash } from 'node:crypto';

const HEADER_END = Buffer.from('\r\n\r\n', 'latin1');

export interface HttpHeader {
  /** With the empty line that ends it. */
  readonly length: number;
  /** Null where the first line is not HTTP. */
  readonly status: number | null;
  readonly contentLength: number | null;
}

/** 0 while (or if for ever) it has no end. */
export function headerLength(received: Buffer): number {
  const at = received.indexOf(HEADER_END);
  return at < 0 ? 0 : at + HEADER_END.length;
}

/** Null while (or if for ever) the header has no end. */
export function readHeader(received: Buffer): HttpHeader | null {
  const length = headerLength(received);
  if (length === 0) return null;
  const text = received.toString('latin1', 0, length);
  const status = /^HTTP\/\d\.\d (\d{3})\b/.exec(text);
  const contentLength = /\r\ncontent-length:[ \t]*(\d{1,15})/i.exec(text);
  return { length, status: status === null ? null : Number(status[1]), contentLength: contentLength === null ? null : Number(contentLength[1]) };
}

/** Null where the header has no end; the body is what genhash hashes. */
export function splitReply(received: Buffer): { readonly header: Buffer; readonly body: Buffer } | null {
  const header = readHeader(received);
  if (header === null) return null;
  const { length, contentLength } = header;
  return { header: received.subarray(0, length), body: received.subarray(length, contentLength === null ? received.length : length + contentLength) };
}

export function digestOf(body: Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}

/** The octets that keepalived's HTTP_GET, SSL_GET and genhash send. */
export function keepalivedRequest(path: string, host: string, version: '1.0' | '1.0C' | '1.1', userAgent: string, method = 'GET'): string {
  const close = version === '1.0' ? '' : 'Connection: close\r\n';
  return `${method} ${path} HTTP/${version === '1.1' ? '1.1' : '1.0'}\r\nUser-Agent: ${userAgent}\r\n${close}Host: ${host}\r\n\r\n`;
}
