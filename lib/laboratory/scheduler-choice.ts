/** What --schedulers names: "rr", "mh+mh-port", "ring+port"; "all" is every one of the kernel's and of research. */
import { LvsError } from '../model/errors.ts';
import { SCHED_FLAG } from '../model/virtual-service.ts';
import { SCHEDULERS } from '../schedulers/index.ts';
import { SCHEDULER_NAMES, schedulerFlagNames, type SchedulerFlag } from '../schedulers/names.ts';
import type { SchedulerFactory } from '../schedulers/scheduler.ts';
import { HASHING, RESEARCH_SCHEDULERS } from './research/index.ts';
import { nearestWord } from '../config/nearest-word.ts';

export interface SchedulerChoice {
  /** As given, flags and all. */
  readonly label: string;
  readonly name: string;
  readonly schedFlags: number;
  readonly research: boolean;
  readonly factory: SchedulerFactory;
}

/** Every scheduler the laboratory's director may name. */
export const LABORATORY_SCHEDULERS: Readonly<Record<string, SchedulerFactory>> = { ...SCHEDULERS, ...RESEARCH_SCHEDULERS };

const NAMES = [...SCHEDULER_NAMES, ...Object.keys(RESEARCH_SCHEDULERS)];

export function schedulerChoices(words: readonly string[]): SchedulerChoice[] {
  const labels = [...new Set(words.flatMap((word) => (word === 'all' ? NAMES : [word])))];
  if (labels.length === 0) throw new LvsError('BadRequest', `no schedulers: name some of ${NAMES.join(', ')}, or all`);
  return labels.map(choice);
}

/** Flags that this scheduler takes. */
export function flagsOf(name: string): readonly SchedulerFlag[] {
  return HASHING.includes(name) ? [{ name: 'port', bit: SCHED_FLAG.flag2 }] : schedulerFlagNames(name);
}

function choice(label: string): SchedulerChoice {
  const [name = '', ...flags] = label.split('+');
  if (!NAMES.includes(name)) throw new LvsError('BadRequest', `no scheduler "${name}": one of ${NAMES.join(', ')}, or all${suggestion(name, NAMES)}`);
  let schedFlags = 0;
  for (const flag of flags) {
    const known = flagsOf(name);
    const bit = known.find((one) => one.name === flag)?.bit;
    if (bit === undefined) throw new LvsError('BadRequest', `${name} has no flag "${flag}": ${known.length === 0 ? 'it takes none' : known.map((one) => one.name).join(', ')}`);
    schedFlags |= bit;
  }
  return { label, name, schedFlags, research: Object.hasOwn(RESEARCH_SCHEDULERS, name), factory: LABORATORY_SCHEDULERS[name]! };
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestWord(name, known);
  return nearest === null ? '' : ` (did you mean ${nearest}?)`;
}
