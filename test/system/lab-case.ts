/**
 * A laboratory for one test file: skipped with a reason where namespaces cannot be made, cleaned before (a killed run may have left one)
 * and after, also when the test fails. Every file has its own prefix, so files run side by side.
 */
import type { Test } from 'tap';
import { whyNoNamespaces } from '../../lib/lab/namespaces.ts';
import { removeLab, RunningLab } from '../../lib/lab/running-lab.ts';
import type { TopologyOptions } from '../../lib/lab/topology.ts';

/** Long versions of the system tests, as the acceptance asks for; the short ones run in `npm test`. */
export const FULL = process.env['TSIPVS_SYSTEM_TESTS'] === 'full';

/** Reason to skip, or false. */
export const SKIP: string | false = await whyNoNamespaces() ?? false;

export async function labCase(t: Test, options: TopologyOptions & { readonly prefix: string }, work: (lab: RunningLab) => Promise<void>): Promise<void> {
  await removeLab(options.prefix);
  t.teardown(() => removeLab(options.prefix));
  const lab = await RunningLab.start(options);
  try {
    await work(lab);
  } finally {
    await lab.stop();
  }
}
