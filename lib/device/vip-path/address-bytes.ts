/** Addresses as the bytes that packets hold: four or sixteen. */
import { sockaddrIn, sockaddrIn6 } from '../../../native-shims/index.ts';
import { formatAddress, parseAddress } from '../../wire/address.ts';

export function bytesOf(address: string): Uint8Array {
  const parsed = parseAddress(address);
  if (parsed === null) throw new Error(`${address} is no address`);
  return new Uint8Array(parsed.words.buffer, parsed.words.byteOffset, parsed.family === 4 ? 4 : 16);
}

export function textOf(bytes: Uint8Array): string {
  const words = new Int32Array(4);
  new Uint8Array(words.buffer).set(bytes);
  return formatAddress(bytes.length === 4 ? 4 : 6, words[0]!, words[1]!, words[2]!, words[3]!);
}

export function sockaddrOf(bytes: Uint8Array, port: number): Uint8Array {
  return bytes.length === 4 ? sockaddrIn(bytes, port) : sockaddrIn6(bytes, port);
}
