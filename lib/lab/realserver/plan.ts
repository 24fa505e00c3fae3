/**
 * What has to change on a real server, as data: what `setup` does, `--dry-run` prints, and `undo` takes back. Pure.
 *
 *   dr   VIP on lo as /32 or /128; never answer or announce ARP for it (arp_ignore 1, arp_announce 2)
 *   tun  the same, and a tunnel device (or our decapsulator) whose reverse-path filter lets packets from anywhere in
 *   nat  default route through the director; nothing else
 */
import { GUE_PORT } from '../decap/names.ts';
import type { TunnelKind } from '../decap/decapsulate.ts';
import { LabError } from '../run-command.ts';
import type { HostFacts } from './host-facts.ts';
import { familyOf, hostPrefix, type RealServerOptions, type TunnelChoice } from './options.ts';

export type SetupStep =
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string; readonly why: string }
  | { readonly kind: 'address'; readonly address: string; readonly device: string; readonly why: string }
  | { readonly kind: 'route'; readonly family: 4 | 6; readonly via: string; readonly device: string | null; /** The route this replaces, as `ip route` prints it. */ readonly before: string | null; readonly why: string }
  | { readonly kind: 'tunnel'; readonly tunnel: TunnelChoice; readonly guePort: number; readonly vips: readonly string[]; readonly rpFilter: string; readonly why: string };

/** How the kernel takes tunnel packets from any sender: by the devices its modules bring along, once they are up. */
export interface KernelTunnel {
  readonly modules: readonly string[];
  readonly devices: readonly string[];
  /** Families for which Generic UDP Encapsulation is unwrapped first. */
  readonly guePortFamilies: readonly (4 | 6)[];
}

/** By kind and family of the VIP: module and its device. NB: a second device with "local any remote any" is refused (EEXIST). */
const KERNEL_DEVICES: Readonly<Record<TunnelKind, Readonly<Record<4 | 6, readonly (readonly [string, string])[]>>>> = {
  ipip: { 4: [['ipip', 'tunl0']], 6: [['ip6_tunnel', 'ip6tnl0'], ['sit', 'sit0']] },
  gre: { 4: [['ip_gre', 'gre0']], 6: [['ip6_gre', 'ip6gre0'], ['ip_gre', 'gre0']] },
  gue: { 4: [['ipip', 'tunl0']], 6: [['ip6_tunnel', 'ip6tnl0'], ['sit', 'sit0']] },
};

export function planSetup(options: RealServerOptions, facts: HostFacts): SetupStep[] {
  return options.mode === 'nat' ? planNat(options, facts) : planVip(options, facts);
}

/** The shell commands that do a step by hand. An IPv6 VIP is deprecated (RFC 6724 rule 3), so that own connections never start from it. */
export function shellLines(step: SetupStep): string[] {
  switch (step.kind) {
    case 'sysctl': return [`sysctl -w ${step.name}=${step.value}`];
    case 'address': return [`ip addr add ${step.address} dev ${step.device}${step.address.includes(':') ? ' nodad preferred_lft 0' : ''}`];
    case 'route': return [`ip -${step.family} route replace default via ${step.via}${step.device === null ? '' : ` dev ${step.device}`}`];
    case 'tunnel': return [
      ...kernelTunnelLines(step),
      `${step.tunnel === 'any' ? '' : '# where the kernel has no such devices: '}tsipvs realserver decap${step.tunnel === 'any' ? '' : ` --type ${step.tunnel}`} ${step.vips.map((v) => `--vip ${v}`).join(' ')} &`,
    ];
  }
}

/** Null for "any": our own decapsulator takes what no single device does. */
export function kernelTunnel(tunnel: TunnelChoice, vips: readonly string[]): KernelTunnel | null {
  if (tunnel === 'any') return null;
  const families = ([4, 6] as const).filter((family) => vips.some((vip) => familyOf(vip) === family));
  const pairs = families.flatMap((family) => KERNEL_DEVICES[tunnel][family]);
  const isGue = tunnel === 'gue';
  return {
    modules: [...new Set([...pairs.map(([module]) => module), ...(isGue ? families.map((f) => (f === 4 ? 'fou' : 'fou6')) : [])])],
    devices: [...new Set(pairs.map(([, device]) => device))],
    guePortFamilies: isGue ? families : [],
  };
}

export function gueCommand(action: 'add' | 'del', family: 4 | 6, port: number): string[] {
  return ['ip', `-${family}`, 'fou', action, 'port', String(port), ...(action === 'add' ? ['gue'] : [])];
}

function kernelTunnelLines({ tunnel, vips, guePort, rpFilter }: SetupStep & { kind: 'tunnel' }): string[] {
  const kernel = kernelTunnel(tunnel, vips);
  if (kernel === null) return [];
  return [
    ...kernel.modules.map((module) => `modprobe ${module}`), ...kernel.guePortFamilies.map((family) => gueCommand('add', family, guePort).join(' ')),
    ...kernel.devices.flatMap((device) => [`sysctl -w net.ipv4.conf.${device}.rp_filter=${rpFilter}`, `ip link set ${device} up`]),
  ];
}

function planVip(options: RealServerOptions, facts: HostFacts): SetupStep[] {
  const steps: SetupStep[] = [];
  const why = 'the VIP must be known here, but never asked for';
  if (options.vips.some((vip) => familyOf(vip) === 4)) {
    if (options.mode === 'dr') requireInterface(options, facts);
    steps.push({ kind: 'sysctl', name: 'net.ipv4.conf.all.arp_ignore', value: atLeast(facts, 'net.ipv4.conf.all.arp_ignore', 1), why: 'answer ARP only for addresses of the interface asked on, so not for the VIP on lo' },
      { kind: 'sysctl', name: 'net.ipv4.conf.all.arp_announce', value: '2', why: 'never put the VIP into own ARP requests' });
  }
  if (options.mode === 'tun') {
    const tunnel = options.tunnel ?? 'ipip';
    steps.push({ kind: 'tunnel', tunnel, guePort: options.guePort ?? GUE_PORT, vips: options.vips, rpFilter: tunnelRpFilter(facts), why: tunnel === 'any' ? 'unwrap tunnel packets of every kind' : `unwrap ${tunnel} packets` });
  }
  for (const vip of options.vips) steps.push({ kind: 'address', address: hostPrefix(vip), device: 'lo', why });
  return steps;
}

function planNat(options: RealServerOptions, facts: HostFacts): SetupStep[] {
  const directors = options.directors ?? [];
  if (directors.length === 0) throw new LabError('--mode nat needs --director ADDRESS: the director\'s address on this server\'s network, through which answers must go');
  return directors.map((via): SetupStep => {
    const family = familyOf(via), before = facts.routes.find((r) => r.family === family && r.to === 'default' && hasDefaultMetric(r.text, family));
    return { kind: 'route', family, via, device: options.interface ?? null, before: before?.text ?? null, why: 'answers must pass the director, which restores the VIP' };
  });
}

function requireInterface(options: RealServerOptions, facts: HostFacts): void {
  if (options.interface !== undefined && !facts.links.some((l) => l.name === options.interface)) {
    throw new LabError(`no interface ${options.interface} here; there are ${facts.links.map((l) => l.name).join(', ')}`);
  }
}

/** The kernel uses the larger of conf.all and the interface's own value; a stricter setting is left as it is. */
function atLeast(facts: HostFacts, name: string, value: number): string {
  return String(Math.max(value, Number(facts.sysctls[name] ?? 0)));
}

/** Reverse-path filter for a tunnel device: the larger of conf.all and the device's own counts, so strict needs loose over it. */
export function tunnelRpFilter(facts: HostFacts): string {
  return Number(facts.sysctls['net.ipv4.conf.all.rp_filter'] ?? 0) === 0 ? '0' : '2';
}

/** `ip route replace` without a metric replaces only a route of the default metric; it stands beside (and before) others. */
function hasDefaultMetric(route: string, family: 4 | 6): boolean {
  return (/ metric (\d+)/.exec(route)?.[1] ?? '0') === (family === 4 ? '0' : '1024');
}
