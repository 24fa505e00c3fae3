/**
 * host[:port] as ipvsadm reads it. IPv6 only as [address]:port or as a bare address without a port; whatever else stands in brackets
 * loses what follows the bracket, a quirk that is kept because scripts run into it.
 */
import type { Protocol } from '../../model/protocol.ts';
import { formatAddress, parseAddress } from '../../wire/address.ts';
import type { NameResolver } from './name-resolver.ts';
import { readIpv4, readNumber } from './values.ts';

export interface HostAndPort {
  readonly address: string;
  /** null: no port was given. */
  readonly port: number | null;
}

/** Null when it is not an address. `protocol` null: service names are not known yet. */
export async function readHostAndPort(text: string, protocol: Protocol | null, names: NameResolver): Promise<HostAndPort | null> {
  let host = text;
  let port: string | null = null;
  if (host.startsWith('[')) {
    const end = host.indexOf(']');
    if (end < 0 || host[end + 1] !== ':') return null;
    port = host.slice(end + 2);
    host = host.slice(1, end);
  }
  let address = readIpv6(host);
  if (address === null) {
    const colon = host.lastIndexOf(':');
    port = colon < 0 ? null : host.slice(colon + 1);
    address = await readHost(colon < 0 ? host : host.slice(0, colon), names);
    if (address === null) return null;
  }
  if (port === null) return { address, port };
  const number = readNumber(port, 0, 65535) ?? (protocol === null ? null : names.portOf(port, protocol));
  return number === null ? null : { address, port: number };
}

/** IPv4 in inet_aton() style, or the IPv4 address of a name. */
export async function readHost(text: string, names: NameResolver): Promise<string | null> {
  // Digits and dots that are no address are not looked up as a name either.
  return readIpv4(text) ?? (text === '' || /^[\d.]+$/.test(text) ? null : names.addressOf(text));
}

/** inet_pton(AF_INET6), in canonical text; null when it is none. */
export function readIpv6(text: string): string | null {
  // IPv6 has at least two colons; "192.0.2.10:80" has one, and comes by the thousand.
  const parsed = text.indexOf(':') === text.lastIndexOf(':') ? null : parseAddress(text);
  if (parsed === null) return null;
  const [w0, w1, w2, w3] = parsed.words;
  return formatAddress(6, w0!, w1!, w2!, w3!);
}
