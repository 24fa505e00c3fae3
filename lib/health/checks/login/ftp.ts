/** FTP (RFC 959): log in, and with a request fetch that file in passive mode: what it holds must match what is to be received. */
import { failed, PASSED, ProbeFailure, type ProbeOutcome } from '../../checker.ts';
import { ProbeConnection } from '../../probe-connection.ts';
import { MAX_REPLY_BYTES, mismatch, readMessage, type Protocol } from './dialogue.ts';

export const speakFtp: Protocol = async (connection, check, target, context) => {
  const pending = { rest: Buffer.alloc(0) };
  const reply = async (command: string | null, wanted: RegExp): Promise<string> => {
    if (command !== null) connection.write(`${command}\r\n`);
    const text = (await readMessage(connection, pending, replyLength)).toString('latin1');
    if (!wanted.test(text)) throw new ProbeFailure(`answered ${JSON.stringify(text.slice(0, 60).trim())} to ${command === null ? 'the connection' : command.split(' ')[0]}`);
    return text;
  };
  await reply(null, /^220/);
  if ((await reply(`USER ${check.login || 'anonymous'}`, /^(230|331)/)).startsWith('331')) await reply(`PASS ${check.password || 'ldirectord@'}`, /^230/);
  const file = check.request.replace(/^\//, '');
  if (file !== '') {
    await reply('TYPE I', /^200/);
    const outcome = await fetched(file);
    if (outcome !== null) return outcome;
  }
  await reply('QUIT', /^221/);
  return PASSED;

  async function fetched(name: string): Promise<ProbeOutcome | null> {
    // EPSV (RFC 2428) tells a port only: the data comes from where the login was, whatever the server says of itself.
    const port = Number(/\(\|\|\|(\d{1,5})\|\)/.exec(await reply('EPSV', /^229/))?.[1] ?? 0);
    if (port === 0) return failed('no port for the data connection');
    const data = await ProbeConnection.open({ ...target, port }, context);
    try {
      await reply(`RETR ${name}`, /^1\d\d/);
      const content = (await data.read(() => false, MAX_REPLY_BYTES)).toString('latin1');
      await reply(null, /^2/);
      return mismatch(check, content);
    } finally {
      data.close();
    }
  }
};

/** Up to the line with the code and a blank. */
function replyLength(bytes: Buffer): number {
  const match = /(?:^|\n)\d{3}(?: [^\n]*)?\r?\n/.exec(bytes.toString('latin1'));
  return match === null ? 0 : match.index + match[0].length;
}
