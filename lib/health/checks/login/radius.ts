/** RADIUS (RFC 2865): an Access-Request with the password hidden by the secret, answered with Access-Accept by one that knows the secret too. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { failed, PASSED, type ProbeContext, type ProbeOutcome, type ProbeTarget } from '../../checker.ts';
import { datagramExchange } from '../../datagram-exchange.ts';
import type { LoginCheck } from './dialogue.ts';

const ACCESS_REQUEST = 1, ACCESS_ACCEPT = 2, ACCESS_REJECT = 3;
const USER_NAME = 1, USER_PASSWORD = 2, NAS_IDENTIFIER = 32, MESSAGE_AUTHENTICATOR = 80;
const HEADER = 20;

export async function speakRadius({ login, password, secret = '' }: LoginCheck, target: ProbeTarget, context: ProbeContext): Promise<ProbeOutcome> {
  const [id] = randomBytes(1) as Buffer & [number];
  const authenticator = randomBytes(16);
  const request = accessRequest(id, authenticator, login, password, secret);
  const answer = await datagramExchange(target, context, request, { isAnswer: (bytes) => isAnswerTo(bytes, id, authenticator, secret) });
  if (answer[0] === ACCESS_ACCEPT) return PASSED;
  return failed(answer[0] === ACCESS_REJECT ? `${login}: access rejected` : `answered code ${answer[0]}`);
}

export function accessRequest(id: number, authenticator: Buffer, login: string, password: string, secret: string): Buffer {
  const attribute = (type: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([type, value.length + 2]), value]);
  const attributes = Buffer.concat([
    attribute(MESSAGE_AUTHENTICATOR, Buffer.alloc(16)), attribute(USER_NAME, Buffer.from(login).subarray(0, 253)), attribute(USER_PASSWORD, hidden(password, authenticator, secret)), attribute(NAS_IDENTIFIER, Buffer.from('tsipvs')),
  ]);
  const packet = Buffer.concat([Buffer.from([ACCESS_REQUEST, id, 0, 0]), authenticator, attributes]);
  packet.writeUInt16BE(packet.length, 2);
  createHmac('md5', secret).update(packet).digest().copy(packet, HEADER + 2);
  return packet;
}

/** Section 5.2: each 16 octets masked with MD5(secret, what came before). */
export function hidden(password: string, authenticator: Buffer, secret: string): Buffer {
  const text = Buffer.from(password).subarray(0, 128);
  const padded = Buffer.alloc(Math.max(16, Math.ceil(text.length / 16) * 16));
  text.copy(padded);
  let before = authenticator;
  for (let at = 0; at < padded.length; at += 16) {
    const mask = createHash('md5').update(secret).update(before).digest();
    for (let n = 0; n < 16; n++) padded[at + n]! ^= mask[n]!;
    before = padded.subarray(at, at + 16);
  }
  return padded;
}

function isAnswerTo(bytes: Buffer, id: number, authenticator: Buffer, secret: string): boolean {
  if (bytes.length < HEADER || bytes[1] !== id || bytes.readUInt16BE(2) > bytes.length) return false;
  const packet = bytes.subarray(0, bytes.readUInt16BE(2));
  return createHash('md5').update(packet.subarray(0, 4)).update(authenticator).update(packet.subarray(HEADER)).update(secret).digest().equals(packet.subarray(4, HEADER));
}
