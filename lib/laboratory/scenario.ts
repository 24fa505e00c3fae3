/** A world for schedulers to be measured in, as plain values: what a scenario file says after reading. Times in ms of virtual time. */
import type { Distribution } from './distribution.ts';
import type { MeasureName } from './ranking.ts';
import type { Discipline } from './real-server.ts';

export type Arrivals =
  /** `rate`: connections a second. */
  | { readonly process: 'poisson'; readonly rate: number }
  | { readonly process: 'deterministic'; readonly rate: number }
  /** Bursts at random times, `size` connections each on average (geometric), `spacingMs` apart within a burst. */
  | { readonly process: 'bursts'; readonly rate: number; readonly size: number; readonly spacingMs: number }
  /** So many clients; each begins its next connection a pause after its last one ended. */
  | { readonly process: 'closed'; readonly population: number; readonly pauseSec: Distribution };

export interface Clients {
  readonly count: number;
  /** Zipf's exponent: the k-th client begins connections in proportion to k^-skew; 0 = all alike. */
  readonly skew: number;
  /** So many /24 networks that all clients are in, of sizes by Zipf's law; 0 = anywhere. */
  readonly networks: number;
  /** So many addresses that `share` (0..1) of the clients are hidden behind. */
  readonly gateways: { readonly count: number; readonly share: number };
}

export interface ScenarioServer {
  readonly name: string;
  readonly weight: number;
  readonly capacity: number;
  readonly concurrency: number;
  readonly discipline: Discipline;
  /** There from the start; else a join brings it. */
  readonly present: boolean;
}

export type EventKind = 'join' | 'leave' | 'weight' | 'fail' | 'recover' | 'drain';

export interface ScenarioEvent {
  readonly atMs: number;
  readonly kind: EventKind;
  /** Position in servers. */
  readonly server: number;
  /** For weight. */
  readonly weight: number;
  /** For fail: until health checks take it out of the service. */
  readonly detectMs: number;
}

export interface ScenarioService {
  readonly protocol: 'tcp' | 'udp';
  readonly onePacket: boolean;
  /** 0 = not persistent. */
  readonly persistenceSec: number;
  /** Dotted quad. */
  readonly persistenceMask: string;
  /** Of connections, seconds; 0 keeps the kernel's. */
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number };
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly description: string;
  readonly ranking: MeasureName;
  /** Schedulers whose figures the finding sets against each other. */
  readonly contrast: readonly string[];
  /** What runs when nobody says: as --schedulers takes them. */
  readonly schedulers: readonly string[];
  readonly durationMs: number;
  /** Requests that come before this are not measured. */
  readonly warmUpMs: number;
  readonly service: ScenarioService;
  readonly arrivals: Arrivals;
  /** Work of a request, seconds on a server of capacity 1. */
  readonly workSec: Distribution;
  /** Requests of a connection and the pause between them (keep-alive). */
  readonly requests: Distribution;
  readonly pauseSec: Distribution;
  readonly clients: Clients;
  readonly servers: readonly ScenarioServer[];
  /** By time. */
  readonly events: readonly ScenarioEvent[];
}
