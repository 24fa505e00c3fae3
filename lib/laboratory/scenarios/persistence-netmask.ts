export const PERSISTENCE_NETMASK = `# Persistence ties whole networks to a server.
version: 1
name: persistence-netmask
title: Persistence with netmask 255.255.255.0
question: How uneven do servers get when persistence ties whole networks to them?
description: >
  Clients come from sixty /24 networks of very different size, and persistence with a netmask sends all of a network to the server that its first
  client got. The scheduler decides sixty times in all; what it does with a network it does to all of its clients.
ranking: persistence-skew
contrast: [rr, wlc, sh, random]
schedulers: [rr, wrr, lc, wlc, sed, sh, mh, twos, p2c, bounded, random]
duration: 250s
service: { persistence: 5m, persistenceMask: 255.255.255.0 }
arrivals: { process: poisson, rate: 400 }
work: { distribution: exponential, mean: 8ms }
clients: { count: 5000, networks: 60 }
servers:
  - { name: s, count: 8 }
`;
