export const CLIENT_SKEW = `# Some clients ask far more often than others.
version: 1
name: client-skew
title: A few clients make most of the traffic
question: What does it cost to keep clients at their server when a few of them make most of the traffic?
description: >
  Twenty thousand clients by Zipf's law (exponent 0.9): the first makes one connection in seventeen. Whoever hashes the client's address has to
  put all of them on one server; dh hashes the service's own address and puts everybody there.
ranking: peak-to-mean
contrast: [sh, mh, mh+mh-port, bounded, wlc]
schedulers: [rr, wlc, sh, sh+sh-port, dh, mh, mh+mh-port, lblc, maglev, ring, rendezvous, bounded, random]
duration: 250s
warmUp: 5s
arrivals: { process: poisson, rate: 400 }
work: { distribution: exponential, mean: 10ms }
clients: { count: 20000, skew: 0.9 }
servers:
  - { name: s, count: 8 }
`;
