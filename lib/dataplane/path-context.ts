/**
 * What the later steps of a packet's walk need besides the packet: where frames go, the time, the knobs and the drop counters.
 * One object for the life of the data plane; sink and nowMs are set at the top of every burst.
 */
import type { FrameSink } from '../wire/frame.ts';
import type { SysctlValues } from '../model/sysctl.ts';
import type { Network } from './network.ts';
import type { IcmpLimit } from './icmp-limit.ts';

export interface PathContext {
  readonly network: Network;
  sink: FrameSink;
  /** Monotonic, ms. */
  nowMs: number;
  readonly sysctl: SysctlValues;
  /** Counters by DROP index. */
  readonly drops: Float64Array;
  /** Token buckets for the ICMP errors we originate; null = unlimited (icmp_ratelimit=0). */
  readonly icmpLimit: IcmpLimit | null;
  /** IP length of the ICMP error the last answer or leave function sent, 0 for none: the kernel counts it as an outgoing packet
   *  of the connection unless that is NAT. */
  answerBytes: number;
}
