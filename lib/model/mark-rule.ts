/**
 * A classifier rule: what iptables MARK does for kernel IPVS. Rules are tried in order before service lookup; the first match
 * gives the packet its firewall mark. Absent fields match everything.
 */
import type { Family } from './protocol.ts';

export interface MarkRule {
  /** 1..4294967295. */
  readonly mark: number;
  readonly family?: Family;
  /** Prefixes, "203.0.113.0/24". */
  readonly source?: string;
  readonly destination?: string;
  /** IP protocol number (6, 17, 132, 1, 58 ...). */
  readonly protocol?: number;
  /** Inclusive port ranges [low, high]. */
  readonly sourcePorts?: readonly [number, number];
  readonly destinationPorts?: readonly [number, number];
  /** Input interface name. */
  readonly interface?: string;
}
