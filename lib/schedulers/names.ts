/**
 * What the control plane and the command line must know of schedulers: their names and the names of their flags. Kept apart
 * from the registry so that neither pulls in scheduler code.
 */
import { SCHED_FLAG } from '../model/virtual-service.ts';

/** In the order of the kernel's documentation. */
export const SCHEDULER_NAMES = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'twos'] as const;
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];

/** Accepted by the kernel in place of a scheduler: no destination is ever picked. */
export const NO_SCHEDULER = 'none';

/** A flag as ipvsadm's -b takes it, and its bit (SCHED_FLAG). */
export interface SchedulerFlag { readonly name: string; readonly bit: number }

const FLAGS: Readonly<Record<string, readonly SchedulerFlag[]>> = {
  sh: [{ name: 'sh-fallback', bit: SCHED_FLAG.flag1 }, { name: 'sh-port', bit: SCHED_FLAG.flag2 }],
  mh: [{ name: 'mh-fallback', bit: SCHED_FLAG.flag1 }, { name: 'mh-port', bit: SCHED_FLAG.flag2 }],
};

/** Whether a service may name this scheduler. */
export function isSchedulerName(name: string): boolean {
  return name === NO_SCHEDULER || (SCHEDULER_NAMES as readonly string[]).includes(name);
}

/** The flags a scheduler names, in bit order; empty for most. */
export function schedulerFlagNames(scheduler: string): readonly SchedulerFlag[] {
  return Object.hasOwn(FLAGS, scheduler) ? FLAGS[scheduler]! : [];
}
