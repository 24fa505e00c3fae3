/** A scenario as a whole: the same world for every scheduler, figures that can be worked out by hand. */
import t from 'tap';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import type { LaboratoryResult, SchedulerRun } from '../../lib/laboratory/result.ts';
import { runScenario } from '../../lib/laboratory/run-scenario.ts';
import { schedulerChoices } from '../../lib/laboratory/scheduler-choice.ts';

const PLAIN = world('arrivals: { process: poisson, rate: 100 }', 'work: { distribution: exponential, mean: 15ms }', '{ name: s, count: 3 }');

t.test('another seed is another world', async (t) => {
  t.not(JSON.stringify(run(PLAIN, ['rr'], 1)), JSON.stringify(run(PLAIN, ['rr'], 2)));
});

t.test('a scheduler\'s result does not depend on what ran beside it', async (t) => {
  const alone = run(PLAIN, ['wlc'], 1).runs[0], beside = run(PLAIN, ['random', 'wlc', 'mh'], 1).runs[1];
  t.same(alone, beside);
});

t.test('arrivals, clients and work are the same whatever schedules: one server, all schedulers alike', async (t) => {
  const { runs } = run(PLAIN.replace('count: 3', 'count: 1'), ['rr', 'wlc', 'sh', 'mh', 'twos', 'random', 'p2c', 'bounded'], 1);
  for (const { responseMs, load, scheduler } of runs) t.same([responseMs, load], [runs[0]!.responseMs, runs[0]!.load], scheduler);
});

t.test('evenly spaced connections in turn over three servers never meet: every response takes its own time', async (t) => {
  const [rr] = run(world('arrivals: { process: deterministic, rate: 100 }', 'work: 25ms', '{ name: s, count: 3 }'), ['rr'], 1).runs as [SchedulerRun];
  t.same(rr.responseMs, { mean: 25, p50: 25, p95: 25, p99: 25, p999: 25, max: 25 });
  t.same(rr.queueingMs, { mean: 0, p50: 0, p95: 0, p99: 0, p999: 0, max: 0 });
  t.equal(rr.connections, 1000);
  t.equal(rr.shareError < 0.001, true);
  for (const { utilisation, peakConnections } of rr.servers) {
    t.ok(Math.abs(utilisation - 25 / 30) < 0.01);
    t.equal(peakConnections, 1);
  }
});

t.test('two connections at once share a server, or queue at it', async (t) => {
  const pair = (server: string): SchedulerRun => run(world('arrivals: { process: bursts, rate: 0.2, size: 2 }', 'work: 100ms', server), ['rr'], 3, 200).runs[0]!;
  const shared = pair('{ name: s }'), queued = pair('{ name: s, discipline: fifo }');
  // Alone 100 ms; two that come together: 200 ms each when they share, 100 and 200 in order.
  t.equal(shared.responseMs.p50 > 150, true);
  t.equal(queued.responseMs.p50 < shared.responseMs.p50, true);
  t.equal(queued.responseMs.max, shared.responseMs.max);
});

t.test('a server that leaves breaks its connections; one that fails loses connections until it is noticed', async (t) => {
  const events = (what: string): string => `${world('arrivals: { process: deterministic, rate: 100 }', 'work: 1ms', '{ name: s, count: 2 }')}events:\n  - ${what}\n`;
  const [left] = run(events('{ at: 5s, kind: leave, server: s1 }'), ['rr'], 1).runs as [SchedulerRun];
  t.ok(left.broken <= 1 && left.refused === 0);
  const [failed] = run(events('{ at: 5.001s, kind: fail, server: s1, detect: 2s }'), ['rr'], 1).runs as [SchedulerRun];
  t.ok(Math.abs(failed.broken - 100) <= 1, `half of 200 connections: ${failed.broken}`);
  const [drained] = run(events('{ at: 5s, kind: drain, server: s1 }'), ['rr'], 1).runs as [SchedulerRun];
  t.equal(drained.broken + drained.refused, 0);
  t.equal(drained.servers[0]!.connections, 249, 'half of those before, and none after');
});

t.test('disruption: rendezvous moves what it must, round robin nearly everything', async (t) => {
  const text = `${PLAIN.replace('count: 3', 'count: 10')}events:\n  - { at: 5s, kind: leave, server: s4 }\n`;
  const { runs } = run(text, ['rendezvous', 'rr'], 1);
  const [rendezvous, rr] = runs.map(({ disruption }) => disruption[0]!);
  t.equal(rendezvous!.moved, rendezvous!.necessary);
  t.ok(rendezvous!.necessary > 150 && rendezvous!.necessary < 260, 'about a tenth of 2048');
  t.ok(rr!.moved > 1500);
});

t.test('a second director told of servers in another order: hashing by address agrees, the kernel\'s sh does not', async (t) => {
  const { runs } = run(PLAIN.replace('count: 3', 'count: 10'), ['rendezvous', 'maglev', 'sh'], 1);
  t.same(runs.map(({ disagreement: { differ } }) => differ === 0), [true, true, false]);
});

t.test('a freshly joined server gets everything from wlc, and its part from rr', async (t) => {
  const text = `${world('arrivals: { process: deterministic, rate: 1000 }', 'work: 1ms\nrequests: 20\npause: 500ms', '{ name: s, count: 4, capacity: 20 }\n  - { name: fresh, capacity: 20, present: false }')}events:\n  - { at: 5s, kind: join, server: fresh }\n`;
  const { runs } = run(text, ['wlc', 'rr'], 1);
  t.ok(runs[0]!.rampOvershoot! > 4.5, String(runs[0]!.rampOvershoot));
  t.ok(Math.abs(runs[1]!.rampOvershoot! - 1) < 0.05);
});

t.test('with one-packet scheduling nothing is active, and wlc gives everything to one server', async (t) => {
  const text = PLAIN.replace('arrivals:', 'service: { protocol: udp, onePacket: true }\narrivals:');
  const { runs } = run(text, ['wlc', 'rr'], 1);
  t.same(runs[0]!.servers.filter(({ connections }) => connections > 0).length, 1);
  t.ok(runs[1]!.shareError < 0.01);
});

t.test('persistence: a client keeps its server', async (t) => {
  const text = PLAIN.replace('arrivals:', 'service: { persistence: 5m }\nclients: { count: 2 }\narrivals:');
  const { runs } = run(text, ['rr'], 1);
  t.equal(runs[0]!.servers.filter(({ connections }) => connections > 0).length, 2);
  t.equal(runs[0]!.persistenceSkew, 1.5, 'two clients on three servers: half of them on one, a third would be fair');
});

t.test('a server that keeps losing connections is not called the best', async (t) => {
  const result = run(world('arrivals: { process: poisson, rate: 150 }', 'work: { distribution: exponential, mean: 15ms }', '{ name: s, count: 3 }'), ['ovf', 'wlc'], 1);
  t.equal(result.ranking.rows.at(-1)!.scheduler, 'ovf');
  t.match(result.finding, /ovf loses [\d.]+ % of its connections, and is ranked last/);
});

t.test('--connections makes a run longer or shorter, and events keep their place in it', async (t) => {
  const text = `${PLAIN}events:\n  - { at: 5s, kind: drain, server: s1 }\n`;
  const { events, durationMs, connections } = run(text, ['rr'], 1, 2000);
  t.equal(connections, 2000);
  t.ok(Math.abs(events[0]!.atMs / durationMs - 0.5) < 0.05);
});

function world(arrivals: string, work: string, servers: string): string {
  return `version: 1\nname: w\ntitle: t\nquestion: q?\nduration: 10s\n${arrivals}\n${work}\nservers:\n  - ${servers}\n`;
}

function run(text: string, schedulers: readonly string[], seed: number, connections?: number): LaboratoryResult {
  return runScenario({ scenario: readScenario('w.yaml', text), schedulers: schedulerChoices(schedulers), seed, connections, command: 'c', cost: null });
}
