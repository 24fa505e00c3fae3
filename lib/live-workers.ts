/**
 * How many data-plane threads there are, and why. Decision only.
 *
 * By default half of the processors: what the kernel does to receive for a worker, and to deliver what it sends, takes about as much as the worker itself
 * (bench/README.md: two workers on two processors are slower than one). An AF_XDP socket belongs to one receive queue, so more workers than queues
 * would have nothing to receive from. And one thread makes all connections, so that very many forwarders would wait for it.
 */
import type { LiveDevice } from './live-devices.ts';
import { LvsError } from './model/errors.ts';

/** More have to be asked for. */
const MOST_BY_DEFAULT = 4;

export interface WorkerCircumstances {
  readonly device: LiveDevice;
  /** Processors that this process may use (os.availableParallelism: affinity, and where Node.js knows them the limits of its cgroup). */
  readonly processors: number;
  /** Receive queues of each interface that is under XDP. */
  readonly xdpQueues: readonly number[];
}

export interface WorkerChoice {
  readonly count: number;
  /** "half of 8 processors". */
  readonly why: string;
}

/** `wanted`: as many as the user says, or null. Throws LvsError where that cannot be. */
export function chooseWorkers(wanted: number | null, { device, processors, xdpQueues }: WorkerCircumstances): WorkerChoice {
  if (device === 'pcap') {
    if (wanted !== null && wanted > 1) throw new LvsError('Unsupported', `--workers ${wanted}: the pcap device works in one thread`);
    return { count: 1, why: 'the pcap device works in one thread' };
  }
  if (wanted !== null) return { count: wanted, why: 'as asked for' };
  const half = Math.max(1, Math.floor(processors / 2));
  const queues = Math.min(...xdpQueues);
  if (queues < Math.min(half, MOST_BY_DEFAULT)) return { count: queues, why: 'the fewest receive queues of an interface under XDP' };
  if (half > MOST_BY_DEFAULT) return { count: MOST_BY_DEFAULT, why: `the most without --workers, of ${processors} processors` };
  return { count: half, why: processors === 1 ? 'one processor' : `half of ${processors} processors` };
}
