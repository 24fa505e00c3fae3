/**
 * The protocols ldirectord speaks by themselves: say hello, log in if there is a login, ask what is to be asked, take leave. Line protocols are
 * a list of [what to send, how the answer must begin]; the others have a file each in login/. Services that are not listed (Oracle's is nowhere
 * described) are only connected to.
 */
import { failed, PASSED, ProbeFailure, type Checker } from '../checker.ts';
import { ProbeConnection } from '../probe-connection.ts';
import { MAX_REPLY_BYTES, mismatch, type LoginCheck, type Protocol } from './login/dialogue.ts';
import { speakFtp } from './login/ftp.ts';
import { speakLdap } from './login/ldap.ts';
import { speakMysql } from './login/mysql.ts';
import { speakPgsql } from './login/pgsql.ts';
import { speakRadius } from './login/radius.ts';
import { speakSip, speakSipUdp } from './login/sip.ts';

type Dialogue = readonly (readonly [send: string, expect: RegExp])[];

/** Name with TLS -> name without. */
const TLS_SERVICES: Readonly<Record<string, string>> = { pops: 'pop', imaps: 'imap', ldaps: 'ldap' };

const DIALOGUES: Readonly<Record<string, (check: LoginCheck) => Dialogue>> = {
  pop: ({ login, password }) => [['', /^\+OK/], ...(login === '' ? [] : [[`USER ${login}\r\n`, /^\+OK/], [`PASS ${password}\r\n`, /^\+OK/]] as const), ['QUIT\r\n', /^\+OK/]],
  imap: ({ login, password }) => [['', /^\* OK/], ...(login === '' ? [] : [[`a1 LOGIN ${quoted(login)} ${quoted(password)}\r\n`, /^(\*.*\n)*a1 OK/]] as const), ['a2 LOGOUT\r\n', /^\* BYE|a2 OK/]],
  nntp: () => [['', /^2/], ['QUIT\r\n', /^205/]],
};

const PROTOCOLS: Readonly<Record<string, Protocol>> = { ftp: speakFtp, ldap: speakLdap, mysql: speakMysql, pgsql: speakPgsql, sip: speakSip, ...Object.fromEntries(Object.keys(DIALOGUES).map((name) => [name, converse])) };

/** Services that are more than a connection here. */
export const SPOKEN: readonly string[] = [...Object.keys(PROTOCOLS), ...Object.keys(TLS_SERVICES), 'radius'];

export const checkLogin: Checker<'login'> = async (check, target, context) => {
  if (check.service === 'radius') return speakRadius(check, target, context);
  if (check.service === 'sip' && check.udp === true) return speakSipUdp(check, target, context);
  const plain = Object.hasOwn(TLS_SERVICES, check.service) ? TLS_SERVICES[check.service]! : null;
  const connection = await ProbeConnection.open(target, context, plain === null ? undefined : { servername: null, identity: target.address, verify: false });
  try {
    const name = plain ?? check.service;
    return Object.hasOwn(PROTOCOLS, name) ? await PROTOCOLS[name]!(connection, check, target, context) : PASSED;
  } finally {
    connection.close();
  }
};

async function converse(connection: ProbeConnection, check: LoginCheck): ReturnType<Protocol> {
  const name = Object.hasOwn(TLS_SERVICES, check.service) ? TLS_SERVICES[check.service]! : check.service;
  let all = '';
  for (const [send, expect] of DIALOGUES[name]!(check)) {
    if (send !== '') connection.write(send);
    const reply = (await connection.read((received) => expect.test(received.toString('latin1')) || received.at(-1) === 10, MAX_REPLY_BYTES)).toString('latin1');
    if (reply === '') throw new ProbeFailure('connection closed');
    if (!expect.test(reply)) return failed(`answered ${JSON.stringify(reply.slice(0, 60).trim())} to ${send === '' ? 'the connection' : send.split(' ')[0]!.trim()}`);
    all += reply;
    connection.discard();
  }
  return mismatch(check, all) ?? PASSED;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
