/**
 * UDP_CHECK: send, and be content unless an ICMP error comes back before the deadline; with requireReply something must come, of the right
 * length and matching the given octets as far as both go (nibbles masked out count as equal).
 */
import { randomBytes } from 'node:crypto';
import { failed, PASSED, type Checker } from '../checker.ts';
import { datagramExchange } from '../datagram-exchange.ts';

const RANDOM_PAYLOAD_BYTES = 16;

export const checkUdp: Checker<'udp'> = async (check, target, context) => {
  const payload = check.payload === '' ? randomBytes(RANDOM_PAYLOAD_BYTES) : Buffer.from(check.payload, 'hex');
  const answer = await datagramExchange(target, context, payload, { silenceIsFine: !check.requireReply });
  if (!check.requireReply) return PASSED;
  if (answer.length < check.minLength || answer.length > check.maxLength) return failed(`answer of ${answer.length} bytes, not ${check.minLength} to ${check.maxLength}`);
  return matches(answer, check.reply ?? '', check.replyMask ?? '') ? PASSED : failed(`unexpected answer ${answer.toString('hex', 0, 32)}`);
};

function matches(answer: Buffer, reply: string, mask: string): boolean {
  const wanted = Buffer.from(reply, 'hex');
  const care = mask === '' ? Buffer.alloc(wanted.length, 0xff) : Buffer.from(mask, 'hex');
  for (let at = 0; at < Math.min(answer.length, wanted.length); at++) if (((answer[at]! ^ wanted[at]!) & (care[at] ?? 0xff)) !== 0) return false;
  return true;
}
