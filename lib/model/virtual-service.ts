/**
 * The virtual service as the control plane and the API see it: plain, JSON-able values.
 * Addresses are canonical text ("192.0.2.10", "2001:db8::10"); the data plane turns them into int32 words once.
 */
import type { Family, Protocol } from './protocol.ts';

/** What a virtual service is found by: address:port of a protocol, or a firewall mark of one family. */
export type ServiceId =
  | { readonly kind: 'address'; readonly protocol: Protocol; readonly address: string; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family };

/** Scheduler flags, the three bits of IP_VS_SVC_F_SCHED1..3 shifted down; their names depend on the scheduler. */
export const SCHED_FLAG = { flag1: 1, flag2: 2, flag3: 4 } as const;

/** Persistence engines there are. */
export const PERSISTENCE_ENGINES: readonly string[] = ['sip'];

export interface VirtualService {
  readonly id: ServiceId;
  /** Registered scheduler name, or "none" (no destination is ever picked). */
  readonly scheduler: string;
  /** OR of SCHED_FLAG. For sh and mh: flag1 = fallback, flag2 = port. */
  readonly schedFlags: number;
  /** Persistence timeout in seconds (1..2678400); 0 = not persistent. */
  readonly persistenceSec: number;
  /** Persistence granularity as prefix length: 0..32 for IPv4 (any netmask text is accepted at the edge), 1..128 for IPv6.
   *  IPv4 masks need not be contiguous in the kernel, so the mask itself is kept: dotted quad for IPv4, prefix length text for IPv6. */
  readonly persistenceMask: string;
  /** Persistence engine name ("sip") or null. */
  readonly persistenceEngine: string | null;
  /** One-packet scheduling. */
  readonly onePacket: boolean;
}

export function serviceFamily(id: ServiceId): Family {
  return id.kind === 'fwmark' ? id.family : id.address.includes(':') ? 6 : 4;
}

/** One string per service, for control-plane maps. Not for the packet path. */
export function serviceKey(id: ServiceId): string {
  return id.kind === 'fwmark' ? `fwm${id.family} ${id.fwmark >>> 0}` : `${id.protocol} ${id.address} ${id.port}`;
}
