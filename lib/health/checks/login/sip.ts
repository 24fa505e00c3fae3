/** SIP (RFC 3261): OPTIONS, answered with 200; over UDP or TCP, as the service is. */
import { randomBytes } from 'node:crypto';
import { failed, PASSED, type ProbeContext, type ProbeOutcome, type ProbeTarget } from '../../checker.ts';
import { datagramExchange } from '../../datagram-exchange.ts';
import { MAX_REPLY_BYTES, type LoginCheck, type Protocol } from './dialogue.ts';

export const speakSip: Protocol = async (connection, check, target) => {
  connection.write(options(check, target, 'TCP'));
  return judged((await connection.read((bytes) => bytes.includes('\r\n'), MAX_REPLY_BYTES)).toString('latin1'));
};

export async function speakSipUdp(check: LoginCheck, target: ProbeTarget, context: ProbeContext): Promise<ProbeOutcome> {
  return judged((await datagramExchange(target, context, Buffer.from(options(check, target, 'UDP')))).toString('latin1'));
}

function options({ login }: LoginCheck, { address, port }: ProbeTarget, transport: string): string {
  const user = `sip:${login || `ping@${address.includes(':') ? `[${address}]` : address}:${port}`}`;
  return [
    `OPTIONS ${user} SIP/2.0`, `Via: SIP/2.0/${transport} tsipvs.invalid;rport;branch=z9hG4bK${randomBytes(8).toString('hex')}`, 'Max-Forwards: 70', `To: <${user}>`, `From: <${user}>;tag=${randomBytes(4).toString('hex')}`,
    `Call-ID: ${randomBytes(8).toString('hex')}`, 'CSeq: 1 OPTIONS', `Contact: <${user}>`, 'Accept: application/sdp', 'Content-Length: 0', '', '',
  ].join('\r\n');
}

function judged(reply: string): ProbeOutcome {
  if (reply.startsWith('SIP/2.0 200')) return PASSED;
  return failed(reply === '' ? 'connection closed without an answer' : `answered ${JSON.stringify(reply.split('\r\n')[0]!.slice(0, 60))}`);
}
