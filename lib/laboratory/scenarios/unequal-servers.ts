export const UNEQUAL_SERVERS = `# Weights and what they are good for.
version: 1
name: unequal-servers
title: Servers of unequal size at 75 % load
question: Do weights make up for servers of unequal size, and what happens without them?
description: >
  Two big servers and six small ones; a big one does four times the work of a small one and has four times the weight. Schedulers that ignore
  weights (rr, lc) give the small ones more than they can serve.
ranking: response-p99
contrast: [rr, wrr, lc, wlc, sed]
schedulers: [rr, wrr, lc, wlc, sed, nq, sh, mh, twos, p2c, ring, maglev, rendezvous, bounded, random]
duration: 120s
warmUp: 10s
arrivals: { process: poisson, rate: 1050 }
work: { distribution: exponential, mean: 10ms }
servers:
  - { name: big, count: 2, weight: 4, capacity: 4 }
  - { name: small, count: 6, weight: 1, capacity: 1 }
`;
