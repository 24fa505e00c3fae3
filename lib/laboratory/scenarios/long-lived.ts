export const LONG_LIVED = `# Connections that stay for minutes: what a scheduler did long ago is still there.
version: 1
name: long-lived
title: Long-lived connections and a server that was away
question: How long does it show that a server was restarted, when connections last ten minutes?
description: >
  Connections stay open for about ten minutes and ask for a little work every twenty seconds. One server fails after a quarter of an hour and
  is back two minutes later, empty. Schedulers that count open connections fill it up again; those that count turns leave it
  underused, and the others overused, until the old connections have ended.
ranking: peak-to-mean
contrast: [rr, wlc, random]
schedulers: [rr, wrr, lc, wlc, sed, sh, mh, twos, p2c, bounded, random]
duration: 50m
service: { timeouts: { tcp: 2h } }
arrivals: { process: poisson, rate: 8 }
work: { distribution: exponential, mean: 50ms }
requests: { distribution: geometric, mean: 30 }
pause: { distribution: exponential, mean: 20s }
clients: { count: 50000 }
servers:
  - { name: s, count: 6, capacity: 4 }
events:
  - { at: 15m, kind: fail, server: s1, detect: 3s }
  - { at: 17m, kind: recover, server: s1 }
`;
