/** Transport protocols a virtual service can have, by name (control plane) and IANA number (frames). */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** Address family by IP version number. */
export type Family = 4 | 6;

export const IPPROTO = { ip: 0, icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmpv6: 58, sctp: 132 } as const;

export const protocolNumber: Readonly<Record<Protocol, number>> = { tcp: IPPROTO.tcp, udp: IPPROTO.udp, sctp: IPPROTO.sctp };

export function protocolName(number: number): Protocol | undefined {
  return number === IPPROTO.tcp ? 'tcp' : number === IPPROTO.udp ? 'udp' : number === IPPROTO.sctp ? 'sctp' : undefined;
}
