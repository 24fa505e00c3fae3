/** Runs probes where it is started: a JSON array of [check, target] is the argument, outcomes are printed, a line each. */
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import type { ProbeTarget } from '../../lib/health/checker.ts';
import type { CheckKind } from '../../lib/model/health-check.ts';
import { TIMING } from '../health/checker-cases.ts';

for (const [check, target] of JSON.parse(process.argv[2]!) as [CheckKind, ProbeTarget][]) {
  const outcome = await runProbe({ check, target: {}, name: check.kind, timing: { ...TIMING, timeoutSec: 4 } }, target, 0, hostSockets);
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
process.exit();
