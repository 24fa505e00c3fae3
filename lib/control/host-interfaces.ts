/**
 * The host's interfaces as the operating system lists them to anyone, for a director without devices: enough to tell broadcast and own
 * addresses and which interfaces exist. What it does not tell (MTU, routes, links that are down) stays at the usual values.
 */
import { networkInterfaces } from 'node:os';
import type { NetworkInterface, NetworkState } from '../model/network-state.ts';

const LOOPBACK_MTU = 65536;
const ETHERNET_MTU = 1500;

export function hostInterfaces(): NetworkState {
  const interfaces = Object.entries(networkInterfaces()).map(([name, addresses = []], index): NetworkInterface => ({
    index, ifindex: 0, name, mac: addresses[0]?.mac ?? '', mtu: addresses[0]?.internal === true ? LOOPBACK_MTU : ETHERNET_MTU, up: true, attached: false,
    addresses: addresses.map(({ cidr }) => cidr).filter((cidr) => cidr !== null),
  }));
  return { interfaces, routes: [], neighbours: [], forwarding4: true, forwarding6: true };
}
