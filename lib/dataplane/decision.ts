/**
 * What is to become of a first packet: decided (schedule.ts, persistence.ts) before anything is changed, then carried out, or only told to whoever
 * asked (explain.ts). One scratch object for the life of the data plane.
 */
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';
import type { ServiceEntry } from './service-entry.ts';

/** Not for the director: the host's stack keeps it. */
export const LEAVE_ALONE = 0;
/** A connection to `destination`. */
export const CONNECT = 1;
/** A connection to the address the client asked for. */
export const BYPASS = 2;
/** Gone; `drop` is the reason. */
export const REFUSE = 3;
/** Gone because of noDestination, and the client is told so. */
export const ANSWER_UNREACHABLE = 4;

export class Decision {
  outcome = LEAVE_ALONE;
  service: ServiceEntry | null = null;
  destination: DestinationEntry | null = null;
  /** Destination port of the connection, raw. */
  rawPort = 0;
  /** REFUSE: DROP index. */
  drop = 0;
  /** Persistence: the template followed, -1 none. */
  template = -1;
  /** A template is to be made, with this raw port. */
  makesTemplate = false;
  templateRawPort = 0;
  /** A template found, but out of use from now on, -1 none. */
  staleTemplate = -1;
  /** What the persistence engine found, null without one. */
  engineData: string | null = null;

  clear(): void {
    this.outcome = LEAVE_ALONE;
    this.service = null;
    this.destination = null;
    this.drop = 0;
    this.template = -1;
    this.makesTemplate = false;
    this.staleTemplate = -1;
    this.engineData = null;
  }

  refuse(reason: number): void {
    this.outcome = REFUSE;
    this.drop = reason;
  }
}

/** The two choices that change what the next first packet gets. One that acts, one that only looks (explain.ts). */
export interface Chooser {
  pick(service: ServiceEntry, flow: Flow): DestinationEntry | null;
  /** Whether the drop_packet defence drops this new connection. */
  dropsPacket(): boolean;
}
