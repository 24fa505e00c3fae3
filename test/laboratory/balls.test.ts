/** Balls into bins: the static case of the papers, through the schedulers themselves. Every ball stays where it fell. */
import t from 'tap';
import { Probe, probeFlows, type ProbedServer } from '../../lib/laboratory/measures/probe.ts';
import { RandomStream } from '../../lib/laboratory/random.ts';
import { LABORATORY_SCHEDULERS } from '../../lib/laboratory/scheduler-choice.ts';

const TRIALS = 10;

t.test('one choice: the maximum load of n balls in n bins is near the inverse gamma function (Gonnet 1981), ~ ln n / ln ln n', async (t) => {
  for (const bins of [1024, 16_384]) {
    const most = meanMaximum('random', bins);
    const expected = inverseGamma(bins) - 1.5;
    t.ok(Math.abs(most - expected) < 0.7, `${bins} bins: ${most} against ${expected}`);
    t.ok(most > Math.log(bins) / Math.log(Math.log(bins)), 'above the leading term, as it must be for n of this size');
  }
});

t.test('two choices: the maximum load is ln ln n / ln 2 + O(1) (Azar et al. 1994), within 1, for the kernel\'s twos as for p2c', async (t) => {
  for (const scheduler of ['p2c', 'twos']) {
    const most = new Map([256, 4096, 16_384].map((bins) => [bins, meanMaximum(scheduler, bins)]));
    for (const [bins, load] of most) t.ok(Math.abs(load - lnln(bins)) <= 1, `${scheduler}, ${bins} bins: ${load} against ${lnln(bins)}`);
    const growth = most.get(16_384)! - most.get(256)!;
    t.ok(growth >= 0 && growth <= lnln(16_384) - lnln(256) + 0.5, `${scheduler}: it grows by ${growth} from 256 to 16384 bins`);
  }
});

t.test('two choices: the parts of the bins with 1, 2 and 3 balls or more are those of the fluid limit (Mitzenmacher 1996)', async (t) => {
  const limit = fluidLimit(5);
  t.ok(Math.abs(limit[1]! - Math.tanh(1)) < 1e-4, 'the first has a closed form');
  const loads = trials('p2c', 16_384);
  for (const [balls, tolerance] of [[1, 0.01], [2, 0.02], [3, 0.1]] as const) {
    const part = loads.filter((load) => load >= balls).length / loads.length;
    t.ok(Math.abs(part / limit[balls]! - 1) < tolerance, `${balls}: ${part} against ${limit[balls]}`);
  }
});

t.test('two choices are exponentially better than one', async (t) => {
  t.ok(meanMaximum('random', 16_384) - meanMaximum('p2c', 16_384) > 3);
});

function meanMaximum(scheduler: string, bins: number): number {
  const loads = trials(scheduler, bins);
  let sum = 0;
  for (let trial = 0; trial < TRIALS; trial++) sum += Math.max(...loads.slice(trial * bins, (trial + 1) * bins));
  return sum / TRIALS;
}

/** Loads of all bins after as many balls, trial after trial. */
function trials(scheduler: string, bins: number): number[] {
  const servers = Array.from({ length: bins }, (_, server): ProbedServer => ({ server, weight: 1, lastWeight: 1, active: 0, inactive: 0 }));
  const flows = probeFlows(bins, 0, 1);
  return Array.from({ length: TRIALS }, (_, trial) => {
    const probe = new Probe(LABORATORY_SCHEDULERS[scheduler]!, 0, 'tcp', servers, new RandomStream(trial, scheduler));
    probe.askAll(flows, true);
    return probe.service.destinations.map(({ activeConns }) => activeConns);
  }).flat();
}

/** ds_i/dt = s_(i-1)^2 - s_i^2 from 0 to 1, s_0 = 1: by small steps of the midpoint rule. */
function fluidLimit(most: number): number[] {
  const steps = 10_000;
  const slope = (s: readonly number[]): number[] => s.map((part, i) => (i === 0 ? 0 : s[i - 1]! ** 2 - part ** 2));
  let state = [1, ...new Array<number>(most).fill(0)];
  for (let step = 0; step < steps; step++) {
    const first = slope(state);
    const middle = slope(state.map((part, i) => part + first[i]! / (2 * steps)));
    state = state.map((part, i) => part + middle[i]! / steps);
  }
  return state;
}

function lnln(n: number): number {
  return Math.log(Math.log(n)) / Math.LN2;
}

/** x with Gamma(x) = n. */
function inverseGamma(n: number): number {
  let low = 2, high = 30;
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (lnGamma(middle) < Math.log(n)) low = middle;
    else high = middle;
  }
  return low;
}

/** Stirling's series after shifting up. */
function lnGamma(x: number): number {
  let shifted = x, correction = 0;
  while (shifted < 10) correction -= Math.log(shifted++);
  return correction + (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * shifted) - 1 / (360 * shifted ** 3);
}
