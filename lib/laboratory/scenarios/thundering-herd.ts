export const THUNDERING_HERD = `# A fresh server has the fewest connections, so everybody goes there.
version: 1
name: thundering-herd
title: A fresh server joins ten busy ones
question: Who sends a fresh server more than it can take?
description: >
  Ten servers hold some thousands of connections of about a minute. An eleventh joins with none, and schedulers that go by the number of
  connections give it every new one until it has as many as the others: several times the rate it is meant to take.
ranking: ramp-overshoot
contrast: [rr, wlc, p2c, random]
schedulers: [rr, wrr, lc, wlc, sed, nq, lblcr, sh, mh, twos, p2c, bounded, random]
duration: 240s
warmUp: 30s
service: { timeouts: { tcp: 1h } }
arrivals: { process: poisson, rate: 200 }
work: { distribution: exponential, mean: 30ms }
requests: { distribution: geometric, mean: 8 }
pause: { distribution: exponential, mean: 8s }
servers:
  - { name: s, count: 10, capacity: 7 }
  - { name: fresh, capacity: 7, present: false }
events:
  - { at: 140s, kind: join, server: fresh }
`;
