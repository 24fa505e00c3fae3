/**
 * MySQL and MariaDB: the greeting of protocol 10, and with a login the login itself (mysql_native_password, or caching_sha2_password where the
 * server has the password cached) and the query, which must give a row. Without a login the greeting is what counts: a server that refuses
 * the host says so in place of it.
 */
import { createHash } from 'node:crypto';
import { failed, PASSED, ProbeFailure } from '../../checker.ts';
import { readMessage, type Protocol } from './dialogue.ts';

const PROTOCOL_VERSION = 10;
const ERROR = 0xff, OK = 0x00, END = 0xfe, MORE_AUTHENTICATION = 0x01;
const FAST_AUTHENTICATED = 3;
/** LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH. */
const CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000;
const UTF8 = 33;
const QUERY = 3;

export const speakMysql: Protocol = async (connection, check) => {
  const pending = { rest: Buffer.alloc(0) };
  const packet = async (): Promise<Buffer> => {
    const whole = await readMessage(connection, pending, (bytes) => (bytes.length < 4 ? 0 : 4 + bytes.readUIntLE(0, 3)));
    sequence = whole[3]!;
    const body = whole.subarray(4);
    if (body[0] === ERROR) throw new ProbeFailure(`refused: ${errorText(body)}`);
    return body;
  };
  const send = (body: Buffer, number: number): void => {
    const header = Buffer.alloc(4);
    header.writeUIntLE(body.length, 0, 3);
    header[3] = number & 0xff;
    connection.write(Buffer.concat([header, body]));
  };
  let sequence = 0;
  const greeting = await packet();
  if (greeting[0] !== PROTOCOL_VERSION) return failed('the greeting is not MySQL');
  if (check.login === '') return PASSED;
  const { salt, plugin } = readGreeting(greeting);
  send(loginPacket(check.login, check.database, plugin, scrambled(plugin, check.password, salt)), sequence + 1);
  for (let answer = await packet(); answer[0] !== OK; answer = await packet()) {
    if (answer[0] === END) {
      const end = answer.indexOf(0, 1);
      send(scrambled(answer.toString('latin1', 1, end), check.password, answer.subarray(end + 1, end + 21)), sequence + 1);
    } else if (answer[0] !== MORE_AUTHENTICATION || answer[1] !== FAST_AUTHENTICATED) return failed('the server wants the password itself, which a probe does not send: log in once from elsewhere, or use mysql_native_password');
  }
  const query = check.request.replace(/^\//, '');
  if (query === '') return PASSED;
  send(Buffer.concat([Buffer.from([QUERY]), Buffer.from(query)]), 0);
  if ((await packet())[0] === OK) return failed(`"${query}" gave no rows`);
  while (!isEnd(await packet()));
  return isEnd(await packet()) ? failed(`"${query}" gave no rows`) : PASSED;
};

function isEnd(packet: Buffer): boolean {
  return packet[0] === END && packet.length < 9;
}

function readGreeting(greeting: Buffer): { readonly salt: Buffer; readonly plugin: string } {
  const versionEnd = greeting.indexOf(0, 1);
  const at = versionEnd + 5;
  const first = greeting.subarray(at, at + 8);
  const second = greeting.subarray(at + 27, at + 39);
  const name = greeting.subarray(at + 40);
  const nameEnd = name.indexOf(0);
  return { salt: Buffer.concat([first, second]), plugin: name.toString('latin1', 0, nameEnd < 0 ? name.length : nameEnd) || 'mysql_native_password' };
}

/** What proves the password without showing it. */
export function scrambled(plugin: string, password: string, salt: Uint8Array): Buffer {
  if (password === '') return Buffer.alloc(0);
  const hash = (...parts: readonly Uint8Array[]): Buffer => parts.reduce((digest, part) => digest.update(part), createHash(plugin === 'caching_sha2_password' ? 'sha256' : 'sha1')).digest();
  const once = hash(Buffer.from(password));
  const twice = hash(once);
  const mask = plugin === 'caching_sha2_password' ? hash(twice, salt) : hash(salt, twice);
  return Buffer.from(once.map((byte, n) => byte ^ mask[n]!));
}

function loginPacket(login: string, database: string, plugin: string, proof: Buffer): Buffer {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(CAPABILITIES, 0);
  head.writeUInt32LE(MOST_PACKET, 4);
  head[8] = UTF8;
  return Buffer.concat([head, Buffer.from(`${login}\0`), Buffer.from([proof.length]), proof, Buffer.from(`${database}\0${plugin}\0`)]);
}

const MOST_PACKET = 0x100_0000;

function errorText(body: Buffer): string {
  return body.toString('utf8', body[3] === 0x23 ? 9 : 3).slice(0, 120);
}
