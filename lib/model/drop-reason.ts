/**
 * Every way a packet ends without being forwarded: one list yields the counter index, the metric label and the help text.
 * Append only: indices are stored in recorded traces.
 */
export const DROP_REASONS = [
  ['malformedEthernet', 'frame shorter than its Ethernet or VLAN header'],
  ['malformedIpv4', 'IPv4 header cut short, wrong version, bad header length, total length beyond the frame, or bad header checksum'],
  ['malformedIpv6', 'IPv6 header or extension header cut short or inconsistent'],
  ['malformedTransport', 'TCP, UDP, SCTP or ICMP header cut short'],
  ['noDestination', 'no destination could be scheduled'],
  ['destinationUnavailable', 'the connection belongs to a removed destination'],
  ['destinationLoopback', 'NAT to a loopback address of the director'],
  ['tableFull', 'connection table full'],
  ['dropEntryDefence', 'refused by the drop_entry or drop_packet defence'],
  ['noRoute', 'no route to the next hop'],
  ['noNeighbour', 'next hop did not answer address resolution, or too many packets were waiting for it'],
  ['ttlExceeded', 'TTL or hop limit reached zero'],
  ['tooBig', 'larger than the MTU with DF set, or IPv6'],
  ['fragmentOverlap', 'overlapping fragments'],
  ['fragmentOversize', 'fragments beyond 65535 bytes'],
  ['fragmentMemory', 'fragment memory exhausted'],
  ['fragmentTimeout', 'fragments incomplete in time'],
  ['interfaceDown', 'output interface down or gone'],
  ['transmitFailed', 'the device refused the frame'],
  ['forwardingOff', 'NAT answer with forwarding turned off on the director'],
  ['icmpUnsupported', 'ICMP error about a tracked connection that cannot be translated'],
  ['badChecksum', 'checksum wrong where the kernel checks it'],
  ['blackhole', 'the route to the next hop is a blackhole'],
  ['martianSource', 'source address is loopback, unspecified, or the director\'s own'],
  ['noConnection', 'from a NAT real server but of no connection (nat_icmp_send)'],
  ['persistenceEngine', 'the persistence engine found nothing to go by in the packet'],
] as const;

export type DropReasonName = (typeof DROP_REASONS)[number][0];

/** Name -> index, e.g. DROP.noDestination. */
export const DROP = Object.fromEntries(DROP_REASONS.map(([name], index) => [name, index])) as Readonly<Record<DropReasonName, number>>;
