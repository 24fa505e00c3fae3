/** Connections of real traffic, as the laboratory takes them: when each began, from whom, how long it lasted. From a capture or a director's recording. */
export interface TraceFlow {
  /** Since the first one. */
  readonly atMs: number;
  /** Canonical text. */
  readonly client: string;
  readonly port: number;
  /** From its first to its last packet. */
  readonly lengthMs: number;
}

export interface Trace {
  /** serviceKey() of the service whose connections these are: "tcp 192.0.2.10 80". */
  readonly service: string;
  /** By beginning; at least one. */
  readonly flows: readonly TraceFlow[];
}
