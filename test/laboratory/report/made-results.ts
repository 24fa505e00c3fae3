/** Results as a run of the laboratory yields them, made from a seed: any number of servers, schedulers and events, hostile names if wanted. */
import type { Distribution, LaboratoryEvent, LaboratoryResult, SchedulerRun } from '../../../lib/laboratory/result.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

export interface Wanted {
  readonly name?: string;
  readonly servers?: number;
  readonly schedulers?: readonly string[];
  readonly events?: number;
  readonly seed?: number;
  readonly buckets?: number;
  readonly equal?: boolean;
  readonly title?: string;
  readonly serverName?: (index: number) => string;
}

export const TWENTY = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'twos', 'two-choices', 'rendezvous', 'ring', 'maglev-65537', 'bounded', 'random'];
const RESEARCH = TWENTY.slice(14);

export function madeResult(wanted: Wanted = {}): LaboratoryResult {
  const { name = 'unequal-servers', servers: count = 5, schedulers = ['rr', 'wrr', 'wlc', 'sed', 'mh'], events: eventCount = 2, seed = 1, buckets = 60, equal = false } = wanted;
  const { title = 'Servers of different strength', serverName = (index) => `s${index + 1}` } = wanted;
  const random = new SeededRandom(seed * 7919 + count);
  const bucketMs = 1000, durationMs = buckets * bucketMs, connections = 200_000;
  const weights = Array.from({ length: count }, (_, index) => (equal ? 1 : 1 + (index % 4)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const names = weights.map((_, index) => serverName(index));
  const kinds = ['fail', 'recover', 'leave', 'join', 'weight', 'drain'] as const;
  const events = Array.from({ length: eventCount }, (_, index): LaboratoryEvent => {
    const kind = kinds[index % kinds.length]!, server = names[Math.min(count - 1, 2)]!;
    return { atMs: Math.round(((index + 1) * durationMs) / (eventCount + 1)), kind, server, text: `${server} ${kind === 'weight' ? 'gets weight 4' : `${kind}s`}` };
  });
  const quality = new Map(schedulers.map((scheduler, index) => [scheduler, 1 + index * 0.35 + random.next() * 0.4 + (index === schedulers.length - 1 ? 4 : 0)]));
  const runs = schedulers.map((scheduler): SchedulerRun => {
    const bad = quality.get(scheduler)!;
    const response = distribution(8 * Math.sqrt(bad), 0.5 + 0.12 * bad);
    const fraction = Array.from({ length: 101 }, (_, index) => index / 100);
    const quantile = (part: number): number => (part >= 1 ? response.max : 8 * Math.sqrt(bad) * Math.exp((0.5 + 0.12 * bad) * probit(Math.max(part, 0.001))));
    const load = weights.map((weight, server) => {
      let drift = 0;
      return Array.from({ length: buckets }, (_, bucket) => {
        drift = drift * 0.8 + (random.next() - 0.5) * bad;
        const atMs = (bucket + 0.5) * bucketMs;
        const away = server === Math.min(count - 1, 2) && events.length > 1 && atMs > events[0]!.atMs && atMs < events[1]!.atMs;
        return away ? 0 : Math.max(0, weight * 12 * (1 + drift * 0.12 * (server % 3)));
      });
    });
    const shares = weights.map((weight, server) => Math.max(0.0001, (weight / total) * (1 + (server % 2 === 0 ? 0.04 : -0.04) * (bad - 1))));
    const sum = shares.reduce((all, share) => all + share, 0);
    return {
      scheduler, research: RESEARCH.includes(scheduler), connections, refused: bad > 5 ? 120 : 0, broken: Math.round(40 * bad),
      responseMs: response, queueingMs: distribution(2 * bad, 0.6), responseCurve: { fraction, ms: fraction.map(quantile) },
      shareError: Math.abs(shares.reduce((all, share, server) => all + Math.abs(share / sum - weights[server]! / total), 0)) / 2, peakToMean: 1 + bad * 0.09,
      disruption: events.map((_, event) => ({ event, probes: 10_000, moved: Math.round(10_000 / count + 900 * (bad - 1)), necessary: Math.round(10_000 / count) })),
      disagreement: { flows: 10_000, differ: scheduler === 'mh' ? 35 : scheduler.startsWith('r') ? 8000 : 0 },
      rampOvershoot: eventCount > 3 ? 1 + bad * 0.3 : null, persistenceSkew: null,
      servers: names.map((server, index) => ({ name: server, connections: Math.round((connections * shares[index]!) / sum), share: shares[index]! / sum, idealShare: weights[index]! / total, utilisation: Math.min(1, 0.5 + 0.05 * bad), peakConnections: Math.max(...load[index]!) })),
      load, cost: { nsPerPick: 40 + 25 * bad, schedulerBytes: Math.round(1000 * bad), wallMs: 1500 },
    };
  });
  const rows = runs.map(({ scheduler, responseMs }) => ({ scheduler, value: responseMs.p99 })).sort((a, b) => a.value - b.value);
  return {
    version: 1,
    scenario: { name, title, question: 'Which scheduler keeps the slow servers from making everyone wait?', description: `${count} servers with weights and capacities from 1 to 4 serve short requests; arrivals are a Poisson process.` },
    command: `tsipvs schedulers bench ${name} --seed ${seed} --schedulers ${schedulers.join(',')}`, seed, durationMs, bucketMs, connections,
    servers: names.map((server, index) => ({ name: server, weight: weights[index]!, capacity: weights[index]!, concurrency: null, discipline: 'processor-sharing' as const })),
    events, runs, ranking: { measure: 'p99 response time', unit: 'ms', lowerIsBetter: true, rows },
    finding: `${rows[0]!.scheduler} answers 99 of 100 connections within ${rows[0]!.value.toFixed(1)} ms; with ${rows.at(-1)!.scheduler} it is ${(rows.at(-1)!.value / rows[0]!.value).toFixed(1)} times as long.`,
  };
}

/** Text that would break out of a page, a CSV or a terminal if it were let. */
export function hostileResult(): LaboratoryResult {
  const bad = `<script>alert("1")</script>&'\u001b[31m,"x"\r\n=1+1`;
  const made = madeResult({ name: bad, title: bad, serverName: (index) => `${bad}${index}`, schedulers: [`${bad}a`, '</svg><style>*{display:none}</style>', 'wlc'] });
  return { ...made, finding: bad, command: bad, scenario: { ...made.scenario, question: bad, description: bad } };
}

/** A log-normal's figures. */
function distribution(median: number, sigma: number): Distribution {
  const at = (part: number): number => median * Math.exp(sigma * probit(part));
  return { mean: median * Math.exp(sigma ** 2 / 2), p50: median, p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(0.999995) };
}

/** Quantile of the normal distribution (bisection on its distribution function). */
function probit(part: number): number {
  let [low, high] = [-6, 6];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (normal(middle) < part) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normal(x: number): number {
  // Abramowitz and Stegun 26.2.17, good to 7.5e-8.
  const k = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}
