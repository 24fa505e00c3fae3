export const UDP_ONE_PACKET = `# With one-packet scheduling there are no connections to count.
version: 1
name: udp-one-packet
title: UDP with one-packet scheduling
question: Which schedulers still spread the load when every datagram is scheduled by itself?
description: >
  A DNS-like service with one-packet scheduling (-o): the director forgets a datagram as soon as it is gone, so nothing is ever active.
  Schedulers that look for the least loaded server always find the same one.
ranking: share-error
contrast: [rr, wlc, twos, sh]
schedulers: [rr, wrr, lc, wlc, sed, nq, sh, sh+sh-port, mh, twos, maglev, p2c, bounded, random]
duration: 60s
service: { protocol: udp, onePacket: true }
arrivals: { process: bursts, rate: 2000, size: 4, spacing: 0.2ms }
work: { distribution: exponential, mean: 1ms }
servers:
  - { name: s, count: 4, capacity: 4 }
`;
