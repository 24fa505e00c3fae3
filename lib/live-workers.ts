/** How many data-plane threads: what was asked for, or what this machine and its interfaces are good for. */
import type { LiveDevice } from './live-devices.ts';
import { LvsError } from './model/errors.ts';

export function workerCount(wanted: number | null, device: LiveDevice): number {
  if (device === 'pcap' && wanted !== null && wanted > 1) throw new LvsError('Unsupported', `--workers ${wanted}: the pcap device works in one thread`);
  return wanted ?? 1;
}
