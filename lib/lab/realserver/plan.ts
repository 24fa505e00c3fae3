/**
 * What has to change on a real server, as data: what `setup` does, `--dry-run` prints, and `undo` takes back. Pure.
 *
 *   dr   VIP on lo as /32 or /128; never answer or announce ARP for it (arp_ignore 1, arp_announce 2)
 *   tun  the same, and a tunnel device (or our decapsulator) whose reverse-path filter lets packets from anywhere in
 *   nat  default route through the director; nothing else
 */
import { GUE_PORT } from '../decap/names.ts';
import { LabError } from '../run-command.ts';
import type { HostFacts } from './host-facts.ts';
import { familyOf, hostPrefix, type RealServerOptions, type TunnelChoice } from './options.ts';

export type SetupStep =
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string; readonly why: string }
  | { readonly kind: 'address'; readonly address: string; readonly device: string; readonly why: string }
  | { readonly kind: 'route'; readonly family: 4 | 6; readonly via: string; readonly device: string | null; /** The route this replaces, as `ip route` prints it. */ readonly before: string | null; readonly why: string }
  | { readonly kind: 'tunnel'; readonly tunnel: TunnelChoice; readonly guePort: number; readonly vips: readonly string[]; readonly why: string };

/** Devices that setup makes for a tunnel where the kernel has the module. */
export const KERNEL_TUNNEL_DEVICE = 'tsipvs-tun';

export function planSetup(options: RealServerOptions, facts: HostFacts): SetupStep[] {
  return options.mode === 'nat' ? planNat(options, facts) : planVip(options, facts);
}

/** The shell commands that do a step by hand. An IPv6 VIP is deprecated (RFC 6724 rule 3), so that own connections never start from it. */
export function shellLines(step: SetupStep): string[] {
  switch (step.kind) {
    case 'sysctl': return [`sysctl -w ${step.name}=${step.value}`];
    case 'address': return [`ip addr add ${step.address} dev ${step.device}${step.address.includes(':') ? ' nodad preferred_lft 0' : ''}`];
    case 'route': return [`ip -${step.family} route replace default via ${step.via}${step.device === null ? '' : ` dev ${step.device}`}`];
    case 'tunnel': return kernelTunnelCommands(step.tunnel, step.guePort).map((argv) => argv.join(' '))
      .concat(`# where the kernel has no such device: tsipvs realserver decap${step.tunnel === 'any' ? '' : ` --type ${step.tunnel}`} ${step.vips.map((v) => `--vip ${v}`).join(' ')} &`);
  }
}

/** What makes the kernel take this kind of tunnel from any sender, for IPv4 outer headers; nothing for "any". */
export function kernelTunnelCommands(tunnel: TunnelChoice, guePort: number): string[][] {
  const up = ['ip', 'link', 'set', KERNEL_TUNNEL_DEVICE, 'up'];
  switch (tunnel) {
    case 'any': return [];
    case 'ipip': return [['ip', 'link', 'add', KERNEL_TUNNEL_DEVICE, 'type', 'ipip', 'local', 'any', 'remote', 'any', 'mode', 'any'], up];
    case 'gre': return [['ip', 'link', 'add', KERNEL_TUNNEL_DEVICE, 'type', 'gre', 'local', 'any', 'remote', 'any'], up];
    case 'gue': return [['ip', 'fou', 'add', 'port', String(guePort), 'gue'],
      ['ip', 'link', 'add', KERNEL_TUNNEL_DEVICE, 'type', 'ipip', 'local', 'any', 'remote', 'any', 'mode', 'any', 'encap', 'gue'], up];
  }
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
    steps.push({ kind: 'tunnel', tunnel, guePort: options.guePort ?? GUE_PORT, vips: options.vips, why: tunnel === 'any' ? 'unwrap tunnel packets of every kind' : `unwrap ${tunnel} packets` });
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
