/**
 * A data plane with a service of every kind: each forwarding method, protocol and family, tunnels of each type, persistence, marks, one-packet, sip, FTP, local
 * node.
 */
import { Dataplane, type DataplaneOptions } from '../../lib/dataplane/dataplane.ts';
import { type Destination, type ForwardingMethod, IPIP_TUNNEL, type Tunnel } from '../../lib/model/destination.ts';
import type { Protocol } from '../../lib/model/protocol.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';
import { HostNetwork } from '../support/host-network.ts';

export const START_MS = 5_000_000;
export const VIP4 = '192.0.2.10';
export const VIP6 = '2001:db8::10';
export const CLIENT_MAC = '02:00:00:00:0c:fe';
export const DEVICE_MACS = ['02:00:00:00:0d:01', '02:00:00:00:0d:02'] as const;
export const MARK_NET4 = '192.0.2.128/25';

export interface FuzzService { readonly service: VirtualService; readonly destinations: readonly Destination[] }

export const TUNNELS: readonly Tunnel[] = [
  IPIP_TUNNEL, { type: 'gue', port: 6080, checksum: 'none' }, { type: 'gue', port: 6081, checksum: 'csum' }, { type: 'gue', port: 6082, checksum: 'remcsum' },
  { type: 'gre', port: 0, checksum: 'none' }, { type: 'gre', port: 0, checksum: 'csum' },
];

export function destination(address: string, port: number, method: ForwardingMethod, more: Partial<Destination> = {}): Destination {
  return { address, port, method, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0, ...more };
}

export function service(id: ServiceId, more: Partial<VirtualService> = {}): VirtualService {
  const six = id.kind === 'fwmark' ? id.family === 6 : id.address.includes(':');
  return { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: six ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false, ...more };
}

/** Ports: 80 NAT, 81 NAT with port mapping, 82 DR, 83.. tunnels, 90 persistent, 91 local, 92 none, 93 weight 0, 94 mixed-family tunnel, 5060 sip, 95 one-packet. */
export function everyService(): FuzzService[] {
  const list: FuzzService[] = [];
  for (const six of [false, true]) {
    const address = six ? VIP6 : VIP4;
    const server = (n: number): string => (six ? `2001:db8:1::${n}` : `10.1.0.${n}`);
    const other = (n: number): string => (six ? `10.1.0.${n}` : `2001:db8:1::${n}`);
    for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
      const at = (port: number): ServiceId => ({ kind: 'address', protocol, address, port });
      list.push({ service: service(at(80)), destinations: [destination(server(1), 80, 'masq'), destination(server(2), 80, 'masq')] });
      list.push({ service: service(at(81), { scheduler: 'wlc' }), destinations: [destination(server(1), 8080, 'masq'), destination(server(3), 8081, 'masq', { weight: 3, upperThreshold: 50 })] });
      list.push({ service: service(at(82), { scheduler: 'sh' }), destinations: [destination(server(1), 82, 'route'), destination(server(2), 82, 'route')] });
      TUNNELS.forEach((tunnel, i) => list.push({ service: service(at(83 + i)), destinations: [destination(server(1), 83 + i, 'tunnel', { tunnel })] }));
      list.push({ service: service(at(90), { persistenceSec: 60, persistenceMask: six ? '64' : '255.255.255.0' }), destinations: [destination(server(1), 90, 'masq'), destination(server(4), 90, 'masq')] });
      if (protocol === 'tcp') list.push({ service: service(at(21)), destinations: [destination(server(1), 21, 'masq')] });
      list.push({ service: service(at(91)), destinations: [destination(six ? '2001:db8:1::fe' : '10.1.0.254', 8091, 'masq')] });
      list.push({ service: service(at(92)), destinations: [] });
      list.push({ service: service(at(93)), destinations: [destination(server(1), 93, 'masq', { weight: 0 })] });
      TUNNELS.slice(0, 5).forEach((tunnel, i) => list.push({ service: service(at(100 + i)), destinations: [destination(other(1), 100 + i, 'tunnel', { tunnel })] }));
    }
    const udp = (port: number): ServiceId => ({ kind: 'address', protocol: 'udp', address, port });
    list.push({ service: service(udp(95), { onePacket: true }), destinations: [destination(server(1), 95, 'masq')] });
    list.push({ service: service(udp(5060), { persistenceSec: 60, persistenceEngine: 'sip' }), destinations: [destination(server(1), 5060, 'masq'), destination(server(2), 5060, 'masq')] });
    list.push({ service: service({ kind: 'address', protocol: 'tcp' as Protocol, address: six ? '2001:db8::11' : '192.0.2.11', port: 0 }, { persistenceSec: 30 }), destinations: [destination(server(5), 0, 'masq')] });
    list.push({ service: service({ kind: 'fwmark', fwmark: 7, family: six ? 6 : 4 }), destinations: [destination(server(6), 0, 'masq'), destination(server(7), 0, 'route')] });
  }
  return list;
}

/** `daemons`: both synchronisation daemons run too, which keep the core from its fast path, and everything is followed. */
export function directorWithEverything(options: DataplaneOptions = {}, daemons = false): Dataplane {
  const dataplane = new Dataplane({ startMs: START_MS, maxConnections: 1 << 15, ...options });
  for (const edit of setUpEdits(daemons)) dataplane.edit(edit, START_MS);
  if (daemons) followEverything(dataplane);
  return dataplane;
}

/** A shadow scheduler beside every service, and a recording of all. */
export function followEverything(dataplane: Dataplane): void {
  const services = everyService().map(({ service: { id } }) => id);
  for (const [n, id] of services.entries()) {
    const request = { service: id, scheduler: SCHEDULER_NAMES[n % SCHEDULER_NAMES.length]!, schedFlags: n & 3 };
    dataplane.ask('startShadow', { id: n, request, seed: n }, START_MS);
  }
  dataplane.ask('startRecording', { id: 0, request: { services } }, START_MS);
}

function setUpEdits(daemons: boolean): TableEdit[] {
  const network = fuzzNetwork();
  const edits: TableEdit[] = [{ op: 'network', state: network.state() }];
  edits.push({ op: 'marks', rules: [{ mark: 7, family: 4, destination: MARK_NET4 }, { mark: 7, family: 6, destination: '2001:db8:aa::/64' }] });
  const daemon = { interface: 'rs0', group: '224.0.0.81', port: 8848, ttl: 1 };
  if (daemons) edits.push({ op: 'daemons', master: { ...daemon, role: 'master', syncId: 7, maxLength: 1472 }, backup: { ...daemon, role: 'backup', syncId: 0, maxLength: 65_507 } });
  for (const { service: s, destinations } of everyService()) {
    edits.push({ op: 'addService', service: s });
    for (const d of destinations) edits.push({ op: 'addDestination', id: s.id, destination: d });
  }
  return edits;
}

export function fuzzNetwork(): HostNetwork {
  return new HostNetwork({
    devices: {
      cl0: { mac: DEVICE_MACS[0], mtu: 1500, addrs: ['198.51.100.1/24', '2001:db8:c::1/64', '192.0.2.10/32', '192.0.2.11/32', '2001:db8::10/128', '2001:db8::11/128'] },
      rs0: { mac: DEVICE_MACS[1], mtu: 1400, addrs: ['10.1.0.254/24', '2001:db8:1::fe/64'] },
    },
    routes: ['default via 198.51.100.254 dev cl0', 'default via 2001:db8:c::fe dev cl0', 'local 192.0.2.128/25 dev lo table local', 'local 2001:db8:aa::/64 dev lo table local'],
    neigh: [['198.51.100.254', CLIENT_MAC, 'cl0'], ['2001:db8:c::fe', CLIENT_MAC, 'cl0'], ...[1, 2, 3, 4, 5, 6].flatMap((n) => [[`10.1.0.${n}`, `02:00:00:00:01:0${n}`, 'rs0'], [`2001:db8:1::${n}`, `02:00:00:00:01:0${n}`, 'rs0']] as [string, string, string][])],
    forwarding: true,
  });
}
