/** A destination (real server) of a virtual service: plain, JSON-able values. */

/** How packets reach the destination. The kernel's words: masq, route (direct routing), tunnel, local. */
export type ForwardingMethod = 'masq' | 'route' | 'tunnel' | 'local';

export type TunnelType = 'ipip' | 'gue' | 'gre';
export type TunnelChecksum = 'none' | 'csum' | 'remcsum';

export interface Tunnel {
  readonly type: TunnelType;
  /** UDP destination port of gue; 0 for the others. */
  readonly port: number;
  readonly checksum: TunnelChecksum;
}

export const IPIP_TUNNEL: Tunnel = { type: 'ipip', port: 0, checksum: 'none' };

export interface Destination {
  /** Canonical address text; may be of another family than the service (tunnels only). */
  readonly address: string;
  readonly port: number;
  readonly method: ForwardingMethod;
  /** Kept for every method (the kernel does); used by method tunnel. */
  readonly tunnel: Tunnel;
  /** 0..2147483647; 0 = quiesced. */
  readonly weight: number;
  /** Connections at which the destination counts as overloaded; 0 = no threshold. */
  readonly upperThreshold: number;
  /** Connections below which it stops being overloaded; 0 = three quarters of the upper one. */
  readonly lowerThreshold: number;
}

/** One string per destination of a service, for control-plane maps. */
export function destinationKey(address: string, port: number): string {
  return `${address} ${port}`;
}
