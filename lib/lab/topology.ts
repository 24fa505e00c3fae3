/**
 * What each laboratory looks like, as plain values: hosts, interfaces, addresses, routes. Pure, so that the same description is built out
 * of network namespaces (build.ts), simulated in memory (in-memory.ts) and drawn (picture.ts).
 *
 *   nat, local   client -- [clients] -- director -- [servers] -- rs1..N     servers' default route is the director
 *   dr           client, director, rs1..N all on [clients]                  servers hold the VIP on lo and answer the client themselves
 *   tun          client, director on [clients] -- router -- [servers] rs    as dr, but routed, so packets travel in a tunnel
 */
export type LabMode = 'nat' | 'dr' | 'tun' | 'local';
export const LAB_MODES: readonly LabMode[] = ['nat', 'dr', 'tun', 'local'];
export const MAX_SERVERS = 16;
export const HTTP_PORT = 80;
export const ECHO_PORT = 7;

export type Segment = 'clients' | 'servers';

export interface LabInterface {
  readonly name: string;
  readonly segment: Segment;
  readonly mac: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

export interface LabRoute { readonly to: string; readonly via: string }

export interface LabHost {
  /** client, director, network, rs1, rs2 ... */
  readonly name: string;
  readonly namespace: string;
  readonly interfaces: readonly LabInterface[];
  readonly routes: readonly LabRoute[];
}

export interface LabServer {
  readonly name: string;
  readonly namespace: string;
  readonly address4: string;
  readonly address6: string;
}

export interface LabTopology {
  readonly mode: LabMode;
  readonly prefix: string;
  readonly vip4: string;
  readonly vip6: string;
  /** Whether the director's own stack holds the VIP; if not, the client has a route to it through the director. */
  readonly vipOnHost: boolean;
  /** Director's address on the client network, and what servers use as their gateway under NAT. */
  readonly director4: string;
  readonly director6: string;
  readonly gateway4: string;
  readonly gateway6: string;
  readonly client: LabHost;
  readonly director: LabHost;
  /** Holds the bridges; with addresses on them where it is a router. */
  readonly network: LabHost;
  readonly servers: readonly LabServer[];
  readonly serverHosts: readonly LabHost[];
}

export interface TopologyOptions {
  readonly mode: LabMode;
  readonly servers?: number;
  readonly prefix?: string;
  readonly vipOnHost?: boolean;
}

export const DEFAULT_PREFIX = 'tsipvs';
export const CLIENT4 = '198.51.100.10', CLIENT6 = '2001:db8:c::10';
const DIRECTOR4 = '198.51.100.1', DIRECTOR6 = '2001:db8:c::1';
const ROUTER4 = '198.51.100.254', ROUTER6 = '2001:db8:c::254';
const VIP4 = '198.51.100.100', VIP6 = '2001:db8:c::100';

export function describeTopology(options: TopologyOptions): LabTopology {
  const { mode } = options;
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  const count = options.servers ?? 3;
  const vipOnHost = options.vipOnHost ?? true;
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const servers = numbers.map((n): LabServer => ({ name: `rs${n}`, namespace: `${prefix}-rs${n}`, ...serverAddresses(mode, n) }));
  const [gateway4, gateway6] = mode === 'tun' ? ['10.2.0.254', '2001:db8:2::254'] : mode === 'dr' ? ['', ''] : ['10.1.0.254', '2001:db8:1::254'];
  const toVip: LabRoute[] = vipOnHost ? [] : [{ to: `${VIP4}/32`, via: DIRECTOR4 }, { to: `${VIP6}/128`, via: DIRECTOR6 }];
  const clientGateway: readonly [string, string] = mode === 'tun' ? [ROUTER4, ROUTER6] : [DIRECTOR4, DIRECTOR6];

  const client: LabHost = {
    name: 'client', namespace: `${prefix}-client`,
    interfaces: [{ name: 'eth0', segment: 'clients', mac: '02:00:00:00:0c:10', addresses: [`${CLIENT4}/24`, `${CLIENT6}/64`] }],
    routes: [...defaultRoutes(...clientGateway), ...toVip],
  };
  const clientSide: LabInterface = {
    name: 'eth0', segment: 'clients', mac: '02:00:00:00:0d:01',
    addresses: [`${DIRECTOR4}/24`, `${DIRECTOR6}/64`, ...(vipOnHost ? [`${VIP4}/32`, `${VIP6}/128`] : [])],
  };
  const serverSide: LabInterface = { name: 'eth1', segment: 'servers', mac: '02:00:00:00:0d:02', addresses: ['10.1.0.254/24', '2001:db8:1::254/64'] };
  const director: LabHost = {
    name: 'director', namespace: `${prefix}-director`,
    interfaces: mode === 'nat' || mode === 'local' ? [clientSide, serverSide] : [clientSide],
    routes: mode === 'tun' ? [{ to: '10.2.0.0/24', via: ROUTER4 }, { to: '2001:db8:2::/64', via: ROUTER6 }] : [],
  };
  const network: LabHost = {
    name: 'network', namespace: `${prefix}-network`, routes: [],
    interfaces: [
      { name: 'clients', segment: 'clients', mac: '02:00:00:00:0e:01', addresses: mode === 'tun' ? [`${ROUTER4}/24`, `${ROUTER6}/64`] : [] },
      ...(mode === 'dr' ? [] : [{ name: 'servers', segment: 'servers' as const, mac: '02:00:00:00:0e:02', addresses: mode === 'tun' ? ['10.2.0.254/24', '2001:db8:2::254/64'] : [] }]),
    ],
  };
  const serverHosts = servers.map((server, i): LabHost => ({
    name: server.name, namespace: server.namespace,
    interfaces: [{
      name: 'eth0', segment: mode === 'dr' ? 'clients' : 'servers', mac: `02:00:00:00:01:${(i + 1).toString(16).padStart(2, '0')}`,
      addresses: [`${server.address4}/24`, `${server.address6}/64`],
    }],
    routes: gateway4 === '' ? [] : defaultRoutes(gateway4, gateway6),
  }));
  return { mode, prefix, vip4: VIP4, vip6: VIP6, vipOnHost, director4: DIRECTOR4, director6: DIRECTOR6, gateway4, gateway6, client, director, network, servers, serverHosts };
}

export function allHosts(topology: LabTopology): LabHost[] {
  return [topology.network, topology.client, topology.director, ...topology.serverHosts];
}

/** Whether a namespace is one that a laboratory of this prefix makes; what `down` may remove even without a state file. */
export function isLabNamespace(prefix: string, namespace: string): boolean {
  return namespace.startsWith(`${prefix}-`) && /^(client|director|network|rs\d{1,2})$/.test(namespace.slice(prefix.length + 1));
}

function serverAddresses(mode: LabMode, n: number): { address4: string; address6: string } {
  if (mode === 'dr') return { address4: `198.51.100.${20 + n}`, address6: `2001:db8:c::${20 + n}` };
  const net = mode === 'tun' ? 2 : 1;
  return { address4: `10.${net}.0.${n}`, address6: `2001:db8:${net}::${n}` };
}

function defaultRoutes(via4: string, via6: string): LabRoute[] {
  return [{ to: 'default', via: via4 }, { to: 'default', via: via6 }];
}
