/** What the processors did: of the whole machine, from /proc/stat, and of one process, from its threads' schedstat. */
import { availableParallelism } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { pause } from './processes.ts';

/** proc(5), in ticks: user, nice, system, idle, iowait, irq, softirq. What the hypervisor stole was not ours. */
const USER = 0, NICE = 1, SYSTEM = 2, IRQ = 5, SOFTIRQ = 6;
const TICKS_PER_SECOND = 100;

/** Processors busy on the average, from `afterMs` on for `ms`. */
export async function busyProcessors(afterMs: number, ms: number): Promise<number> {
  await pause(afterMs);
  const before = busySeconds(), began = performance.now();
  await pause(ms);
  return Math.min(availableParallelism(), (busySeconds() - before) / ((performance.now() - began) / 1000));
}

/** Processor time that all threads of a process have used, in nanoseconds. */
export function processTimeNs(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

export function residentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function busySeconds(): number {
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.trim().split(/\s+/).slice(1).map(Number);
  return [USER, NICE, SYSTEM, IRQ, SOFTIRQ].reduce((sum, field) => sum + ticks[field]!, 0) / TICKS_PER_SECOND;
}
