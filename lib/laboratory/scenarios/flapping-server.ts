export const FLAPPING_SERVER = `# A server that comes and goes.
version: 1
name: flapping-server
title: One of six servers fails every half minute
question: Who loses the fewest connections to a server that fails again and again?
description: >
  Every thirty seconds one of six servers fails for eight; health checks take three to notice. What was open is lost, and so is everything that
  is sent there before it is noticed. Schedulers that count connections are warned by those that got no answer, as far as they look
  at them at all.
ranking: lost
contrast: [rr, wlc, mh, nq]
schedulers: [rr, wrr, lc, wlc, sed, nq, sh, sh+sh-fallback, mh, twos, p2c, maglev, bounded, random]
duration: 300s
arrivals: { process: poisson, rate: 350 }
work: { distribution: exponential, mean: 10ms }
servers:
  - { name: s, count: 6 }
events:
  - { at: 20s, kind: flap, server: s1, every: 30s, times: 9, down: 8s, detect: 3s }
`;
