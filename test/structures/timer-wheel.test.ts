import t from 'tap';
import { TICK_MS, TimerWheel } from '../../lib/structures/timer-wheel.ts';
import { SeededRandom } from '../support/seeded-random.ts';

t.test('every entry comes out after its deadline, at most a tick late, up to a year ahead', async (t) => {
  const random = new SeededRandom(11);
  const wheel = new TimerWheel(3000, 5000);
  const deadlines = Array.from({ length: 3000 }, () => 5000 + Math.floor(10 ** (random.next() * 10.5)));
  deadlines.forEach((deadline, entry) => wheel.arm(entry, deadline));
  let last = 0;
  let out = 0;
  const due = (entry: number, time: Float64Array): number => {
    const deadline = deadlines[entry] as number;
    const timeMs = time[0] as number;
    if (timeMs < deadline) return deadline - timeMs;
    if (timeMs > deadline + TICK_MS) t.fail(`entry ${entry} for ${deadline} came at ${timeMs}`);
    if (timeMs < last) t.fail('out of order');
    last = timeMs;
    out++;
    return 0;
  };
  for (let nowMs = 5000; nowMs < 5000 + 40 * 86_400_000; nowMs += random.pick([1, 50, 1000, 60_000, 3_600_000, 86_400_000])) wheel.advance(nowMs, Infinity, due);
  wheel.advance(5000 + 400 * 86_400_000, Infinity, due);
  t.equal(out, 3000);
  t.equal(wheel.count, 0);
});

t.test('an entry that says it waits longer hangs itself up again', async (t) => {
  const wheel = new TimerWheel(1, 0);
  wheel.arm(0, 1000);
  let deadline = 900_000;
  let calls = 0;
  const due = (_entry: number, time: Float64Array): number => {
    calls++;
    return Math.max(0, deadline - (time[0] as number));
  };
  wheel.advance(10_000, Infinity, due);
  t.equal(wheel.count, 1);
  wheel.advance(899_999, Infinity, due);
  t.equal(wheel.count, 1);
  wheel.advance(900_100, Infinity, due);
  t.equal(wheel.count, 0);
  t.ok(calls <= 4, `${calls} looks for two deadlines`);
});

t.test('a disarmed entry stays silent, an armed neighbour does not', async (t) => {
  const wheel = new TimerWheel(3, 0);
  for (const entry of [0, 1, 2]) wheel.arm(entry, 100);
  wheel.disarm(1);
  wheel.disarm(1);
  const seen: number[] = [];
  wheel.advance(200, Infinity, (entry) => { seen.push(entry); return 0; });
  t.same(seen, [0, 2]);
});

t.test('a budget ends the work and the rest comes with the next call', async (t) => {
  const wheel = new TimerWheel(10, 0);
  for (let entry = 0; entry < 10; entry++) wheel.arm(entry, 100);
  let out = 0;
  const due = (): number => { out++; return 0; };
  t.equal(wheel.advance(1000, 4, due), false);
  t.equal(out, 4);
  t.equal(wheel.advance(1000, 6, due), true);
  t.equal(out, 10);
});

t.test('idle time never reaches beyond the next deadline', async (t) => {
  const wheel = new TimerWheel(2, 0);
  t.equal(wheel.idleMs(0), Infinity);
  wheel.arm(0, 70_000);
  const idle = wheel.idleMs(0);
  t.ok(idle > 0 && idle <= 70_000 + TICK_MS, String(idle));
  wheel.arm(1, 20);
  t.ok(wheel.idleMs(0) <= 20 + TICK_MS);
});
