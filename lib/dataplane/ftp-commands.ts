/**
 * The lines of an FTP control connection that name a data connection (RFC 959 PASV and PORT, RFC 2428 EPSV and EPRT), read as ip_vs_ftp reads
 * them: only at the beginning of a segment, and only when they are whole.
 */
import { parseAddress } from '../wire/address.ts';

export type PassiveCommand = 'PASV' | 'EPSV';

export interface DataAddress {
  /** Raw words; null when the line names none (EPSV). */
  readonly words: Int32Array | null;
  readonly port: number;
  /** Where in the segment the address stands. */
  readonly begin: number;
  readonly end: number;
}

/** The command with which a client asks for a passive data connection, anywhere in the segment. */
export function passiveCommand(text: string, family: 4 | 6): PassiveCommand | null {
  const found = /PASV\r\n|EPSV(?:\r| ([12])\r)/i.exec(text);
  if (found === null) return null;
  if (found[0].slice(0, 4).toUpperCase() === 'PASV') return family === 4 ? 'PASV' : null;
  return found[1] === undefined || (found[1] === '1') === (family === 4) ? 'EPSV' : null;
}

/** "227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)" or "229 ... (|||port|)". */
export function passiveReply(text: string, command: PassiveCommand, family: 4 | 6): DataAddress | null {
  if (command === 'PASV') return text.startsWith('227 ') && family === 4 ? sixNumbers(text, /^227 [^(0-9]*\(?/.exec(text)![0].length) : null;
  const open = text.startsWith('229 ') ? text.indexOf('(') : -1;
  return open < 0 ? null : extended(text, open + 1, family);
}

/** "PORT h1,h2,h3,h4,p1,p2" or "EPRT |1|address|port|" of a client. */
export function activeCommand(text: string, family: 4 | 6): DataAddress | null {
  const head = /^(PORT|EPRT) +/i.exec(text);
  if (head === null) return null;
  if (head[1]!.toUpperCase() === 'PORT') return family === 4 ? sixNumbers(text, head[0].length) : null;
  const data = extended(text, head[0].length, family);
  return data?.words == null ? null : data;
}

/** The address of a passive reply as it shall read. */
export function passiveText(command: PassiveCommand, rawAddress: number, port: number): string {
  if (command === 'EPSV') return `|||${port}|`;
  return [rawAddress & 0xff, (rawAddress >>> 8) & 0xff, (rawAddress >>> 16) & 0xff, rawAddress >>> 24, port >> 8, port & 0xff].join(',');
}

/** Six decimal bytes between commas; something must follow, or the line may not be whole. */
function sixNumbers(text: string, begin: number): DataAddress | null {
  const found = /^(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)[^\d]/.exec(text.slice(begin));
  if (found === null) return null;
  const bytes = Uint8Array.from(found.slice(1), Number);
  const words = new Int32Array(4);
  new Uint8Array(words.buffer).set(bytes.subarray(0, 4));
  return { words, port: (bytes[4]! << 8) | bytes[5]!, begin, end: begin + found[0].length - 1 };
}

/** <d>[1|2]<d>[address]<d>port<d>, d any printable delimiter. */
function extended(text: string, begin: number, family: 4 | 6): DataAddress | null {
  const delimiter = text[begin];
  if (delimiter === undefined || delimiter < '!' || delimiter > '~') return null;
  const fields = text.slice(begin + 1).split(delimiter, 3);
  const end = begin + 1 + fields.join(delimiter).length + 1;
  const [kind, address, portText] = fields;
  if (fields.length < 3 || text[end - 1] !== delimiter || !/^\d{1,5}$/.test(portText!) || Number(portText) > 65535) return null;
  if (kind !== '' && kind !== (family === 4 ? '1' : '2')) return null;
  const parsed = address === '' ? null : parseAddress(address!);
  if (address !== '' && parsed?.family !== family) return null;
  return { words: parsed?.words ?? null, port: Number(portText), begin, end };
}
