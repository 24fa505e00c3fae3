/**
 * DNS_CHECK (RFC 1035 section 4): one question over UDP. Any well-formed answer with response code 0 to this very question passes; with
 * `expect` (ldirectord's receive) one of the answers must be that address.
 */
import { randomInt } from 'node:crypto';
import { failed, PASSED, type Checker } from '../checker.ts';
import { datagramExchange } from '../datagram-exchange.ts';
import { formatAddress } from '../../wire/address.ts';

const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_RECURSION_DESIRED = 0x0100;
const CLASS_IN = 1;

export const DNS_TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, RRSIG: 46, DNSKEY: 48 };

const RCODES = ['', 'format error', 'server failure', 'no such name', 'not implemented', 'refused'];

export const checkDns: Checker<'dns'> = async (check, target, context) => {
  const type = DNS_TYPES[check.type.toUpperCase()];
  if (type === undefined) return failed(`no DNS type ${check.type}`);
  const id = randomInt(0x10000);
  const question = dnsQuery(id, check.name, type);
  const answer = await datagramExchange(target, context, question, {
    isAnswer: (datagram) => datagram.length >= HEADER_BYTES && datagram.readUInt16BE(0) === id && (datagram.readUInt16BE(2) & FLAG_RESPONSE) !== 0,
  });
  const rcode = answer.readUInt16BE(2) & 15;
  if (rcode !== 0) return failed(`answered ${RCODES[rcode] ?? `response code ${rcode}`}`);
  if (check.expect === undefined || check.expect === '') return PASSED;
  const addresses = answerAddresses(answer);
  if (addresses === null) return failed('malformed answer');
  return addresses.includes(check.expect) ? PASSED : failed(`answered ${addresses.length === 0 ? 'no address' : addresses.join(', ')}, not ${check.expect}`);
};

export function dnsQuery(id: number, name: string, type: number): Buffer {
  const labels = name.split('.').filter((label) => label !== '').map((label) => Buffer.from(label, 'latin1').subarray(0, 63));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG_RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(CLASS_IN, 2);
  return Buffer.concat([header, ...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0), tail]);
}

/** Addresses in the answer section; null where it is malformed. */
function answerAddresses(message: Buffer): string[] | null {
  const addresses: string[] = [];
  let at = HEADER_BYTES;
  try {
    for (let questions = message.readUInt16BE(4); questions > 0; questions--) at = afterName(message, at) + 4;
    for (let answers = message.readUInt16BE(6); answers > 0; answers--) {
      at = afterName(message, at);
      const type = message.readUInt16BE(at);
      const length = message.readUInt16BE(at + 8);
      at += 10;
      if (at + length > message.length) return null;
      if ((type === DNS_TYPES['A'] && length === 4) || (type === DNS_TYPES['AAAA'] && length === 16)) addresses.push(addressText(message.subarray(at, at + length)));
      at += length;
    }
    return addresses;
  } catch {
    return null;
  }
}

function afterName(message: Buffer, from: number): number {
  for (let at = from; ;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2;
    at += 1 + length;
  }
}

function addressText(bytes: Buffer): string {
  const words = new Int32Array(4);
  new Uint8Array(words.buffer).set(bytes);
  return formatAddress(bytes.length === 4 ? 4 : 6, words[0]!, words[1]!, words[2]!, words[3]!);
}
