import t from 'tap';
import { Monitor, KEPT_RESULTS, type MonitorOptions } from '../../lib/health/monitor.ts';
import { failed, PASSED } from '../../lib/health/checker.ts';

const OPTIONS: MonitorOptions = { intervalSec: 10, timeoutSec: 1, retries: 2, delayBeforeRetrySec: 3, rise: 1, warmupSec: 8, alpha: false, reentrySec: 0, steps: 1, walksSteps: false, fastRecovery: false };

/** One letter a probe: + passed, - failed. Answers with one a probe: U went up, D went down, . neither. */
function play(monitor: Monitor, probes: string): string {
  return [...probes].map((probe) => {
    const change = monitor.finish(probe === '+' ? PASSED : failed('no'), monitor.dueMs, 1, 0);
    return change === 'up' ? 'U' : change === 'down' ? 'D' : '.';
  }).join('');
}

t.test('warm-up: the first probe falls anywhere within it', async (t) => {
  t.same([0, 0.5, 0.999].map((random) => new Monitor(OPTIONS, 1000, random).dueMs), [1000, 5000, 8992]);
});

t.test('down after 1 + retries failures in a row; one success in between begins anew', async (t) => {
  t.equal(play(new Monitor(OPTIONS, 0, 0), '+--+---+'), '......DU');
  t.equal(play(new Monitor({ ...OPTIONS, retries: 0 }, 0, 0), '+-+-'), '.DUD');
});

t.test('the very first probe has no retries', async (t) => {
  t.equal(play(new Monitor(OPTIONS, 0, 0), '-'), 'D');
});

t.test('delay_before_retry between retries, the interval otherwise', async (t) => {
  const monitor = new Monitor(OPTIONS, 0, 0);
  const due = [...'+---+'].map((probe) => {
    const from = monitor.dueMs;
    play(monitor, probe);
    return monitor.dueMs - from;
  });
  t.same(due, [10_000, 3000, 3000, 10_000, 10_000]);
});

t.test('alpha: down until the first success', async (t) => {
  const monitor = new Monitor({ ...OPTIONS, alpha: true, rise: 3 }, 0, 0);
  t.notOk(monitor.up);
  t.equal(play(monitor, '+'), 'U');
  t.equal(play(monitor, '---++-+++'), '..D.....U', 'rise counts successes in a row, after a failure');
});

t.test('nanny: one failure is enough, back only after answering for the re-entry time, but in at once at the start', async (t) => {
  const nanny = new Monitor({ ...OPTIONS, retries: 0, alpha: true, reentrySec: 30 }, 0, 0);
  t.equal(play(nanny, '+-++-+++'), 'UD.....U');
});

t.test('several urls: one a probe while up; recovery repeats the failed one, then walks all', async (t) => {
  const monitor = new Monitor({ ...OPTIONS, retries: 0, steps: 3, walksSteps: true }, 0, 0);
  const steps: number[] = [];
  const changes = [...'++-+++++'].map((probe) => {
    steps.push(monitor.step);
    return play(monitor, probe);
  }).join('');
  t.same(steps, [0, 1, 2, 2, 0, 1, 2, 0]);
  t.equal(changes, '..D...U.');
  const alpha = new Monitor({ ...OPTIONS, alpha: true, steps: 3, walksSteps: true, fastRecovery: true }, 0, 0);
  t.equal(play(alpha, '++'), '..');
  t.equal(alpha.dueMs, 0, 'fast recovery does not wait between urls');
  t.equal(play(alpha, '+'), 'U');
});

t.test('weights that probes give: set, added, and gone again', async (t) => {
  const monitor = new Monitor(OPTIONS, 0, 0);
  t.equal(monitor.finish({ ok: true, error: '', weight: 7 }, 0, 1, 0), 'weight');
  t.equal(monitor.weightOf(3), 7);
  t.equal(monitor.finish({ ok: true, error: '', weight: 7 }, 0, 1, 0), null);
  t.equal(monitor.finish({ ok: true, error: '', weightAdd: -5 }, 0, 1, 0), 'weight');
  t.equal(monitor.weightOf(3), 0);
  t.equal(monitor.finish(PASSED, 0, 1, 0), 'weight');
  t.equal(monitor.weightOf(3), 3);
});

t.test('the last results are kept, with time, latency, reason and what they caused', async (t) => {
  const monitor = new Monitor({ ...OPTIONS, retries: 0 }, 0, 0);
  monitor.finish(failed('connection refused'), 0, 12.5, 1_700_000_000_000);
  t.same(monitor.results, [{ timeMs: 1_700_000_000_000, latencyMs: 12.5, ok: false, error: 'connection refused', transition: 'down' }]);
  play(monitor, '+'.repeat(30));
  t.equal(monitor.results.length, KEPT_RESULTS);
  t.same([monitor.passed, monitor.failed], [30, 1]);
});
