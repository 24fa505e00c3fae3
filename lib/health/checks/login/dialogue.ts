/** What the login protocols share: a conversation, and the words for what went wrong in it. */
import type { CheckKind } from '../../../model/health-check.ts';
import { failed, ProbeFailure, type ProbeContext, type ProbeOutcome, type ProbeTarget } from '../../checker.ts';
import { firstMatch, toRegExp } from '../../match-text.ts';
import { ProbeConnection } from '../../probe-connection.ts';

export type LoginCheck = Extract<CheckKind, { kind: 'login' }>;
/** One protocol: says whether its server answers, logs in and gives what is asked for. */
export type Protocol = (connection: ProbeConnection, check: LoginCheck, target: ProbeTarget, context: ProbeContext) => Promise<ProbeOutcome>;

export const MAX_REPLY_BYTES = 64 * 1024;

/** The first message that `lengthOf` finds whole in what came (0: not yet); what follows it stays for the next read. */
export async function readMessage(connection: ProbeConnection, pending: { rest: Buffer }, lengthOf: (bytes: Buffer) => number): Promise<Buffer> {
  const whole = (bytes: Buffer): boolean => {
    const length = lengthOf(bytes);
    return length > 0 && bytes.length >= length;
  };
  if (!whole(pending.rest)) {
    const before = pending.rest;
    const received = await connection.read((bytes) => whole(Buffer.concat([before, bytes])), MAX_REPLY_BYTES);
    connection.discard();
    pending.rest = Buffer.concat([before, received]);
  }
  const length = lengthOf(pending.rest);
  if (length === 0 || pending.rest.length < length) throw new ProbeFailure(pending.rest.length === 0 ? 'connection closed without an answer' : 'the answer is cut short, or too long');
  const message = Buffer.from(pending.rest.subarray(0, length));
  pending.rest = Buffer.from(pending.rest.subarray(length));
  return message;
}

/** Null when the text has what is to be received. */
export function mismatch({ receive }: LoginCheck, text: string): ProbeOutcome | null {
  if (receive === '') return null;
  const expression = toRegExp(receive);
  return expression !== null && firstMatch(expression, text) >= 0 ? null : failed(`no answer matches ${JSON.stringify(receive)}`);
}
