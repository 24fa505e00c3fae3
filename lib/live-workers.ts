/** How many data-plane threads: what was asked for, else one. NB: more were slower on two processors (bench/README.md); no larger machine was measured. */
import type { LiveDevice } from './live-devices.ts';
import { LvsError } from './model/errors.ts';

export function workerCount(wanted: number | null, device: LiveDevice): number {
  if (device === 'pcap' && wanted !== null && wanted > 1) throw new LvsError('Unsupported', `--workers ${wanted}: the pcap device works in one thread`);
  return wanted ?? 1;
}
