export const NAT_GATEWAYS = `# Whole companies behind one address.
version: 1
name: nat-gateways
title: Most clients are behind six gateways
question: Does hashing still spread clients when most of them share six addresses?
description: >
  Sixty percent of the clients are behind six NAT gateways, so that a tenth of all connections comes from each of six addresses. By address
  they are six clients; with the port in the hash (sh-port, mh-port) they are many again, at the price of affinity.
ranking: peak-to-mean
contrast: [sh, sh+sh-port, mh, mh+mh-port, wlc]
schedulers: [rr, wlc, sh, sh+sh-port, mh, mh+mh-port, maglev, maglev+port, ring, rendezvous, bounded, p2c]
duration: 250s
warmUp: 5s
arrivals: { process: poisson, rate: 400 }
work: { distribution: exponential, mean: 10ms }
clients: { count: 50000, gateways: { count: 6, share: 0.6 } }
servers:
  - { name: s, count: 8 }
`;
