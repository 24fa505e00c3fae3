/** An address as people write it, as the bytes that bind, connect and sendto take. */
import { sockaddrIn, sockaddrIn6 } from '../../native-shims/index.ts';
import { parseAddress } from '../wire/address.ts';

/** Null for what is no address: a name, or an address with a scope. */
export function socketAddress(address: string, port: number): Uint8Array | null {
  const parsed = parseAddress(address);
  if (parsed === null) return null;
  const bytes = new Uint8Array(parsed.words.buffer);
  return parsed.family === 4 ? sockaddrIn(bytes, port) : sockaddrIn6(bytes, port);
}
