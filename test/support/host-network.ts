/**
 * The network configuration of a recorded director while a case runs: devices, addresses, routes, rules, neighbours, packet filters. Plain and mutable:
 * shell steps edit it, `state()` gives the data plane its view, and the host-stack model asks it for routes.
 */
import type { MarkRule } from '../../lib/model/mark-rule.ts';
import type { NetworkState, Neighbour, Route } from '../../lib/model/network-state.ts';
import type { Family } from '../../lib/model/protocol.ts';
import { addressBytes, addressText } from './frame-view.ts';
import type { GoldenTopology } from './golden-case.ts';
import { parseRoute, type RouteWords } from './route-words.ts';

export interface HostDevice { readonly name: string; mac: string; mtu: number; up: boolean; addresses: string[]; readonly attached: boolean }

export interface HostRoute {
  family: Family; prefix: string; type: Route['type']; via: string | null; device: string | null;
  source: string | null; metric: number; mtu: number; table: string;
}

/** One iptables rule that drops; the only kind of filter the recordings use. */
export interface FilterRule { readonly family: Family; readonly chain: string; readonly match: MarkRule; readonly ctState: string | null; readonly target: string }

export interface RouteAnswer { readonly type: 'local' | 'unicast' | 'none' | 'broadcast'; readonly device: HostDevice | null; readonly nextHop: string; readonly source: string | null; readonly mtu: number }

export class HostNetwork {
  readonly devices: HostDevice[] = [];
  readonly routes: HostRoute[] = [];
  /** Policy rules: packets with this mark look in this table first. */
  readonly rules: { family: Family; fwmark: number; table: string }[] = [];
  readonly neighbours: { device: string; address: string; mac: string }[] = [];
  /** iptables -t mangle -j MARK rules in the order they were appended. */
  readonly marks: MarkRule[] = [];
  readonly filters: FilterRule[] = [];
  readonly modules = new Set<string>();
  forwarding4 = false;
  forwarding6 = false;

  constructor(topology?: GoldenTopology) {
    for (const [name, device] of Object.entries(topology?.devices ?? {})) {
      this.devices.push({ name, mac: device.mac, mtu: device.mtu, up: true, addresses: [], attached: true });
    }
    this.devices.push({ name: 'lo', mac: '', mtu: 65536, up: true, addresses: [], attached: false });
    this.addAddress('lo', '127.0.0.1/8');
    this.addAddress('lo', '::1/128');
    if (!topology) return;
    for (const [name, device] of Object.entries(topology.devices)) for (const address of device.addrs) this.addAddress(name, address);
    for (const [address, mac, device] of topology.neigh) this.neighbours.push({ device, address, mac });
    for (const line of topology.routes) this.addRoute(parseRoute(line.split(/\s+/), undefined, (via) => this.deviceTowards(via)));
    this.forwarding4 = this.forwarding6 = topology.forwarding;
  }

  device(name: string): HostDevice {
    const found = this.devices.find((d) => d.name === name);
    if (!found) throw new Error(`no device ${name} in this topology`);
    return found;
  }

  addDevice(name: string): void {
    if (this.devices.some((d) => d.name === name)) throw new Error(`device ${name} exists already`);
    this.devices.push({ name, mac: `02:00:00:00:ff:${this.devices.length.toString(16).padStart(2, '0')}`, mtu: 1500, up: false, addresses: [], attached: false });
  }

  /** An address brings its local route, its broadcast route (IPv4) and, unless a host address, its connected route. */
  addAddress(device: string, text: string): void {
    const [address = '', lengthText] = text.split('/');
    const family: Family = address.includes(':') ? 6 : 4;
    const bits = family === 4 ? 32 : 128;
    const length = lengthText === undefined ? bits : Number(lengthText);
    this.device(device).addresses.push(`${address}/${length}`);
    const base = { family, via: null, device, mtu: 0, metric: 0 };
    this.routes.push({ ...base, prefix: `${address}/${bits}`, type: 'local', source: address, table: 'local' });
    if (length === bits) return;
    const network = prefixBounds(address, length);
    if (device === 'lo') this.routes.push({ ...base, prefix: `${network.first}/${length}`, type: 'local', source: address, table: 'local' });
    else this.routes.push({ ...base, prefix: `${network.first}/${length}`, type: 'unicast', source: family === 4 ? address : null, table: 'main', metric: family === 4 ? 0 : 256 });
    if (family === 4 && length < 31) this.routes.push({ ...base, prefix: `${network.last}/32`, type: 'broadcast', source: address, table: 'local' });
  }

  addRoute(route: RouteWords): void {
    this.routes.push({ type: 'unicast', via: null, device: null, source: null, metric: route.family === 4 ? 0 : 1024, mtu: 0, table: route.type === 'local' ? 'local' : 'main', ...route });
  }

  /** Device of a route given by gateway only. */
  deviceTowards(address: string): string | null {
    return this.lookup(address, 0).device?.name ?? null;
  }

  /** Longest prefix in the tables a packet looks at: local, then by rules, then main. */
  lookup(destination: string, mark: number): RouteAnswer {
    const family: Family = destination.includes(':') ? 6 : 4;
    const tables = ['local', ...this.rules.filter((r) => r.family === family && r.fwmark === mark && mark !== 0).map((r) => r.table), 'main'];
    for (const table of tables) {
      const best = this.routes.filter((r) => r.family === family && r.table === table && prefixHolds(r.prefix, destination) && (r.device === null || this.device(r.device).up))
        .sort((a, b) => prefixLength(b.prefix) - prefixLength(a.prefix) || a.metric - b.metric)[0];
      if (!best) continue;
      if (best.type === 'local') return { type: 'local', device: this.device('lo'), nextHop: destination, source: best.source, mtu: 65536 };
      if (best.type === 'broadcast') return { type: 'broadcast', device: null, nextHop: destination, source: null, mtu: 0 };
      if (best.type !== 'unicast' || best.device === null) return NO_ROUTE;
      const device = this.device(best.device);
      return { type: 'unicast', device, nextHop: best.via ?? destination, source: best.source ?? this.firstAddress(device, family), mtu: best.mtu || device.mtu };
    }
    return NO_ROUTE;
  }

  macOf(device: string, address: string): string | null {
    return this.neighbours.find((n) => n.device === device && n.address === address)?.mac ?? null;
  }

  isOwn(address: string): boolean {
    return this.lookup(address, 0).type === 'local';
  }

  state(): NetworkState {
    return {
      interfaces: this.devices.map((d, index) => ({ index, ifindex: 0, name: d.name, mac: d.mac, mtu: d.mtu, up: d.up, addresses: [...d.addresses], attached: d.attached })),
      routes: this.routes.filter((r) => r.table === 'main' || r.table === 'local').map((r): Route => ({
        family: r.family, prefix: r.prefix, type: r.type, via: r.via, interface: r.device === null ? -1 : this.devices.findIndex((d) => d.name === r.device),
        source: r.source, mtu: r.mtu, metric: r.metric,
      })),
      neighbours: this.neighbours.map((n): Neighbour => ({ interface: this.devices.findIndex((d) => d.name === n.device), address: n.address, mac: n.mac })),
      forwarding4: this.forwarding4,
      forwarding6: this.forwarding6,
    };
  }

  /** iptables MARK does not end the walk, so the last matching rule wins; ours are tried first to last. */
  markRules(): MarkRule[] {
    return [...this.marks].reverse();
  }

  private firstAddress(device: HostDevice, family: Family): string | null {
    const found = device.addresses.find((a) => a.includes(':') === (family === 6) && !a.startsWith('fe80'));
    return found?.split('/')[0] ?? null;
  }
}

const NO_ROUTE: RouteAnswer = { type: 'none', device: null, nextHop: '', source: null, mtu: 0 };

export function prefixLength(prefix: string): number {
  const [address = '', length] = prefix.split('/');
  return length === undefined ? (address.includes(':') ? 128 : 32) : Number(length);
}

export function prefixHolds(prefix: string, address: string): boolean {
  const network = prefix.split('/')[0]!;
  if (network.includes(':') !== address.includes(':')) return false;
  const length = prefixLength(prefix);
  return prefixBounds(network, length).first === prefixBounds(address, length).first;
}

function prefixBounds(address: string, length: number): { first: string; last: string } {
  const first = addressBytes(address);
  const last = Buffer.from(first);
  for (let bit = length; bit < first.length * 8; bit++) {
    const mask = 0x80 >> (bit & 7);
    first[bit >> 3]! &= ~mask;
    last[bit >> 3]! |= mask;
  }
  return { first: addressText(first), last: addressText(last) };
}
