export const THOUSAND_SERVERS = `# Numbers that no list in a kernel was made for.
version: 1
name: thousand-servers
title: A thousand servers at 70 % load
question: Who still spreads connections evenly over a thousand servers?
description: >
  A thousand equal servers. The kernel's mh has 4093 slots, four for each server, and sh has 256, too few for all; two random choices are nearly
  as good as looking at everybody.
ranking: peak-to-mean
contrast: [wlc, p2c, mh, maglev]
schedulers: [rr, lc, wlc, sed, sh, mh, twos, p2c, maglev, ring, rendezvous, bounded, random]
duration: 20s
warmUp: 1s
arrivals: { process: poisson, rate: 7000 }
work: { distribution: exponential, mean: 100ms }
clients: { count: 1000000 }
servers:
  - { name: s, count: 1000 }
`;
