/** SMTP_CHECK (RFC 5321): 220, HELO, 250, QUIT, 221; keepalived's checker in the order it speaks. */
import { failed, PASSED, ProbeFailure, type Checker } from '../checker.ts';
import { ProbeConnection } from '../probe-connection.ts';

const MAX_REPLY_BYTES = 4096;

export const checkSmtp: Checker<'smtp'> = async (check, target, context) => {
  const connection = await ProbeConnection.open(target, context);
  try {
    for (const [command, expected] of [['', '220'], [`HELO ${check.helo}\r\n`, '250'], ['QUIT\r\n', '221']] as const) {
      if (command !== '') connection.write(command);
      const reply = (await connection.read(isWholeReply, MAX_REPLY_BYTES)).toString('latin1');
      if (!isWholeReply(Buffer.from(reply, 'latin1'))) throw new ProbeFailure(`no ${expected} reply${reply === '' ? ': connection closed' : ''}`);
      if (!reply.startsWith(expected)) return failed(`answered ${JSON.stringify(reply.slice(0, 60).trim())} to ${command === '' ? 'the connection' : command.trim()}`);
      connection.discard();
    }
    return PASSED;
  } finally {
    connection.close();
  }
};

/** The last line of a reply has a space (or nothing) behind the code. */
function isWholeReply(received: Buffer): boolean {
  return /(^|\n)\d{3}( [^\n]*)?\r?\n$/.test(received.toString('latin1'));
}
