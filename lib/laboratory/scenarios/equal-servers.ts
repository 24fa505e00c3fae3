export const EQUAL_SERVERS = `# The plainest world: what does a scheduler cost or gain when nothing is special?
version: 1
name: equal-servers
title: Eight equal servers at 80 % load
question: How much does it matter which scheduler is used when all servers are alike?
description: >
  Eight equal servers share their capacity among the requests they have (processor sharing). Connections come at random, one short request
  each. Everybody has the same average load; what differs is how often a server is crowded while another one idles.
ranking: response-p99
contrast: [rr, wlc, random]
schedulers: [rr, wrr, lc, wlc, sed, nq, lblcr, sh, mh, twos, p2c, ring, maglev, rendezvous, bounded, random]
duration: 200s
warmUp: 10s
arrivals: { process: poisson, rate: 640 }
work: { distribution: exponential, mean: 10ms }
servers:
  - { name: s, count: 8 }
`;
