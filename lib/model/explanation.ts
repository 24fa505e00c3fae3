/** `tsipvs explain`: a flow that is asked about, and what would become of its first packet now. JSON-able. */
import type { Protocol } from './protocol.ts';
import type { TraceRecord } from './trace-record.ts';

export interface FlowQuestion {
  readonly protocol: Protocol;
  /** Canonical address text, of one family. */
  readonly client: string;
  readonly clientPort: number;
  readonly virtual: string;
  readonly virtualPort: number;
  /** The firewall mark it bears, whatever the mark rules say. */
  readonly mark?: number;
  /** Name of the interface it comes in by; by default the one that leads to the client. */
  readonly interface?: string;
  /** The Call-ID it holds, for services with the sip persistence engine. */
  readonly callId?: string;
}

/** What settled it: a connection that exists, a persistence template, the scheduler, cache bypass, or nothing: there is no destination. */
export type DecidedBy = 'connection' | 'template' | 'scheduler' | 'bypass' | 'nobody';

export interface Explanation {
  /** As the decision trace of such a packet. */
  readonly record: TraceRecord;
  /** serviceKey() of the virtual service; null: none, or decided by a connection. */
  readonly service: string | null;
  readonly decidedBy: DecidedBy;
  /** Address and port that the packet goes to. */
  readonly destination: { readonly address: string; readonly port: number } | null;
}
