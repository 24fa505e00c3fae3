/** The registry of schedulers: one line each. Names and flags alone: names.ts. */
import { DestinationHashing } from './dh.ts';
import { WeightedFailOver } from './fo.ts';
import { LocalityLeastConnections } from './lblc.ts';
import { ReplicatedLocalityLeastConnections } from './lblcr.ts';
import { LeastConnections } from './lc.ts';
import { MaglevHashing } from './mh.ts';
import type { SchedulerName } from './names.ts';
import { NoScheduling } from './none.ts';
import { NeverQueue } from './nq.ts';
import { WeightedOverflow } from './ovf.ts';
import { RoundRobin } from './rr.ts';
import type { SchedulerFactory } from './scheduler.ts';
import { ShortestExpectedDelay } from './sed.ts';
import { SourceHashing } from './sh.ts';
import { PowerOfTwo } from './twos.ts';
import { WeightedLeastConnections } from './wlc.ts';
import { WeightedRoundRobin } from './wrr.ts';

const REGISTRY: Readonly<Record<SchedulerName | 'none', SchedulerFactory>> = {
  rr: (_service, env) => new RoundRobin(env),
  wrr: (service, env) => new WeightedRoundRobin(service, env),
  lc: (_service, env) => new LeastConnections(env),
  wlc: (_service, env) => new WeightedLeastConnections(env),
  lblc: (service, env) => new LocalityLeastConnections(service, env),
  lblcr: (service, env) => new ReplicatedLocalityLeastConnections(service, env),
  dh: (service, env) => new DestinationHashing(service, env),
  sh: (service, env) => new SourceHashing(service, env),
  sed: (_service, env) => new ShortestExpectedDelay(env),
  nq: (_service, env) => new NeverQueue(env),
  fo: (_service, env) => new WeightedFailOver(env),
  ovf: (_service, env) => new WeightedOverflow(env),
  mh: (service, env) => new MaglevHashing(service, env),
  twos: (_service, env) => new PowerOfTwo(env),
  none: (_service, env) => new NoScheduling(env),
};

export const SCHEDULERS: Readonly<Record<string, SchedulerFactory>> = REGISTRY;
