/** What `tsipvs realserver` is told, and the addresses and names that follow from it. */
import type { TunnelKind } from '../decap/decapsulate.ts';

export type RealServerMode = 'dr' | 'tun' | 'nat';
export type TunnelChoice = TunnelKind | 'any';
export const TUNNEL_CHOICES: readonly TunnelChoice[] = ['ipip', 'gue', 'gre', 'any'];

export interface RealServerOptions {
  readonly mode: RealServerMode;
  /** Canonical addresses. */
  readonly vips: readonly string[];
  /** nat: the director's addresses on this server's network, at most one a family. */
  readonly directors?: readonly string[];
  /** Interface that faces the network; default: the one of the default route. */
  readonly interface?: string;
  /** tun: kind of tunnel; any: our own decapsulator for all kinds. */
  readonly tunnel?: TunnelChoice;
  readonly guePort?: number;
  /** check: the port the service should listen on. */
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
  /** Network namespace of the server; the current one if absent. */
  readonly namespace?: string | null;
}

/** Bytes a tunnel adds around a packet, by kind and outer family (kernel's ip_vs_tunnel_xmit_prepare: outer IP, UDP, GUE or GRE header). */
export const TUNNEL_OVERHEAD: Readonly<Record<TunnelChoice, Readonly<Record<4 | 6, number>>>> = {
  ipip: { 4: 20, 6: 40 }, gue: { 4: 32, 6: 52 }, gre: { 4: 24, 6: 44 }, any: { 4: 32, 6: 52 },
};

export function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

export function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}
