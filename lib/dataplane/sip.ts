/**
 * The sip persistence engine (ip_vs_pe_sip.c): dialogues are told apart by the Call-ID header of a SIP message in UDP, so that calls from one
 * client (or one gateway for many) can go to different real servers, each call always to the same.
 */
import { UDP_LENGTH } from '../wire/udp.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { Packet } from './packet.ts';

/** Longest Call-ID that is used (IP_VS_PEDATA_MAXLEN). */
const MAX_LENGTH = 255;
const CR = 13, LF = 10, SPACE = 32, TAB = 9, COLON = 58, AT = 64;
const LONG_NAME = 'call-id';
const COMPACT_NAME = 'i';

/** Characters of RFC 3261's word. */
const WORD = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`\'~()<>:\\"/[]?{}') WORD[character.charCodeAt(0)] = 1;

/** The Call-ID of the SIP message in `p`, or null when there is none to go by. */
export function sipCallId(p: Packet): string | null {
  if (p.protocol !== IPPROTO.udp) return null;
  const { u8 } = p.memory;
  const begin = p.l4Off + UDP_LENGTH;
  const end = p.l3End;
  for (let line = nextLine(u8, begin, end); line < end; line = nextLine(u8, line, end)) {
    const value = headerValue(u8, line, end);
    if (value < 0) continue;
    const length = callIdLength(u8, value, end);
    if (length === 0) continue;
    const after = value + length;
    if (length > MAX_LENGTH || after >= end || (u8[after] !== CR && u8[after] !== LF)) return null;
    return String.fromCharCode(...u8.subarray(value, after));
  }
  return null;
}

/** Where the line after the one at `at` begins; `end` when there is none. A line that begins with a blank continues the one before. */
function nextLine(u8: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    while (i < end && u8[i] !== CR && u8[i] !== LF) i++;
    if (i < end) i += u8[i] === CR && u8[i + 1] === LF ? 2 : 1;
    if (i < end && u8[i] !== SPACE && u8[i] !== TAB) return i;
  }
  return end;
}

/** Where the value of a Call-ID header at `line` begins, or -1 when it is another header. */
function headerValue(u8: Uint8Array, line: number, end: number): number {
  let i = line;
  if (matches(u8, line, end, LONG_NAME)) i += LONG_NAME.length;
  else if (matches(u8, line, end, COMPACT_NAME) && !isLetter(u8[line + 1] ?? 0)) i += COMPACT_NAME.length;
  else return -1;
  i = skipBlanks(u8, i, end);
  if (i >= end || u8[i] !== COLON) return -1;
  i = skipBlanks(u8, i + 1, end);
  return i < end ? i : -1;
}

/** word [ "@" word ] (RFC 3261 section 25.1). */
function callIdLength(u8: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && WORD[u8[i] as number] === 1) i++;
  if (i === at || i >= end || u8[i] !== AT) return i - at;
  const domain = ++i;
  while (i < end && WORD[u8[i] as number] === 1) i++;
  return i === domain ? 0 : i - at;
}

function matches(u8: Uint8Array, at: number, end: number, name: string): boolean {
  if (at + name.length > end) return false;
  for (let i = 0; i < name.length; i++) if (((u8[at + i] as number) | 0x20) !== (name.charCodeAt(i) | 0x20)) return false;
  return true;
}

function skipBlanks(u8: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && (u8[i] === SPACE || u8[i] === TAB)) i++;
  return i;
}

function isLetter(character: number): boolean {
  const lower = character | 0x20;
  return lower >= 97 && lower <= 122;
}
