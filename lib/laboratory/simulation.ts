/**
 * One scheduler in one world: a discrete-event simulation around the real data plane. What happens next is the earliest of four:
 *
 *     a server finishes a request    a paused connection or client goes on    something happens to a server    a connection begins
 *
 * at equal times in this order. Each costs O(log n) and allocates nothing, so that a million connections take seconds.
 */
import { LaboratoryDirector, NOBODY, serverNumber } from './director.ts';
import { sampler, type Sampler } from './distribution.ts';
import { DisruptionMeter } from './measures/disruption.ts';
import { LoadOverTime } from './measures/load.ts';
import type { ProbedServer } from './measures/probe.ts';
import { Ramp } from './measures/ramp.ts';
import { Shares } from './measures/shares.ts';
import { Times } from './measures/times.ts';
import { NextTimes } from './next-times.ts';
import { BROKEN, IN_SERVER, OpenConnections, PAUSED } from './open-connections.ts';
import { RandomStream, SmallRandom } from './random.ts';
import { RealServer } from './real-server.ts';
import type { Scenario } from './scenario.ts';
import { TagHeap } from './tag-heap.ts';
import type { Workload } from './workload.ts';

const TICK_MS = 1000;

/** What is done to the servers, one step at a time; `event` is the scenario's, whose disruption it is. */
interface Action { readonly atMs: number; readonly kind: 'join' | 'leave' | 'weight' | 'fail' | 'detected' | 'recover' | 'drain'; readonly server: number; readonly weight: number; readonly event: number }

export interface SimulationOptions {
  readonly scenario: Scenario;
  readonly workload: Workload;
  readonly director: LaboratoryDirector;
  readonly disruption: DisruptionMeter;
  readonly durationMs: number;
  readonly bucketMs: number;
  /** Of new connections a second, about: what a freshly joined server is measured against. */
  readonly rate: number;
  readonly seed: number;
  readonly progress: (done: number) => void;
}

export class Simulation {
  connections = 0;
  refused = 0;
  broken = 0;
  readonly response = new Times();
  readonly queueing = new Times();
  readonly load: LoadOverTime;
  readonly shares: Shares;
  readonly ramp = new Ramp();
  readonly disruption: DisruptionMeter;
  readonly servers: readonly RealServer[];
  /** Busy time of each up to the end, ms. */
  busyMs: readonly number[] = [];
  /** The server of each client's latest connection, + 1; 0: it had none. */
  readonly clientServer: Int32Array;
  readonly #scenario: Scenario;
  readonly #workload: Workload;
  readonly #director: LaboratoryDirector;
  readonly #durationMs: number;
  readonly #rate: number;
  readonly #progress: (done: number) => void;
  readonly #open = new OpenConnections();
  readonly #finishes: NextTimes;
  /** Paused connections, and clients of a closed population as ~client. */
  readonly #timers = new TagHeap();
  readonly #actions: readonly Action[];
  readonly #small = new SmallRandom();
  readonly #closed: { readonly pause: Sampler; readonly stream: RandomStream } | null;
  /** Of each server: in the service, able to serve, its weight and its last one that was not 0. */
  readonly #inService: boolean[];
  readonly #up: boolean[];
  readonly #weight: number[];
  readonly #lastWeight: number[];

  constructor({ scenario, workload, director, disruption, durationMs, bucketMs, rate, seed, progress }: SimulationOptions) {
    const { servers, arrivals } = scenario;
    this.#scenario = scenario;
    this.#workload = workload;
    this.#director = director;
    this.disruption = disruption;
    this.#durationMs = durationMs;
    this.#rate = rate;
    this.#progress = progress;
    this.load = new LoadOverTime(servers.length, durationMs, bucketMs);
    this.shares = new Shares(servers.length);
    this.servers = servers.map(({ capacity, concurrency, discipline }) => new RealServer(capacity, concurrency, discipline, this.#open));
    this.clientServer = new Int32Array(workload.clients);
    this.#finishes = new NextTimes(servers.length);
    this.#actions = actionsOf(scenario);
    this.#inService = servers.map(() => false);
    this.#up = servers.map(({ present }) => present);
    this.#weight = servers.map(({ weight }) => weight);
    this.#lastWeight = servers.map(({ weight }) => weight);
    this.#closed = arrivals.process === 'closed' ? { pause: sampler(arrivals.pauseSec), stream: new RandomStream(seed, 'closed') } : null;
    for (const [server, { present }] of servers.entries()) if (present) this.#add(server, 0);
    if (this.#closed !== null && arrivals.process === 'closed') for (let client = 0; client < arrivals.population; client++) this.#clientPauses(client, 0);
  }

  run(): void {
    const finishes = this.#finishes, timers = this.#timers, actions = this.#actions, workload = this.#workload;
    let nextAction = 0, tickMs = TICK_MS, ended = false, nowMs = 0;
    this.disruption.disagree(this.#probed());
    for (;;) {
      const finishMs = finishes.firstTime, timerMs = timers.least, actionMs = actions[nextAction]?.atMs ?? Infinity, arrivalMs = workload.nextMs;
      const soonestMs = Math.min(finishMs, timerMs, actionMs, arrivalMs);
      // What rounding puts a little before now happens now.
      const thenMs = soonestMs > nowMs ? soonestMs : nowMs;
      if (!ended && thenMs > this.#durationMs) {
        this.#endOfArrivals();
        ended = true;
      }
      if (soonestMs === Infinity) break;
      nowMs = thenMs;
      while (tickMs <= nowMs) {
        this.#director.advance(tickMs);
        if (!ended) this.#progress(tickMs / this.#durationMs);
        tickMs += TICK_MS;
      }
      if (finishMs === soonestMs) this.#finish(finishes.first, nowMs);
      else if (timerMs === soonestMs) this.#timer(timers.pop(), nowMs, ended);
      else if (actionMs === soonestMs) {
        if (!ended) this.#act(actions[nextAction]!, nowMs);
        nextAction++;
      } else this.#begin(-1, nowMs);
    }
  }

  /** A new connection: of this client, or of whose turn it is. */
  #begin(turn: number, nowMs: number): void {
    const workload = this.#workload;
    workload.begin(turn);
    const { client, address, port } = workload;
    this.connections++;
    const server = this.#director.knock(address, port, nowMs);
    if (server === NOBODY) {
      this.refused++;
      if (turn >= 0) this.#clientPauses(client, nowMs);
      return;
    }
    this.shares.count(server);
    if (this.ramp.watching) this.ramp.count(server, nowMs);
    this.clientServer[client] = server + 1;
    if (!this.#up[server]) {
      this.broken++;
      if (turn >= 0) this.#clientPauses(client, nowMs);
      return;
    }
    if (this.#scenario.service.protocol === 'tcp') this.#director.packet(address, port, nowMs);
    const open = this.#open;
    const connection = open.take();
    open.state[connection] = IN_SERVER;
    open.client[connection] = client;
    open.address[connection] = address;
    open.port[connection] = port;
    open.server[connection] = server;
    open.requests[connection] = workload.requests - 1;
    open.seed[connection] = workload.seed;
    open.work[connection] = workload.workSec;
    this.load.change(server, 1, nowMs);
    this.#request(connection, server, nowMs);
  }

  #request(connection: number, server: number, nowMs: number): void {
    this.#open.sinceMs[connection] = nowMs;
    const real = this.servers[server]!;
    real.arrive(connection, nowMs);
    this.#finishes.set(server, real.nextMs);
  }

  #finish(server: number, nowMs: number): void {
    const open = this.#open;
    const real = this.servers[server]!;
    const connection = real.finish(nowMs);
    this.#finishes.set(server, real.nextMs);
    const sinceMs = open.sinceMs[connection] as number;
    if (sinceMs >= this.#scenario.warmUpMs) {
      const responseMs = nowMs - sinceMs;
      this.response.add(responseMs);
      this.queueing.add(Math.max(0, responseMs - real.aloneMs(open.work[connection] as number)));
    }
    if ((open.requests[connection] as number) > 0) {
      const small = this.#small;
      small.state = open.seed[connection] as number;
      const pauseSec = this.#workload.furtherPauseSec(small);
      open.work[connection] = this.#workload.furtherWorkSec(small);
      open.seed[connection] = small.state;
      open.requests[connection]!--;
      open.state[connection] = PAUSED;
      this.#timers.push(nowMs + pauseSec * 1000, connection);
      return;
    }
    this.#director.close(open.address[connection] as number, open.port[connection] as number, nowMs);
    this.#gone(connection, nowMs);
    open.release(connection);
  }

  #timer(item: number, nowMs: number, ended: boolean): void {
    if (item < 0) {
      if (!ended) this.#begin(~item, nowMs);
      return;
    }
    const open = this.#open;
    if (open.state[item] === BROKEN) {
      open.release(item);
      return;
    }
    open.state[item] = IN_SERVER;
    this.#director.packet(open.address[item] as number, open.port[item] as number, nowMs);
    this.#request(item, open.server[item] as number, nowMs);
  }

  /** The connection is over, well or badly. */
  #gone(connection: number, nowMs: number): void {
    this.load.change(this.#open.server[connection] as number, -1, nowMs);
    this.#clientPauses(this.#open.client[connection] as number, nowMs);
  }

  #clientPauses(client: number, nowMs: number): void {
    if (this.#closed !== null) this.#timers.push(nowMs + this.#closed.pause(this.#closed.stream) * 1000, ~client);
  }

  #act({ kind, server, weight, event }: Action, nowMs: number): void {
    // A failure shows in the service only when health checks have seen it.
    if (kind === 'fail') {
      this.#breakAll(server, nowMs);
      this.#up[server] = false;
      return;
    }
    if (kind === 'detected' && (this.#up[server] || !this.#inService[server])) return;
    if (kind === 'recover') {
      this.#up[server] = true;
      if (this.#inService[server]) return;
    }
    if (this.#inService[server] !== (kind !== 'join' && kind !== 'recover')) return;
    this.disruption.before(this.#probed());
    if (kind === 'join' || kind === 'recover') {
      this.#up[server] = true;
      this.#weight[server] = this.#lastWeight[server] = this.#scenario.servers[server]!.weight;
      this.#add(server, nowMs);
      this.ramp.joined(server, nowMs, this.shares.dueNow()[server]!, this.#rate);
    } else if (kind === 'weight' || kind === 'drain') {
      this.#weight[server] = weight;
      if (weight > 0) this.#lastWeight[server] = weight;
      this.#director.setWeight(server, weight, nowMs);
      this.shares.setWeight(server, weight);
      this.load.present(server, weight > 0, nowMs);
    } else {
      this.#inService[server] = false;
      this.#director.removeServer(server, nowMs);
      this.shares.setWeight(server, 0);
      this.load.present(server, false, nowMs);
      if (kind === 'leave') this.#breakAll(server, nowMs);
    }
    this.disruption.after(event, this.#probed());
  }

  #add(server: number, nowMs: number): void {
    this.#inService[server] = true;
    const weight = this.#weight[server]!;
    this.#director.addServer(server, weight, nowMs);
    this.shares.setWeight(server, weight);
    this.load.present(server, weight > 0, nowMs);
  }

  /** Every connection of the server ends badly; clients notice at once. */
  #breakAll(server: number, nowMs: number): void {
    const open = this.#open;
    const end = (connection: number): void => {
      this.broken++;
      this.#director.reset(open.address[connection] as number, open.port[connection] as number, nowMs);
      this.#gone(connection, nowMs);
    };
    for (let connection = 0; connection < open.highest; connection++) {
      if (open.state[connection] !== PAUSED || open.server[connection] !== server) continue;
      open.state[connection] = BROKEN;
      end(connection);
    }
    this.servers[server]!.fail(nowMs, (connection) => {
      end(connection);
      open.release(connection);
    });
    this.#finishes.set(server, Infinity);
  }

  #endOfArrivals(): void {
    this.load.finish(this.#durationMs);
    for (const server of this.servers) server.settle(this.#durationMs);
    this.busyMs = this.servers.map(({ busyMs }) => busyMs);
  }

  /** The service as it is now, newest first, as schedulers see it. */
  #probed(): ProbedServer[] {
    return this.#director.destinations().map(({ address, activeConns, inactiveConns }) => {
      const server = serverNumber(address);
      return { server, weight: this.#weight[server]!, lastWeight: this.#lastWeight[server]!, active: activeConns, inactive: inactiveConns };
    });
  }
}

function actionsOf({ events }: Scenario): Action[] {
  return events.flatMap(({ atMs, kind, server, weight, detectMs }, event): Action[] => {
    const action: Action = { atMs, kind, server, weight: kind === 'drain' ? 0 : weight, event };
    return kind === 'fail' ? [action, { ...action, kind: 'detected', atMs: atMs + detectMs }] : [action];
  }).sort((a, b) => a.atMs - b.atMs);
}
