/**
 * Asking without acting: where would these flows go, if they came now? A fresh scheduler of the same kind is asked over copies of the destinations with
 * their weights and live counts; each answer counts as a connection on the copies, so that schedulers that go by load spread the flows
 * as they would. The director at work notices nothing. Persistence templates are left out: this is about the scheduler.
 */
import { RandomStream } from '../random.ts';
import { clientAddress } from '../clients.ts';
import { serverWord, VIRTUAL_ADDRESS, VIRTUAL_PORT } from '../director.ts';
import { IPPROTO } from '../../model/protocol.ts';
import type { SysctlName } from '../../model/sysctl.ts';
import { sysctlDefaults } from '../../model/sysctl.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerFactory, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';

/** What is asked about a destination. */
export interface ProbedServer { readonly server: number; readonly weight: number; readonly lastWeight: number; readonly active: number; readonly inactive: number }

export interface ProbeFlow { readonly address: number; readonly port: number }

export class ProbeDestination implements SchedulerDestination {
  readonly server: number;
  readonly words: Int32Array;
  readonly family = 4;
  readonly port = VIRTUAL_PORT;
  readonly weight: number;
  readonly lastWeight: number;
  activeConns: number;
  readonly inactiveConns: number;
  readonly overloaded = false;
  place = -1;

  constructor({ server, weight, lastWeight, active, inactive }: ProbedServer) {
    this.server = server;
    this.words = Int32Array.of(0, 0, 0, serverWord(server));
    this.weight = weight;
    this.lastWeight = lastWeight;
    this.activeConns = active;
    this.inactiveConns = inactive;
  }
}

export class Probe {
  readonly service: SchedulerService<ProbeDestination>;
  readonly scheduler: Scheduler<ProbeDestination>;
  readonly #packet: { -readonly [Key in keyof SchedulerPacket]: SchedulerPacket[Key] };

  /** `servers` newest first. */
  constructor(factory: SchedulerFactory, schedFlags: number, protocol: 'tcp' | 'udp', servers: readonly ProbedServer[], random: RandomStream) {
    this.service = { destinations: servers.map((server) => new ProbeDestination(server)), family: 4, schedFlags, fwmark: 0 };
    this.scheduler = factory(this.service, environment(random));
    this.#packet = {
      source: new Int32Array(4), destination: Int32Array.of(0, 0, 0, VIRTUAL_WORD), family: 4, protocol: IPPROTO[protocol], sourcePort: 0, destinationPort: VIRTUAL_PORT,
    };
  }

  /** Which server the flow gets, or -1. `counts`: an answer makes a connection on the copy. */
  ask(flow: ProbeFlow, counts: boolean): number {
    const packet = this.#packet;
    packet.source[3] = flow.address;
    packet.sourcePort = flow.port;
    const destination = this.scheduler.schedule(this.service, packet);
    if (destination === null) return -1;
    if (counts) {
      destination.activeConns++;
      this.scheduler.loaded(destination);
    }
    return destination.server;
  }

  askAll(flows: readonly ProbeFlow[], counts: boolean): Int32Array {
    return Int32Array.from(flows, (flow) => this.ask(flow, counts));
  }
}

/** Flows of clients that are not of the population (their numbers begin at `from`). */
export function probeFlows(count: number, from: number, seed: number): ProbeFlow[] {
  const random = new RandomStream(seed, 'probe ports');
  return Array.from({ length: count }, (_, n) => ({ address: clientAddress(from + n, seed), port: 1024 + random.below(64512) }));
}

const VIRTUAL_WORD = VIRTUAL_ADDRESS.split('.').reduce((word, byte) => (word << 8) | Number(byte), 0);

function environment(random: RandomStream): SchedulerEnvironment {
  const sysctl = sysctlDefaults();
  return { now: () => 0, random: () => random.next(), sysctl: (name: SysctlName) => sysctl[name], explain: null };
}
