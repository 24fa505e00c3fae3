/** Queues with known answers, through the whole laboratory: real SYNs, the connection table, the simulated servers. Means within 2 %. */
import t, { type Test } from 'tap';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import type { SchedulerRun } from '../../lib/laboratory/result.ts';
import { runScenario } from '../../lib/laboratory/run-scenario.ts';
import { schedulerChoices } from '../../lib/laboratory/scheduler-choice.ts';

const TOLERANCE = 0.02;

t.test('M/M/1 with processor sharing: the mean response is 1 / (mu - lambda)', async (t) => {
  near(t, run({ rate: 50, work: 'exponential, mean: 10ms', servers: 'name: s' }, 'rr', 150_000).responseMs.mean, 1000 / (100 - 50));
});

t.test('M/G/1 with processor sharing: the mean response does not depend on the distribution', async (t) => {
  near(t, run({ rate: 50, work: 'hyperexponential, mean: 10ms, cv: 2', servers: 'name: s' }, 'rr', 200_000).responseMs.mean, 1000 / (100 - 50));
});

t.test('M/M/c in order of arrival: the mean response is that of Erlang\'s C formula', async (t) => {
  const [lambda, mu, c] = [280, 100, 4];
  const load = lambda / mu;
  let term = 1, sum = 1;
  for (let n = 1; n < c; n++) sum += term *= load / n;
  const last = ((term * load) / c) * (1 / (1 - load / c));
  const waits = last / (sum + last);
  const { responseMs, queueingMs } = run({ rate: lambda, work: 'exponential, mean: 10ms', servers: `name: s, discipline: fifo, concurrency: ${c}` }, 'rr', 200_000);
  near(t, responseMs.mean, 1000 / mu + (waits * 1000) / (c * mu - lambda));
  near(t, queueingMs.mean, (waits * 1000) / (c * mu - lambda), 0.04);
});

t.test('M/D/1 and M/H2/1 in order of arrival: waiting by Pollaczek and Khinchine', async (t) => {
  const wait = (squareMs: number): number => (0.05 * squareMs) / (2 * (1 - 0.5));
  near(t, run({ rate: 50, work: 'deterministic, mean: 10ms', servers: 'name: s, discipline: fifo' }, 'rr', 100_000).responseMs.mean, 10 + wait(100));
  near(t, run({ rate: 50, work: 'hyperexponential, mean: 10ms, cv: 1.5', servers: 'name: s, discipline: fifo' }, 'rr', 200_000).responseMs.mean, 10 + wait(100 * (1 + 1.5 ** 2)), 0.03);
});

t.test('random splitting makes independent M/M/1 queues of a Poisson stream', async (t) => {
  const { responseMs, servers } = run({ rate: 200, work: 'exponential, mean: 10ms', servers: 'name: s, count: 4' }, 'random', 200_000);
  near(t, responseMs.mean, 1000 / (100 - 50));
  for (const { utilisation, share } of servers) {
    near(t, utilisation, 0.5);
    near(t, share, 0.25);
  }
});

t.test('weighted random splitting over servers of unequal size loads each alike', async (t) => {
  const { servers } = run({ rate: 200, work: 'exponential, mean: 10ms', servers: 'name: a, weight: 3, capacity: 3 }\n  - { name: b, weight: 1, capacity: 1' }, 'random', 150_000);
  for (const { utilisation } of servers) near(t, utilisation, 0.5);
});

t.test('two choices over many servers: the supermarket model (Mitzenmacher 1996), mean response as of infinitely many', async (t) => {
  const rho = 0.7;
  let expected = 0;
  for (let i = 1; i < 10; i++) expected += rho ** (2 ** i - 2);
  const { responseMs } = run({ rate: 100 * 200 * rho, work: 'exponential, mean: 10ms', servers: 'name: s, count: 200, discipline: fifo' }, 'p2c', 200_000, 0.1);
  near(t, responseMs.mean, 10 * expected, 0.03);
});

t.test('a closed population: throughput of the machine repairman', async (t) => {
  // N clients think for Z and are served by one server: X = (1 - p0) mu with p0 from the finite birth-death chain.
  const [clients, thinkSec, mu] = [20, 0.2, 100];
  let term = 1, sum = 1;
  for (let n = 1; n <= clients; n++) sum += term *= (clients - n + 1) / (thinkSec * mu);
  const perSec = (1 - 1 / sum) * mu;
  const scenario = readScenario('closed.yaml', `{ version: 1, name: closed, title: t, question: q, duration: 1500s, clients: { count: ${clients} },
    arrivals: { process: closed, population: ${clients}, pause: { distribution: exponential, mean: 0.2 } }, work: { distribution: exponential, mean: 10ms }, servers: [{ name: s, discipline: fifo }] }`);
  const result = runScenario({ scenario, schedulers: schedulerChoices(['rr']), seed: 1, command: '', cost: null });
  near(t, result.runs[0]!.connections / (result.durationMs / 1000), perSec);
});

interface World { readonly rate: number; readonly work: string; readonly servers: string }

function run({ rate, work, servers }: World, scheduler: string, connections: number, warmUpSec = 1): SchedulerRun {
  const scenario = readScenario('closed-form.yaml', `version: 1
name: closed-form
title: t
question: q
duration: 100s
warmUp: ${warmUpSec}s
arrivals: { process: poisson, rate: ${rate} }
work: { distribution: ${work} }
servers:
  - { ${servers} }
`);
  return runScenario({ scenario, schedulers: schedulerChoices([scheduler]), seed: 7, connections, command: '', cost: null }).runs[0]!;
}

function near(t: Test, value: number, expected: number, tolerance = TOLERANCE): void {
  t.ok(Math.abs(value / expected - 1) <= tolerance, `${value} is within ${tolerance * 100} % of ${expected}`);
}
