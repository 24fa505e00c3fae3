/**
 * A trace as workload. Arrivals, clients and source ports are those of the trace. A connection's length becomes its work, all by the same factor, so
 * that the servers of the scenario are as busy on average as the scenario means them to be: how busy the recorded servers were, nobody knows.
 */
import type { SmallRandom } from '../random.ts';
import { clientAddress } from '../clients.ts';
import { meanOf } from '../distribution.ts';
import { expectedRate } from '../arrivals.ts';
import { parseAddress, swap32 } from '../../wire/address.ts';
import type { Scenario } from '../scenario.ts';
import type { Workload } from '../workload.ts';
import type { Trace } from './trace.ts';

/** The shortest a connection counts as: a SYN without anything behind it asks for something, too. */
const SHORTEST_MS = 0.01;

export class TraceWorkload implements Workload {
  nextMs: number;
  readonly clients: number;
  client = 0;
  address = 0;
  port = 0;
  workSec = 0;
  readonly requests = 1;
  readonly seed = 0;
  readonly #trace: Trace;
  readonly #numbers: Int32Array;
  readonly #addresses: Int32Array;
  readonly #workPerMs: number;
  #at = 0;

  constructor(trace: Trace, scenario: Scenario) {
    const byClient = new Map<string, number>();
    this.#numbers = Int32Array.from(trace.flows, ({ client }) => {
      const number = byClient.get(client) ?? byClient.size;
      byClient.set(client, number);
      return number;
    });
    this.#trace = trace;
    this.clients = byClient.size;
    this.#addresses = Int32Array.from(byClient.keys(), (client, number) => addressOf(client, number));
    let lengthsMs = 0;
    for (const { lengthMs } of trace.flows) lengthsMs += Math.max(lengthMs, SHORTEST_MS);
    this.#workPerMs = (offeredLoad(scenario) * traceDurationMs(trace)) / 1000 / lengthsMs;
    this.nextMs = trace.flows[0]!.atMs;
  }

  begin(): void {
    const { flows } = this.#trace;
    const { port, lengthMs } = flows[this.#at]!;
    this.client = this.#numbers[this.#at] as number;
    this.address = this.#addresses[this.client] as number;
    this.port = port;
    this.workSec = Math.max(lengthMs, SHORTEST_MS) * this.#workPerMs;
    this.nextMs = flows[++this.#at]?.atMs ?? Infinity;
  }

  furtherWorkSec(_random: SmallRandom): number {
    return 0;
  }

  furtherPauseSec(_random: SmallRandom): number {
    return 0;
  }
}

export function traceDurationMs({ flows }: Trace): number {
  return Math.max(1, flows.at(-1)!.atMs);
}

/** Work that the scenario's own connections bring in a second, seconds. */
function offeredLoad({ arrivals, workSec, requests, pauseSec }: Scenario): number {
  return expectedRate(arrivals, meanOf(workSec), meanOf(requests), meanOf(pauseSec)) * meanOf(requests) * meanOf(workSec);
}

/** IPv4 clients keep their address, so that hashing schedulers do what they would do; others, and addresses no client can have, get one of their own. */
function addressOf(client: string, number: number): number {
  const parsed = parseAddress(client);
  const address = parsed?.family === 4 ? swap32(parsed.words[0]!) : 0;
  const first = address >>> 24;
  const usable = first > 0 && first !== 127 && first < 224 && !DIRECTORS.includes(client);
  return usable ? address : clientAddress(number, 0);
}

/** Addresses of the laboratory's director: a packet from one of them is dropped as a martian. */
const DIRECTORS: readonly string[] = ['192.0.2.10', '10.255.255.254', '198.51.100.1'];
