/** What is looked at on a real server before it is set up or judged: gathered with iproute2 and /proc, in any network namespace. */
import { LabError, runCommand } from '../run-command.ts';

export interface HostAddress { readonly device: string; readonly address: string; readonly prefixLength: number; readonly family: 4 | 6 }
export interface HostLink { readonly name: string; readonly mtu: number; readonly up: boolean; /** ipip, gre, tun, veth, or empty. */ readonly kind: string; readonly broadcast: boolean }
export interface HostRoute { readonly family: 4 | 6; readonly to: string; readonly via: string | null; readonly device: string; readonly advmss: number; /** As `ip route` prints it, to put it back. */ readonly text: string }
export interface Listener { readonly protocol: 'tcp' | 'udp'; /** "*" for any. */ readonly address: string; readonly port: number }

export interface HostFacts {
  readonly addresses: readonly HostAddress[];
  readonly links: readonly HostLink[];
  /** Main table, both families. */
  readonly routes: readonly HostRoute[];
  /** Paths below /proc/sys with "." for "/", e.g. "net.ipv4.conf.eth0.rp_filter". */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly listeners: readonly Listener[];
}

interface IpAddressJson { ifname: string; mtu: number; flags: string[]; linkinfo?: { info_kind?: string }; addr_info: { family: string; local?: string; prefixlen: number }[] }
interface IpRouteJson { dst: string; gateway?: string; dev?: string; metrics?: { advmss?: number }[] }

export async function gatherFacts(namespace: string | null): Promise<HostFacts> {
  const sysctlScript = 'grep -H "" /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce /proc/sys/net/ipv4/conf/*/rp_filter';
  const [links, routes4, routes6, text4, text6, sysctls, sockets] = await Promise.all([
    runCommand(['ip', '-d', '-j', 'addr', 'show'], { namespace }),
    runCommand(['ip', '-4', '-j', 'route', 'show'], { namespace }),
    runCommand(['ip', '-6', '-j', 'route', 'show'], { namespace, mayFail: true }),
    runCommand(['ip', '-4', 'route', 'show'], { namespace }),
    runCommand(['ip', '-6', 'route', 'show'], { namespace, mayFail: true }),
    runCommand(['sh', '-c', sysctlScript], { namespace, mayFail: true }),
    runCommand(['ss', '-Hlntu'], { namespace, mayFail: true }),
  ]);
  const linkJson = json<IpAddressJson>(links.stdout);
  return {
    links: linkJson.map((l) => ({ name: l.ifname, mtu: l.mtu, up: l.flags.includes('UP'), kind: l.linkinfo?.info_kind ?? '', broadcast: l.flags.includes('BROADCAST') })),
    addresses: linkJson.flatMap((l) => l.addr_info.filter((a) => a.local !== undefined)
      .map((a) => ({ device: l.ifname, address: a.local!, prefixLength: a.prefixlen, family: a.family === 'inet6' ? 6 as const : 4 as const }))),
    routes: [...routes(routes4.stdout, text4.stdout, 4), ...routes(routes6.stdout, text6.stdout, 6)],
    sysctls: Object.fromEntries(sysctls.stdout.split('\n').filter((l) => l !== '').map((l) => {
      const colon = l.indexOf(':');
      return [l.slice('/proc/sys/'.length, colon).replaceAll('/', '.'), l.slice(colon + 1)] as const;
    })),
    listeners: sockets.stdout.split('\n').flatMap(listener),
  };
}

function routes(jsonText: string, text: string, family: 4 | 6): HostRoute[] {
  const lines = text.split('\n').filter((l) => l !== '' && !/^\s/.test(l));
  return json<IpRouteJson>(jsonText).map((r, i) => ({
    family, to: r.dst, via: r.gateway ?? null, device: r.dev ?? '', text: (lines[i] ?? '').trim(),
    advmss: r.metrics?.find((m) => m.advmss !== undefined)?.advmss ?? 0,
  }));
}

/** One line of `ss -Hlntu`: netid state recv-q send-q local:port peer:port. */
function listener(line: string): Listener[] {
  const [protocol, , , , local = ''] = line.trim().split(/\s+/);
  const colon = local.lastIndexOf(':');
  if ((protocol !== 'tcp' && protocol !== 'udp') || colon < 0) return [];
  const address = local.slice(0, colon).replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  return [{ protocol, address: address === '0.0.0.0' || address === '::' ? '*' : address, port: Number(local.slice(colon + 1)) }];
}

function json<T>(text: string): T[] {
  try {
    return text.trim() === '' ? [] : JSON.parse(text) as T[];
  } catch {
    throw new LabError('iproute2 did not answer in JSON: version 5 or later is needed');
  }
}
