/**
 * Processor time: of everything on the bench's hosts together with the kernel's softirq threads, and of one process. Not the machine's busy time, so that
 * a neighbour's work is not counted; softirq work is charged to whom it interrupts, on veth nearly always the sender.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { NAMESPACES } from './hosts.ts';
import { pause } from './processes.ts';

/** Processors that the bench kept busy on the average, from `afterMs` on for `ms`. */
export async function busyProcessors(afterMs: number, ms: number): Promise<number> {
  await pause(afterMs);
  const before = benchTimes(), began = performance.now();
  await pause(ms);
  const after = benchTimes(), tookNs = (performance.now() - began) * 1e6;
  let sum = 0;
  for (const [pid, time] of after) sum += time - (before.get(pid) ?? 0);
  return sum / tookNs;
}

/** Processor time that all threads of a process have used, in nanoseconds. */
export function processTimeNs(pid: number | string): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

export function residentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Of each process of the bench. */
function benchTimes(): Map<string, number> {
  const ours = new Set(Object.values(NAMESPACES).map((name) => `net:[${statSync(`/run/netns/${name}`).ino}]`));
  const times = new Map<string, number>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ksoftirqd/') || ours.has(readlinkSync(`/proc/${pid}/ns/net`))) times.set(pid, processTimeNs(pid));
    } catch { /* it has ended */ }
  }
  return times;
}
