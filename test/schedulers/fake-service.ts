/** A virtual service for scheduler tests: the list, counts and calls that the data plane makes, without a data plane. */
import { LABORATORY_SCHEDULERS } from '../../lib/laboratory/scheduler-choice.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerPacket, SchedulerService } from '../../lib/schedulers/scheduler.ts';

/** Tells its service's scheduler of every change of connections and overload, as the data plane does. */
export class FakeDestination implements SchedulerDestination {
  readonly name: string;
  readonly words: Int32Array;
  readonly family: 4 | 6;
  readonly port = 80;
  weight: number;
  lastWeight: number;
  place = -1;
  service: FakeService;
  #activeConns = 0;
  #inactiveConns = 0;
  #overloaded = false;

  constructor(service: FakeService, number: number, weight: number) {
    this.service = service;
    this.name = `rs${number}`;
    this.family = service.family;
    this.words = service.family === 4 ? Int32Array.of(0, 0, 0, 0x0a010000 + number) : Int32Array.of(0x20010db8, 0x00010000, 0, number);
    this.weight = this.lastWeight = weight;
  }

  get activeConns(): number { return this.#activeConns; }
  set activeConns(count: number) {
    this.#activeConns = count;
    this.service.scheduler.loaded(this);
  }

  get inactiveConns(): number { return this.#inactiveConns; }
  set inactiveConns(count: number) {
    this.#inactiveConns = count;
    this.service.scheduler.loaded(this);
  }

  get overloaded(): boolean { return this.#overloaded; }
  set overloaded(overloaded: boolean) {
    this.#overloaded = overloaded;
    this.service.scheduler.loaded(this);
  }
}

export interface FakeConnection { readonly destination: FakeDestination; active: boolean }

export interface FakeServiceOptions {
  readonly family?: 4 | 6;
  readonly schedFlags?: number;
  readonly tracing?: boolean;
  /** What is in the list before the scheduler is made. */
  readonly destinations?: readonly FakeDestination[];
}

export class FakeService implements SchedulerService<FakeDestination> {
  readonly destinations: FakeDestination[];
  readonly connections: FakeConnection[] = [];
  schedFlags = 0;
  readonly fwmark = 0;
  readonly family: 4 | 6;
  nowMs = 0;
  random: () => number = () => { throw new Error('this scheduler must not draw random numbers'); };
  readonly lines: string[] = [];
  readonly env: SchedulerEnvironment;
  readonly scheduler: Scheduler<FakeDestination>;

  constructor(schedulerName: string, { family = 4, schedFlags = 0, tracing = false, destinations = [] }: FakeServiceOptions = {}) {
    this.destinations = [...destinations];
    this.family = family;
    this.schedFlags = schedFlags;
    this.env = {
      now: () => this.nowMs,
      random: () => this.random(),
      sysctl: () => 86_400,
      explain: tracing ? (line) => { this.lines.push(line); } : null,
    };
    this.scheduler = LABORATORY_SCHEDULERS[schedulerName]!(this, this.env);
    for (const destination of destinations) destination.service = this;
  }

  /** Destination number n is 10.1.0.n:80 or [2001:db8:1::n]:80. */
  add(number: number, weight = 1): FakeDestination {
    const destination = new FakeDestination(this, number, weight);
    this.revive(destination);
    return destination;
  }

  /** Put a destination that was removed back into the list, with the connections it still has. */
  revive(destination: FakeDestination): void {
    this.destinations.unshift(destination);
    this.scheduler.added(this, destination);
  }

  remove(destination: FakeDestination): void {
    const position = this.destinations.indexOf(destination);
    this.destinations.splice(position, 1);
    this.scheduler.removed(this, destination, position);
  }

  edit(destination: FakeDestination, weight: number): void {
    destination.weight = weight;
    if (weight !== 0) destination.lastWeight = weight;
    this.scheduler.edited(this, destination);
  }

  /** One first packet; the connection that comes of it is active. */
  connect(packet: SchedulerPacket): FakeDestination | null {
    const destination = this.scheduler.schedule(this, packet);
    if (destination !== null) {
      destination.activeConns++;
      this.connections.push({ destination, active: true });
    }
    return destination;
  }

  /** First an active connection becomes inactive, then it ends. */
  close(connection: FakeConnection): void {
    if (connection.active) {
      connection.active = false;
      connection.destination.activeConns--;
      connection.destination.inactiveConns++;
    } else {
      connection.destination.inactiveConns--;
      this.connections.splice(this.connections.indexOf(connection), 1);
    }
  }

  pick(source = 1, destination = 10, sourcePort = 40_000): string | null {
    return this.connect(packetFrom(source, destination, sourcePort, this.family))?.name ?? null;
  }
}

/** Client 203.0.113.`source` (more than 255 runs on) to 192.0.2.`destination`, TCP port 80. */
export function packetFrom(source: number, destination = 10, sourcePort = 40_000, family: 4 | 6 = 4): SchedulerPacket {
  return {
    source: family === 4 ? Int32Array.of(0, 0, 0, 0xcb007100 + source) : Int32Array.of(0x20010db8, 0x0000000c, 0, source),
    destination: family === 4 ? Int32Array.of(0, 0, 0, 0xc0000200 + destination) : Int32Array.of(0x20010db8, 0, 0, destination),
    family, protocol: 6, sourcePort, destinationPort: 80,
  };
}
