export const ROLLING_DEPLOY = `# Every server is taken out and brought back, one after the other.
version: 1
name: rolling-deploy
title: Ten servers are replaced one by one
question: How many clients change their server when every server drains, leaves and comes back?
description: >
  Each of ten servers in turn is quiesced, has ten seconds to finish, leaves, and joins again. A flow that was bound for another server
  should not move; schedulers that hash clients differ in how well they keep to that, the others never tried. sh and mh refuse the
  clients of a quiesced server unless they have their fallback flag.
ranking: disruption
contrast: [sh+sh-fallback, mh+mh-fallback, ring, wlc]
schedulers: [wrr, wlc, sh, sh+sh-fallback, mh, mh+mh-fallback, maglev, ring, rendezvous, bounded, p2c, random]
duration: 360s
arrivals: { process: poisson, rate: 400 }
work: { distribution: exponential, mean: 10ms }
servers:
  - { name: s, count: 10 }
events:
  - { kind: roll, at: 20s, every: 32s, drain: 10s, down: 10s }
`;
