/**
 * Nanny's send and expect, ldirectord's negotiate of plain services: send a string, compare the beginning of the answer (nanny compares as
 * many bytes as it expects) or search a regular expression in it.
 */
import { failed, PASSED, ProbeFailure, type Checker, type ProbeOutcome } from '../checker.ts';
import { datagramExchange } from '../datagram-exchange.ts';
import { firstMatch, toRegExp } from '../match-text.ts';
import { ProbeConnection } from '../probe-connection.ts';

const MAX_ANSWER_BYTES = 64 * 1024;

type SendExpect = Parameters<Checker<'send-expect'>>[0];

export const checkSendExpect: Checker<'send-expect'> = async (check, target, context) => {
  const matches = matcher(check);
  if (matches === null) return failed(`${JSON.stringify(check.expect)} is not a regular expression`);
  if (check.udp) return verdict(matches, await datagramExchange(target, context, Buffer.from(check.send, 'latin1')));
  const connection = await ProbeConnection.open(target, context, check.tls === true ? { servername: null, identity: target.address, verify: false } : undefined);
  try {
    if (check.send !== '') connection.write(Buffer.from(check.send, 'latin1'));
    // Nothing expected: the connection was what counts.
    if (check.expect === '') return PASSED;
    const wanted = check.match === 'prefix' ? check.expect.length : 0;
    const answer = await connection.read((received) => (wanted > 0 ? received.length >= wanted : matches(received)), wanted > 0 ? wanted : MAX_ANSWER_BYTES);
    if (answer.length === 0) throw new ProbeFailure('connection closed without an answer');
    return verdict(matches, answer);
  } finally {
    connection.close();
  }
};

function matcher({ match, expect }: SendExpect): ((answer: Buffer) => boolean) | null {
  if (match === 'any' || expect === '') return () => true;
  if (match === 'prefix') {
    const wanted = Buffer.from(expect, 'latin1');
    return (answer) => answer.subarray(0, wanted.length).equals(wanted);
  }
  const expression = toRegExp(expect);
  return expression === null ? null : (answer) => firstMatch(expression, answer.toString('latin1')) >= 0;
}

function verdict(matches: (answer: Buffer) => boolean, answer: Buffer): ProbeOutcome {
  return matches(answer) ? PASSED : failed(`unexpected answer ${JSON.stringify(answer.toString('latin1', 0, 60))}`);
}
