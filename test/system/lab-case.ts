/**
 * A laboratory for one test file: skipped with a reason where namespaces cannot be made, cleaned before (a killed run may have left one)
 * and after, also when the test fails. Every file has its own prefix, so files run side by side, and so do two test runs on one machine.
 */
import type { Test } from 'tap';
import { whyNoNamespaces } from '../../lib/lab/namespaces.ts';
import { isAlive, readLabState } from '../../lib/lab/lab-state.ts';
import { removeLab, RunningLab } from '../../lib/lab/running-lab.ts';
import type { TopologyOptions } from '../../lib/lab/topology.ts';

/** Long versions of the system tests, as the acceptance asks for; the short ones run in `npm test`. */
export const FULL = process.env['TSIPVS_SYSTEM_TESTS'] === 'full';

/** Reason to skip, or false. */
export const SKIP: string | false = await whyNoNamespaces() ?? false;

/** Devices that the system tests run with. */
const LAB_DEVICES = ['packet', 'xdp', 'packet and two workers', 'xdp-generic', 'xdp and two workers'] as const;
export type LabDevice = (typeof LAB_DEVICES)[number];

/** The first so many are tried in the short version. */
const SHORT_DEVICES = 3;

/** Each of `cases` with each device: all of them in the long version; in the short one xdp, and packet with two workers, only where `short` says so, and the others not at all. */
export function onDevices<T>(cases: readonly T[], short: (one: T) => boolean): (readonly [T, LabDevice])[] {
  return LAB_DEVICES.filter((_device, n) => FULL || n < SHORT_DEVICES).flatMap((device) => cases.filter((one) => FULL || device === 'packet' || short(one)).map((one) => [one, device] as const));
}

export interface LabCaseOptions extends TopologyOptions {
  readonly prefix: string;
  /** The daemon's device; its own default where none is said. */
  readonly device?: LabDevice;
}

export async function labCase(t: Test, { device, ...options }: LabCaseOptions, work: (lab: RunningLab) => Promise<void>): Promise<void> {
  const prefix = freePrefix(options.prefix);
  await removeLab(prefix);
  t.teardown(() => removeLab(prefix));
  const lab = await RunningLab.start({ ...options, prefix });
  if (device !== undefined) lab.daemonArgs = ['--device', device.split(' ')[0]!, '--workers', device.endsWith('two workers') ? '2' : '1'];
  try {
    await work(lab);
  } finally {
    await lab.stop();
  }
}

/** The prefix, numbered if another test run that is still alive uses it; what a dead one left is there to be removed. */
export function freePrefix(prefix: string): string {
  const isTaken = (name: string): boolean => {
    const owner = readLabState(name)?.owner;
    return owner !== undefined && owner.pid !== process.pid && isAlive(owner);
  };
  const names = [prefix, ...Array.from({ length: 9 }, (_, n) => `${prefix}${n + 2}`)];
  return names.find((name) => !isTaken(name)) ?? prefix;
}
