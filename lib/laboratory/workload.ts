/**
 * The connections of a run, one after the other: when, from whom, how much work. Every concern draws from a stream of its own, and all that a connection
 * needs later (work of further requests, pauses) comes from a seed it is given at its beginning: whatever a scheduler does, the same
 * connection asks for the same.
 */
import { arrivalProcess, type ArrivalProcess } from './arrivals.ts';
import { ClientPopulation } from './clients.ts';
import { sampler, type Sampler } from './distribution.ts';
import { RandomStream, SmallRandom } from './random.ts';
import type { Scenario } from './scenario.ts';

/** The connection at hand; begin() fills it. */
export interface Workload {
  /** When the next connection begins, ms; Infinity: none does by itself. */
  readonly nextMs: number;
  /** Clients, numbered from 0. */
  readonly clients: number;
  client: number;
  /** As an int32, most significant byte first. */
  address: number;
  port: number;
  /** Work of its first request, seconds of a server of capacity 1. */
  workSec: number;
  requests: number;
  seed: number;
  /** Take the next connection: of this client, or -1 for whose turn it is. */
  begin(client: number): void;
  /** Work of a further request, and the pause before it, from the connection's own seed. */
  furtherWorkSec(random: SmallRandom): number;
  furtherPauseSec(random: SmallRandom): number;
}

export class SyntheticWorkload implements Workload {
  nextMs: number;
  client = 0;
  address = 0;
  port = 0;
  workSec = 0;
  requests = 1;
  seed = 0;
  readonly #arrivals: ArrivalProcess;
  readonly #population: ClientPopulation;
  readonly #work: Sampler;
  readonly #requests: Sampler;
  readonly #pause: Sampler;
  readonly #clientStream: RandomStream;
  readonly #workStream: RandomStream;
  readonly #requestStream: RandomStream;
  #left: number;

  /** `connections`: it ends after so many. */
  constructor({ arrivals, clients, workSec, requests, pauseSec }: Scenario, seed: number, connections: number) {
    this.#arrivals = arrivals.process === 'closed' ? () => Infinity : arrivalProcess(arrivals, new RandomStream(seed, 'arrivals'));
    this.#population = new ClientPopulation(clients, seed, new RandomStream(seed, 'addresses'));
    this.#work = sampler(workSec);
    this.#requests = sampler(requests);
    this.#pause = sampler(pauseSec);
    this.#clientStream = new RandomStream(seed, 'clients');
    this.#workStream = new RandomStream(seed, 'work');
    this.#requestStream = new RandomStream(seed, 'requests');
    this.#left = connections;
    this.nextMs = this.#nextArrival();
  }

  get clients(): number {
    return this.#population.count;
  }

  begin(client: number): void {
    const population = this.#population;
    this.client = client < 0 ? population.draw(this.#clientStream) : client % population.count;
    this.address = population.address(this.client);
    this.port = population.takePort(this.client);
    this.workSec = this.#work(this.#workStream);
    this.requests = Math.max(1, Math.round(this.#requests(this.#requestStream)));
    this.seed = this.requests > 1 ? this.#requestStream.next32() : 0;
    if (client < 0) this.nextMs = this.#nextArrival();
  }

  furtherWorkSec(random: SmallRandom): number {
    return this.#work(random);
  }

  furtherPauseSec(random: SmallRandom): number {
    return this.#pause(random);
  }

  #nextArrival(): number {
    return this.#left-- > 0 ? this.#arrivals() : Infinity;
  }
}

/** When the last of so many connections begins, ms: the same for every scheduler. */
export function lastArrivalMs({ arrivals }: Scenario, seed: number, connections: number): number {
  if (arrivals.process === 'closed') return 0;
  const next = arrivalProcess(arrivals, new RandomStream(seed, 'arrivals'));
  let lastMs = 0;
  for (let n = 0; n < connections; n++) lastMs = next();
  return lastMs;
}
