/**
 * The protocols ldirectord speaks by themselves: say hello, log in if there is a login, take leave. A dialogue is a list of [what to send,
 * how the answer must begin]; services that are not listed are only connected to (their clients are whole programs).
 */
import { failed, PASSED, ProbeFailure, type Checker, type ProbeContext, type ProbeOutcome, type ProbeTarget } from '../checker.ts';
import { firstMatch, toRegExp } from '../match-text.ts';
import { ProbeConnection } from '../probe-connection.ts';

const MAX_REPLY_BYTES = 64 * 1024;

type LoginCheck = Parameters<Checker<'login'>>[0];
type Dialogue = readonly (readonly [send: string, expect: RegExp])[];

const TLS_SERVICES = ['pops', 'imaps'];

const DIALOGUES: Readonly<Record<string, (check: LoginCheck) => Dialogue>> = {
  ftp: ({ login, password }) => [['', /^220/], [`USER ${login || 'anonymous'}\r\n`, /^[23]3[01]/], [`PASS ${password || 'ldirectord@'}\r\n`, /^230/], ['QUIT\r\n', /^221/]],
  pop: ({ login, password }) => [['', /^\+OK/], ...(login === '' ? [] : [[`USER ${login}\r\n`, /^\+OK/], [`PASS ${password}\r\n`, /^\+OK/]] as const), ['QUIT\r\n', /^\+OK/]],
  imap: ({ login, password }) => [['', /^\* OK/], ...(login === '' ? [] : [[`a1 LOGIN ${quoted(login)} ${quoted(password)}\r\n`, /^(\*.*\n)*a1 OK/]] as const), ['a2 LOGOUT\r\n', /^\* BYE|a2 OK/]],
  nntp: () => [['', /^20[01]/], ['QUIT\r\n', /^205/]],
  // A MySQL server greets with protocol version 10 (or refuses the host with an error packet, 255).
  mysql: () => [['', /^[^]{4}\x0a/]],
};

export const checkLogin: Checker<'login'> = async (check, target, context) => {
  const service = check.service.replace(/s$/, (ending) => (TLS_SERVICES.includes(check.service) ? '' : ending));
  const dialogue = DIALOGUES[service]?.(check) ?? [];
  return converse(dialogue, check, target, context);
};

async function converse(dialogue: Dialogue, check: LoginCheck, target: ProbeTarget, context: ProbeContext): Promise<ProbeOutcome> {
  const connection = await ProbeConnection.open(target, context, TLS_SERVICES.includes(check.service) ? { servername: null, verify: false } : undefined);
  try {
    let all = '';
    for (const [send, expect] of dialogue) {
      if (send !== '') connection.write(send);
      const reply = (await connection.read((received) => expect.test(received.toString('latin1')) || received.at(-1) === 10, MAX_REPLY_BYTES)).toString('latin1');
      if (reply === '') throw new ProbeFailure('connection closed');
      if (!expect.test(reply)) return failed(`answered ${JSON.stringify(reply.slice(0, 60).trim())} to ${send === '' ? 'the connection' : send.split(' ')[0]!.trim()}`);
      all += reply;
      connection.discard();
    }
    if (check.receive === '' || dialogue.length === 0) return PASSED;
    const expression = toRegExp(check.receive);
    return expression !== null && firstMatch(expression, all) >= 0 ? PASSED : failed(`no answer matches ${JSON.stringify(check.receive)}`);
  } finally {
    connection.close();
  }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
