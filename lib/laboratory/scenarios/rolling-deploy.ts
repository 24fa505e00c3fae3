export const ROLLING_DEPLOY = `# Every server is taken out and brought back, one after the other.
version: 1
name: rolling-deploy
title: Ten servers are replaced one by one
question: How many clients change their server when every server drains, leaves and comes back?
description: >
  Each of ten servers in turn is quiesced, has ten seconds to finish, leaves, and joins again. A flow that was bound for another server
  should not move; schedulers that hash clients differ in how well they keep to that, the others never tried.
ranking: disruption
contrast: [sh, mh, ring, wlc]
schedulers: [wrr, wlc, sh, mh, maglev, ring, rendezvous, bounded, p2c, random]
duration: 360s
arrivals: { process: poisson, rate: 500 }
work: { distribution: exponential, mean: 10ms }
servers:
  - { name: s, count: 10 }
events:
  - { kind: roll, at: 20s, every: 32s, drain: 10s, down: 10s }
`;
