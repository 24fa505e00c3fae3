/** LDAP (RFC 4511): a simple bind, anonymous without a login, and a search of the base object that must find it; its name must match what is to be received. */
import { failed, PASSED } from '../../checker.ts';
import { mismatch, readMessage, type Protocol } from './dialogue.ts';

const INTEGER = 0x02, OCTETS = 0x04, ENUMERATED = 0x0a, BOOLEAN = 0x01, SEQUENCE = 0x30;
const BIND_REQUEST = 0x60, BIND_RESPONSE = 0x61, UNBIND = 0x42, SEARCH_REQUEST = 0x63, SEARCH_ENTRY = 0x64, SEARCH_DONE = 0x65, SIMPLE = 0x80, PRESENT = 0x87;

export const speakLdap: Protocol = async (connection, check) => {
  const pending = { rest: Buffer.alloc(0) };
  const next = async (): Promise<{ type: number; body: Buffer }> => operation(await readMessage(connection, pending, messageLength));
  connection.write(message(1, element(BIND_REQUEST, element(INTEGER, Buffer.from([3])), element(OCTETS, Buffer.from(check.login)), element(SIMPLE, Buffer.from(check.login === '' ? '' : check.password)))));
  const bound = await next();
  const code = bound.type === BIND_RESPONSE ? resultCode(bound.body) : -1;
  if (code !== 0) return failed(code < 0 ? 'the answer is not LDAP' : `bind refused: result ${code}`);
  const number = (value: number): Buffer => element(INTEGER, Buffer.from([value]));
  const choice = (value: number): Buffer => element(ENUMERATED, Buffer.from([value]));
  const base = check.request.replace(/^\//, '');
  connection.write(message(2, element(SEARCH_REQUEST, element(OCTETS, Buffer.from(base)), choice(0), choice(0), number(0), number(0), element(BOOLEAN, Buffer.from([0])), element(PRESENT, Buffer.from('objectClass')), element(SEQUENCE))));
  const names: string[] = [];
  for (;;) {
    const { type, body } = await next();
    if (type === SEARCH_ENTRY) names.push(firstOctets(body));
    else if (type === SEARCH_DONE) {
      connection.write(message(3, Buffer.from([UNBIND, 0])));
      const result = resultCode(body);
      if (result !== 0 || names.length !== 1) return failed(`${names.length} entries for "${base}"${result === 0 ? '' : `: result ${result}`}`);
      return mismatch(check, names[0]!) ?? PASSED;
    } else if (names.length > 100) return failed('more entries than a base object has');
  }
};

/** BER: tag, length in the short or long form, contents. */
export function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export function message(id: number, operationBytes: Buffer): Buffer {
  return element(SEQUENCE, element(INTEGER, Buffer.from([id])), operationBytes);
}

/** Where an element's contents begin and end, or null when its length is not all there. */
function extent(bytes: Buffer, at: number): { readonly begin: number; readonly end: number } | null {
  const first = bytes[at + 1];
  if (first === undefined) return null;
  if (first < 0x80) return { begin: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  if (size === 0 || size > 4 || bytes.length < at + 2 + size) return null;
  return { begin: at + 2 + size, end: at + 2 + size + bytes.readUIntBE(at + 2, size) };
}

function messageLength(bytes: Buffer): number {
  return extent(bytes, 0)?.end ?? 0;
}

function operation(bytes: Buffer): { readonly type: number; readonly body: Buffer } {
  const outer = extent(bytes, 0);
  const id = outer === null ? null : extent(bytes, outer.begin);
  const inner = id === null ? null : extent(bytes, id.end);
  return inner === null ? { type: -1, body: Buffer.alloc(0) } : { type: bytes[id!.end]!, body: Buffer.from(bytes.subarray(inner.begin, inner.end)) };
}

function resultCode(body: Buffer): number {
  const code = extent(body, 0);
  return code === null || body[0] !== ENUMERATED ? -1 : body[code.begin] ?? -1;
}

function firstOctets(body: Buffer): string {
  const name = extent(body, 0);
  return name === null ? '' : body.toString('utf8', name.begin, name.end);
}
