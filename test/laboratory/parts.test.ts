/** The laboratory's parts: random streams, distributions, the two queues of times, client populations. */
import t from 'tap';
import { arrivalProcess } from '../../lib/laboratory/arrivals.ts';
import { clientAddress, ClientPopulation } from '../../lib/laboratory/clients.ts';
import { type Distribution, meanOf, sampler } from '../../lib/laboratory/distribution.ts';
import { LoadOverTime } from '../../lib/laboratory/measures/load.ts';
import { Times } from '../../lib/laboratory/measures/times.ts';
import { NextTimes } from '../../lib/laboratory/next-times.ts';
import { RandomStream } from '../../lib/laboratory/random.ts';
import { TagHeap } from '../../lib/laboratory/tag-heap.ts';

const DRAWS = 200_000;

t.test('a stream repeats itself, and others have nothing to do with it', async (t) => {
  const draw = (seed: number, name: string): number[] => {
    const stream = new RandomStream(seed, name);
    return Array.from({ length: 5 }, () => stream.next32());
  };
  t.same(draw(1, 'work'), draw(1, 'work'));
  for (const other of [draw(2, 'work'), draw(1, 'clients'), draw(2 ** 40 + 1, 'work')]) t.notSame(other, draw(1, 'work'));
});

t.test('numbers are uniform: chi-square of 100 cells', async (t) => {
  const stream = new RandomStream(1, 'uniform');
  const cells = new Array<number>(100).fill(0);
  for (let n = 0; n < DRAWS; n++) cells[stream.below(100)]!++;
  const square = cells.reduce((sum, count) => sum + (count - DRAWS / 100) ** 2 / (DRAWS / 100), 0);
  // 99 degrees of freedom: 99.9 % are below 148.2.
  t.ok(square < 148.2, String(square));
});

t.test('every distribution has the mean it says, and the spread', async (t) => {
  const cases: readonly (readonly [Distribution, number | null])[] = [
    [{ kind: 'deterministic', mean: 3 }, 0], [{ kind: 'exponential', mean: 3 }, 1], [{ kind: 'lognormal', mean: 3, cv: 0.7 }, 0.7], [{ kind: 'hyperexponential', mean: 3, cv: 2.5 }, 2.5],
    [{ kind: 'pareto', mean: 3, shape: 3.5 }, 1 / Math.sqrt(3.5 * 1.5)], [{ kind: 'bounded-pareto', least: 1, most: 100, shape: 1.5 }, null], [{ kind: 'bounded-pareto', least: 1, most: 100, shape: 1 }, null],
    [{ kind: 'geometric', mean: 5 }, Math.sqrt(0.8)],
  ];
  for (const [of, cv] of cases) {
    const draw = sampler(of), stream = new RandomStream(3, 'draws');
    let sum = 0, squares = 0;
    for (let n = 0; n < DRAWS; n++) {
      const value = draw(stream);
      sum += value;
      squares += value * value;
    }
    const mean = sum / DRAWS;
    t.ok(Math.abs(mean / meanOf(of) - 1) < 0.02, `${of.kind}: mean ${mean} of ${meanOf(of)}`);
    if (cv !== null) t.ok(Math.abs(Math.sqrt(Math.max(0, squares / DRAWS - mean * mean)) / mean - cv) < 0.06 * cv + 1e-6, `${of.kind}: cv ${cv}`);
  }
});

t.test('arrivals come at their rate: in random order, evenly, or in bursts', async (t) => {
  for (const arrivals of [{ process: 'poisson', rate: 50 }, { process: 'deterministic', rate: 50 }, { process: 'bursts', rate: 50, size: 8, spacingMs: 1 }] as const) {
    const next = arrivalProcess(arrivals, new RandomStream(1, 'arrivals'));
    let last = 0, backwards = 0;
    for (let n = 0; n < DRAWS; n++) {
      const atMs = next();
      if (atMs < last) backwards++;
      last = atMs;
    }
    t.equal(backwards, 0);
    t.ok(Math.abs(DRAWS / (last / 1000) / 50 - 1) < 0.03, arrivals.process);
  }
});

t.test('a tag heap gives out what a stable sort would', async (t) => {
  const stream = new RandomStream(1, 'heap'), heap = new TagHeap();
  const held: { tag: number; item: number }[] = [];
  let wrong = 0;
  for (let n = 0; n < 20_000; n++) {
    if (held.length === 0 || stream.next() < 0.55) {
      const tag = stream.below(50);
      heap.push(tag, n);
      held.push({ tag, item: n });
    } else {
      let first = 0;
      for (let at = 1; at < held.length; at++) if (held[at]!.tag < held[first]!.tag) first = at;
      if (heap.least !== held[first]!.tag || heap.pop() !== held[first]!.item) wrong++;
      held.splice(first, 1);
    }
  }
  t.equal(wrong, 0);
  t.equal(heap.size, held.length);
});

t.test('next times: always the least, the lowest number of equals', async (t) => {
  const stream = new RandomStream(1, 'times');
  for (const count of [1, 2, 5, 64, 100]) {
    const times = new NextTimes(count), plain = new Array<number>(count).fill(Infinity);
    let wrong = 0;
    for (let n = 0; n < 2000; n++) {
      const number = stream.below(count);
      plain[number] = stream.next() < 0.1 ? Infinity : stream.below(30);
      times.set(number, plain[number]!);
      const least = Math.min(...plain);
      if (times.firstTime !== least || (least < Infinity && times.first !== plain.indexOf(least))) wrong++;
    }
    t.equal(wrong, 0, `${count}`);
  }
});

t.test('client addresses differ, and none is one that no client has', async (t) => {
  const seen = new Set<number>();
  let odd = 0;
  for (let n = 0; n < 100_000; n++) {
    const address = clientAddress(n, 1), first = address >>> 24;
    seen.add(address);
    if (first === 0 || first === 10 || first === 127 || first === 192 || first >= 224) odd++;
  }
  t.equal(seen.size, 100_000);
  t.equal(odd, 0);
});

t.test('clients follow Zipf\'s law; gateways hide as many as they should; networks are /24', async (t) => {
  const stream = new RandomStream(1, 'clients');
  const skewed = new ClientPopulation({ count: 1000, skew: 1, networks: 0, gateways: { count: 0, share: 0 } }, 1, stream);
  const counts = new Array<number>(1000).fill(0);
  for (let n = 0; n < DRAWS; n++) counts[skewed.draw(stream)]!++;
  let harmonic = 0;
  for (let k = 1; k <= 1000; k++) harmonic += 1 / k;
  for (const k of [1, 2, 10]) t.ok(Math.abs(counts[k - 1]! / DRAWS / (1 / k / harmonic) - 1) < 0.05, `client ${k}`);
  const hidden = new ClientPopulation({ count: 1000, skew: 0, networks: 0, gateways: { count: 3, share: 0.4 } }, 1, stream);
  const addresses = Array.from({ length: 1000 }, (_, client) => hidden.address(client));
  t.equal(new Set(addresses).size, 603);
  const grouped = new ClientPopulation({ count: 500, skew: 0, networks: 10, gateways: { count: 0, share: 0 } }, 1, stream);
  t.equal(new Set(Array.from({ length: 500 }, (_, client) => grouped.address(client) >>> 8)).size, 10);
  t.equal(skewed.takePort(0) === skewed.takePort(0), false, 'source ports go on');
});

t.test('percentiles are of the values themselves', async (t) => {
  const times = new Times();
  for (let n = 100; n >= 1; n--) times.add(n);
  t.same(times.distribution(), { mean: 50.5, p50: 50, p95: 95, p99: 99, p999: 100, max: 100 });
  const { fraction, ms } = times.curve();
  t.equal(fraction.at(-1), 1);
  t.equal(ms.at(-1), 100);
  t.same(new Times().distribution(), { mean: 0, p50: 0, p95: 0, p99: 0, p999: 0, max: 0 });
});

t.test('load is averaged over buckets, and evenness over the servers that were there', async (t) => {
  const load = new LoadOverTime(2, 1000, 100);
  for (const server of [0, 1]) load.present(server, true, 0);
  load.change(0, 1, 50);
  load.change(0, 1, 100);
  load.change(1, 1, 100);
  load.change(0, -1, 250);
  load.finish(1000);
  t.same(load.load()[0]!.slice(0, 4), [0.5, 2, 1.5, 1]);
  t.same(load.load()[1]!.slice(0, 3), [0, 1, 1]);
  t.equal(load.peak[0], 2);
  t.ok(Math.abs(load.peakToMean([1, 1]) - (2 + 4 / 3 + 1.2 + 7) / 10) < 1e-4);
  t.ok(Math.abs(load.peakToMean([2, 1]) - (1.5 + 1 + 1.2 + 7 * 1.5) / 10) < 1e-4, 'per capacity');
});
