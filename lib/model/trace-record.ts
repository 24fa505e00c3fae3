/** The decision record of one packet: what was looked at, in order, and how it ended. JSON-able. */
export interface TraceStep {
  /** The step of the packet's walk: parse fragment icmp lookup service mark template schedule create state forward transmit verdict. */
  readonly step: string;
  readonly detail: string;
}

export interface TraceRecord {
  /** Data-plane clock in ms. */
  readonly timeMs: number;
  readonly interface: string;
  /** "TCP 203.0.113.7:40001 > 192.0.2.10:80". */
  readonly packet: string;
  readonly steps: readonly TraceStep[];
  /** transmit, pass, deliver (to the local node), hold (fragment or unresolved neighbour), drop. */
  readonly verdict: 'transmit' | 'pass' | 'deliver' | 'hold' | 'drop';
  /** Drop reason name, or output interface. */
  readonly reason: string;
}

/** All given fields must match. */
export interface TraceFilter {
  readonly client?: string;
  readonly clientPort?: number;
  readonly virtual?: string;
  readonly virtualPort?: number;
  readonly protocol?: number;
  /** Stop after this many records. */
  readonly limit?: number;
}
