export const HEAVY_TAILED = `# Most requests are mice, a few are elephants.
version: 1
name: heavy-tailed
title: Heavy-tailed service times at 70 % load
question: When a few requests take a thousand times as long as most, which scheduler keeps the short ones out of their way?
description: >
  Work follows a bounded Pareto distribution (shape 1.3, 2 ms to 10 s): half of all work is in a few percent of the requests. A server has four
  workers and a queue in order of arrival, so that short requests wait behind long ones wherever a scheduler does not see that a
  server is stuck.
ranking: response-p99
contrast: [rr, random, p2c, wlc]
schedulers: [rr, wrr, lc, wlc, sed, nq, sh, mh, twos, p2c, bounded, random]
duration: 300s
warmUp: 10s
arrivals: { process: poisson, rate: 500 }
work: { distribution: bounded-pareto, least: 12ms, most: 10s, shape: 1.3 }
servers:
  - { name: s, count: 8, discipline: fifo, concurrency: 4 }
`;
