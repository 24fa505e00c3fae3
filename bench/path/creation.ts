/** A core that makes a connection of every frame: SYNs of clients not seen for long, to a NAT service with any scheduler and number of destinations. */
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { IPIP_TUNNEL, type Destination } from '../../lib/model/destination.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';
import type { Allocate, Populate } from '../../lib/structures/memory.ts';
import { allocate, nativeProblem, populateSoon, startPopulator } from '../../native-shims/index.ts';
import { benchNetwork, CountingSink, FrameSupply, FRAMES } from './workload.ts';

/** Between passes. A half-open connection waits a minute, so about 120,000 are there, and as many end in a pass as begin. */
export const STEP_MS = 4_000;
/** A million flows, then again from the first: it is over by then. Their addresses stay clear of the real servers'. */
const FLOWS = 0xfffff;

export const ID: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };

export function serviceWith(scheduler: string): VirtualService {
  return { id: ID, scheduler, schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false };
}

/** Weights 1 to 4 in turn; for ovf, which counts connections by weight, a hundred thousand times as much, so that somebody always has room. */
export function destinationNumber(n: number, scheduler: string): Destination {
  const weight = (1 + (n % 4)) * (scheduler === 'ovf' ? 100_000 : 1);
  return { address: `10.1.${n >> 8}.${n & 255}`, port: 8080, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 };
}

export class CreationBench {
  readonly sink = new CountingSink();
  readonly dataplane: Dataplane;
  /** With a fraction, as a live clock has it. */
  nowMs = 1.37;
  readonly #supply = new FrameSupply('tcp');
  #flow = 0;

  /** `ahead`: memory is made resident before it is used, as in live operation. */
  constructor(scheduler: string, destinations: number, maxConnections = 32 * FRAMES, ahead = false) {
    this.dataplane = new Dataplane({ maxConnections, ...memory(ahead) });
    this.dataplane.edit({ op: 'network', state: benchNetwork(Array.from({ length: destinations }, (_, n) => destinationNumber(n + 1, scheduler).address)) }, 0);
    this.dataplane.edit({ op: 'addService', service: serviceWith(scheduler) }, 0);
    for (let n = 1; n <= destinations; n++) this.dataplane.edit({ op: 'addDestination', id: ID, destination: destinationNumber(n, scheduler) }, 0);
  }

  /** Write the next frames. */
  refill(): void {
    for (let i = 0; i < FRAMES; i++) this.#supply.build(i, this.#flow++ & FLOWS);
  }

  /** All of them through the core, and the end of what is due by then. */
  pass(stepMs: number): void {
    this.#supply.send(this.dataplane, FRAMES, this.sink, this.nowMs);
    this.nowMs += stepMs;
    this.dataplane.advance(this.sink, this.nowMs);
  }

  /** One burst of them; returns how many there are. */
  burst(number: number): number {
    const burst = this.#supply.burst(number);
    this.dataplane.burst(0, burst, this.sink, this.nowMs);
    return burst.count;
  }
}

/** Huge pages; `ahead`: who makes them resident, and gives them back. */
function memory(ahead: boolean): { allocate?: Allocate; populate?: Populate } {
  if (nativeProblem() !== null) return {};
  if (!ahead) return { allocate: (bytes) => allocate(bytes, true) };
  const populator = startPopulator();
  return {
    allocate(bytes) {
      const mapping = allocate(bytes, true);
      return { buffer: mapping.buffer, release: () => mapping.release(populator) };
    },
    populate: (words, begin, end) => populateSoon(populator, words, begin, end),
  };
}
