/** PostgreSQL (protocol 3.0): start-up, the password in clear, as MD5 or by SCRAM-SHA-256 (RFC 7677), and a query that must give a row. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { failed, PASSED, ProbeFailure } from '../../checker.ts';
import { readMessage, type Protocol } from './dialogue.ts';

const VERSION_3 = 196_608;
const AUTHENTICATED = 0, CLEAR = 3, MD5 = 5, SASL = 10, SASL_CONTINUE = 11, SASL_FINAL = 12;
const MOST_ITERATIONS = 100_000;

export const speakPgsql: Protocol = async (connection, { login, password, database, request }) => {
  const pending = { rest: Buffer.alloc(0) };
  const next = async (): Promise<{ type: string; body: Buffer }> => {
    const whole = await readMessage(connection, pending, (bytes) => (bytes.length < 5 ? 0 : Math.max(5, 1 + bytes.readUInt32BE(1))));
    const type = String.fromCharCode(whole[0]!);
    if (type === 'E') throw new ProbeFailure(`refused: ${/(?:^|\0)M([^\0]*)/.exec(whole.toString('utf8', 5))?.[1] ?? 'no reason given'}`);
    return { type, body: whole.subarray(5) };
  };
  const send = (type: string, body: Buffer): void => connection.write(Buffer.concat([Buffer.from(type), uint32(body.length + 4), body]));
  const start = Buffer.concat([uint32(VERSION_3), Buffer.from(`user\0${login || 'postgres'}\0${database === '' ? '' : `database\0${database}\0`}\0`)]);
  connection.write(Buffer.concat([uint32(start.length + 4), start]));
  let scram: Scram | null = null;
  for (;;) {
    const { type, body } = await next();
    if (type === 'Z') break;
    if (type !== 'R') {
      if ('SKN'.includes(type)) continue;
      return failed('the answer is not PostgreSQL');
    }
    const wanted = body.readUInt32BE(0);
    // Whom it lets in is its own affair: without a login the question alone shows that it lives.
    if (login === '' && wanted !== AUTHENTICATED) return PASSED;
    if (wanted === CLEAR) send('p', Buffer.from(`${password}\0`));
    else if (wanted === MD5) send('p', Buffer.from(`md5${md5(Buffer.concat([Buffer.from(md5(Buffer.from(password + login))), body.subarray(4, 8)]))}\0`));
    else if (wanted === SASL) {
      scram = new Scram(password);
      send('p', Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), uint32(scram.first.length), Buffer.from(scram.first)]));
    } else if (wanted === SASL_CONTINUE && scram !== null) send('p', Buffer.from(scram.final(body.toString('utf8', 4))));
    else if (wanted !== AUTHENTICATED && wanted !== SASL_FINAL) return failed(`authentication of kind ${wanted} is not spoken here`);
  }
  const query = request.replace(/^\//, '');
  if (query === '') return PASSED;
  send('Q', Buffer.from(`${query}\0`));
  for (let rows = 0; ;) {
    const { type } = await next();
    if (type === 'D') rows++;
    else if (type === 'Z') return rows > 0 ? PASSED : failed(`"${query}" gave no rows`);
    if (rows > 0 && type === 'D') return PASSED;
  }
};

class Scram {
  readonly #password: string;
  readonly #bare = `n=,r=${randomBytes(18).toString('base64')}`;
  readonly first = `n,,${this.#bare}`;

  constructor(password: string) {
    this.#password = password;
  }

  final(challenge: string): string {
    const { r = '', s = '', i = '0' } = Object.fromEntries(challenge.split(',').map((part) => [part[0]!, part.slice(2)])) as Record<string, string>;
    const iterations = Number(i);
    if (!(iterations > 0 && iterations <= MOST_ITERATIONS)) throw new ProbeFailure(`SCRAM with ${i} iterations`);
    const salted = pbkdf2Sync(this.#password, Buffer.from(s, 'base64'), iterations, 32, 'sha256');
    const key = createHmac('sha256', salted).update('Client Key').digest();
    const answer = `c=biws,r=${r}`;
    const signature = createHmac('sha256', createHash('sha256').update(key).digest()).update(`${this.#bare},${challenge},${answer}`).digest();
    return `${answer},p=${Buffer.from(key.map((byte, n) => byte ^ signature[n]!)).toString('base64')}`;
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
