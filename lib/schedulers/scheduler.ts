/**
 * The scheduler contract. A scheduler picks a destination for a first packet; it is an ordinary object, one per virtual service,
 * and runs on first packets only. It keeps its own cursor or table and is told of every change of the list.
 *
 * Order: `service.destinations` is the kernel's list, newest first. A destination keeps its object identity for as long as it
 * is in the list; editing changes its fields.
 */
import type { SysctlName } from '../model/sysctl.ts';

/** What a scheduler may look at of a destination. The data plane's own destination object satisfies this. */
export interface SchedulerDestination {
  /** Four int32 words in host order (big-endian number, most significant word first); IPv4 in words[3], words[0..2] = 0. */
  readonly words: Int32Array;
  readonly family: 4 | 6;
  readonly port: number;
  readonly weight: number;
  /** The weight it was added with, then the latest that was not 0 (the kernel's last_weight; mh builds its table from it). */
  readonly lastWeight: number;
  readonly activeConns: number;
  readonly inactiveConns: number;
  /** IP_VS_DEST_F_OVERLOAD. */
  readonly overloaded: boolean;
  /** For its scheduler alone: where that keeps it, -1 = nowhere. */
  place: number;
}

export interface SchedulerService<D extends SchedulerDestination = SchedulerDestination> {
  readonly destinations: readonly D[];
  /** Family of the virtual service; destinations behind tunnels may be of the other one. */
  readonly family: 4 | 6;
  /** OR of SCHED_FLAG (model/virtual-service). */
  readonly schedFlags: number;
  readonly fwmark: number;
}

/** The first packet as schedulers see it (client to VIP; for replies scheduled in reverse the fields are already swapped). */
export interface SchedulerPacket {
  /** Host-order words as in SchedulerDestination.words. */
  readonly source: Int32Array;
  readonly destination: Int32Array;
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface SchedulerEnvironment {
  /** Data-plane clock, ms. */
  now(): number;
  /** Uniform in [0, 1). Only randomised schedulers (twos) call it. */
  random(): number;
  /** The net.ipv4.vs.* value as it is now. */
  sysctl(name: SysctlName): number;
  /** When tracing: one line about a destination looked at, or about why the winner won. Null otherwise. */
  explain: ((line: string) => void) | null;
}

export interface Scheduler<D extends SchedulerDestination = SchedulerDestination> {
  readonly name: string;
  /** The destination for this packet, or null when there is none. */
  schedule(service: SchedulerService<D>, packet: SchedulerPacket): D | null;
  /** After `destination` was put at the head of the list. */
  added(service: SchedulerService<D>, destination: D): void;
  /** After `destination` was taken out; `position` is where it stood. */
  removed(service: SchedulerService<D>, destination: D, position: number): void;
  /** After weight, thresholds or method of `destination` changed. */
  edited(service: SchedulerService<D>, destination: D): void;
  /**
   * After connections or overload of `destination` changed; it may have left the list. Comes several times per connection, so it must be quick and must not
   * allocate.
   */
  loaded(destination: D): void;
  /** Called about once a minute for housekeeping (lblc, lblcr entries); may be empty. */
  expire(service: SchedulerService<D>): void;
  /**
   * Before schedule() is asked without acting (peek.ts): a function that puts back whatever that call may change of later picks. Left out by
   * schedulers whose picks change nothing they keep. Random numbers are given again by the environment and are not its business.
   */
  checkpoint?(packet: SchedulerPacket): () => void;
}

/** How the registry makes one: lib/schedulers/index.ts holds `Record<name, SchedulerFactory>`. The service may already hold destinations. */
export type SchedulerFactory = <D extends SchedulerDestination>(service: SchedulerService<D>, env: SchedulerEnvironment) => Scheduler<D>;
