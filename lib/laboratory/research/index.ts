/** Schedulers of the literature, behind the same contract as the kernel's: for the laboratory alone, no service can name them. */
import type { SchedulerFactory } from '../../schedulers/scheduler.ts';
import { BoundedLoadHashing } from './bounded-loads.ts';
import { RingHashing } from './hash-ring.ts';
import { PaperMaglev } from './maglev.ts';
import { RendezvousHashing } from './rendezvous.ts';
import { TwoChoices } from './two-choices.ts';
import { WeightedRandom } from './weighted-random.ts';

export const RESEARCH_SCHEDULERS: Readonly<Record<string, SchedulerFactory>> = {
  random: (_service, env) => new WeightedRandom(env),
  p2c: (_service, env) => new TwoChoices(env),
  rendezvous: (_service, env) => new RendezvousHashing(env),
  ring: (_service, env) => new RingHashing(env),
  maglev: (_service, env) => new PaperMaglev(env),
  bounded: (_service, env) => new BoundedLoadHashing(env),
};

/** Those that hash the client, and take the flag "port". */
export const HASHING: readonly string[] = ['rendezvous', 'ring', 'maglev', 'bounded'];
