/** The classic mistakes on a real server, found from facts alone: what is wrong, why it hurts, and the command that mends it. Pure. */
import { Address4, Address6 } from 'ip-address';
import { DECAP_DEVICE } from '../decap/names.ts';
import type { HostAddress, HostFacts } from './host-facts.ts';
import { familyOf, hostPrefix, type RealServerOptions, TUNNEL_OVERHEAD } from './options.ts';
import { tunnelRpFilter } from './plan.ts';

/** Link kinds of the kernel's tunnel devices. */
const TUNNEL_LINK_KINDS: readonly string[] = ['ipip', 'gre', 'ip6tnl', 'sit', 'ip6gre'];

export interface Finding {
  /** wrong: traffic is lost. risk: works until something else happens. ok: looked at and right. */
  readonly severity: 'wrong' | 'risk' | 'ok';
  readonly what: string;
  readonly fix: string | null;
}

type Check = (options: RealServerOptions, facts: HostFacts) => Finding[];

const CHECKS: Readonly<Record<RealServerOptions['mode'], readonly Check[]>> = {
  dr: [checkVip, checkArp, checkVipRpFilter, checkListening],
  tun: [checkVip, checkArp, checkTunnelDevice, checkMtu, checkListening],
  nat: [checkNoVip, checkGateway, checkSameSubnet, checkListening],
};

export function findMistakes(options: RealServerOptions, facts: HostFacts): Finding[] {
  return CHECKS[options.mode].flatMap((check) => check(options, facts));
}

export function printFindings(findings: readonly Finding[]): string {
  return findings.map((f) => `${f.severity.padEnd(5)} ${f.what}\n${f.fix === null ? '' : `      fix: ${f.fix}\n`}`).join('');
}

const wrong = (what: string, fix: string): Finding => ({ severity: 'wrong', what, fix });
const risk = (what: string, fix: string): Finding => ({ severity: 'risk', what, fix });
const ok = (what: string): Finding => ({ severity: 'ok', what, fix: null });

function holders(vip: string, facts: HostFacts): HostAddress[] {
  return facts.addresses.filter((a) => a.address === vip);
}

function checkVip(options: RealServerOptions, facts: HostFacts): Finding[] {
  return options.vips.map((vip) => {
    const full = familyOf(vip) === 4 ? 32 : 128, held = holders(vip, facts);
    const wide = held.find((a) => a.prefixLength !== full);
    if (held.length === 0) return wrong(`${vip} is not configured here: packets for it are not taken`, `ip addr add ${hostPrefix(vip)} dev lo`);
    if (wide !== undefined && wide.device === 'lo') {
      return wrong(`${vip}/${wide.prefixLength} on lo makes this server think the whole network is itself: it cannot answer clients there`,
        `ip addr del ${vip}/${wide.prefixLength} dev lo; ip addr add ${hostPrefix(vip)} dev lo`);
    }
    return ok(`${vip} is on ${held.map((a) => a.device).join(', ')}`);
  });
}

function checkArp(options: RealServerOptions, facts: HostFacts): Finding[] {
  const findings: Finding[] = [];
  for (const vip of options.vips) {
    for (const held of holders(vip, facts)) {
      const link = facts.links.find((l) => l.name === held.device);
      if (link === undefined || !link.broadcast) continue;
      findings.push(wrong(`${vip} is on ${held.device}, so this server answers ${familyOf(vip) === 4 ? 'ARP' : 'neighbour solicitations'} for it and takes the director's traffic`,
        `ip addr del ${vip}/${held.prefixLength} dev ${held.device}; ip addr add ${hostPrefix(vip)} dev lo`));
    }
  }
  if (!options.vips.some((vip) => familyOf(vip) === 4)) return findings;
  for (const link of facts.links.filter((l) => l.up && l.broadcast)) {
    if (effective(facts, link.name, 'arp_ignore') < 1) {
      findings.push(wrong(`${link.name} answers ARP for the VIP on lo (arp_ignore is 0): clients may find this server instead of the director`, 'sysctl -w net.ipv4.conf.all.arp_ignore=1'));
    }
    if (effective(facts, link.name, 'arp_announce') < 2) {
      findings.push(wrong(`${link.name} may send ARP requests from the VIP (arp_announce is not 2): routers then learn this server's MAC for it`, 'sysctl -w net.ipv4.conf.all.arp_announce=2'));
    }
  }
  return findings.length > 0 ? findings : [ok('ARP for the VIP stays unanswered')];
}

function checkVipRpFilter(options: RealServerOptions, facts: HostFacts): Finding[] {
  const faces = facts.links.filter((l) => l.up && l.broadcast && facts.addresses.some((a) => a.device === l.name && a.family === 4));
  const strict = faces.filter((l) => effective(facts, l.name, 'rp_filter') === 1);
  if (strict.length === 0 || faces.length < 2) return [];
  return [risk(`strict rp_filter on ${strict.map((l) => l.name).join(', ')} with several interfaces: requests that come in elsewhere than their answer leaves are dropped`,
    strict.map((l) => `sysctl -w net.ipv4.conf.${l.name}.rp_filter=2`).join('; '))];
}

function checkTunnelDevice(options: RealServerOptions, facts: HostFacts): Finding[] {
  const devices = facts.links.filter((l) => l.name === DECAP_DEVICE || TUNNEL_LINK_KINDS.includes(l.kind)), up = devices.filter((l) => l.up);
  const setup = `tsipvs realserver setup --mode tun --type ${options.tunnel ?? 'ipip'} ${options.vips.map((v) => `--vip ${v}`).join(' ')}`;
  if (devices.length === 0) return [wrong('no tunnel device and no decapsulator: tunnel packets are refused with "protocol unreachable"', setup)];
  if (up.length === 0) return [wrong(`${devices.map((d) => d.name).join(', ')} down: tunnel packets are not unwrapped`, setup)];
  const strict = up.filter((d) => effective(facts, d.name, 'rp_filter') === 1);
  if (strict.length > 0) {
    return strict.map(({ name }) => wrong(`strict rp_filter on ${name}: packets of clients, whose route is elsewhere, are dropped silently`, `sysctl -w net.ipv4.conf.${name}.rp_filter=${tunnelRpFilter(facts)}`));
  }
  return [ok(`tunnel packets are unwrapped by ${up.map((d) => d.name).join(', ')}`)];
}

function checkMtu(options: RealServerOptions, facts: HostFacts): Finding[] {
  const overhead = TUNNEL_OVERHEAD[options.tunnel ?? 'ipip'][4];
  return ([4, 6] as const).filter((family) => options.vips.some((vip) => familyOf(vip) === family)).flatMap((family) => {
    const route = facts.routes.find((r) => r.family === family && r.to === 'default');
    const link = facts.links.find((l) => l.name === route?.device);
    if (route === undefined || link === undefined) return [];
    const mss = link.mtu - overhead - (family === 4 ? 40 : 60);
    if (route.advmss !== 0 && route.advmss <= mss) return [ok(`clients are told a segment size of ${route.advmss}, which fits the tunnel`)];
    return [risk(`clients may send packets of ${link.mtu} bytes, ${overhead} more than the tunnel carries: uploads hang where ICMP "fragmentation needed" is filtered`,
      `ip -${family} route change ${route.text} advmss ${mss}`)];
  });
}

function checkNoVip(options: RealServerOptions, facts: HostFacts): Finding[] {
  return options.vips.flatMap((vip) => holders(vip, facts).map((a) =>
    wrong(`${vip} is configured on ${a.device}: under NAT only the director holds it`, `ip addr del ${vip}/${a.prefixLength} dev ${a.device}`)));
}

function checkGateway(options: RealServerOptions, facts: HostFacts): Finding[] {
  const directors = options.directors ?? [];
  if (directors.length === 0) return [risk('whether answers pass the director cannot be judged without its address', 'tsipvs realserver check --mode nat --director ADDRESS ...')];
  return directors.map((director) => {
    const family = familyOf(director), route = facts.routes.find((r) => r.family === family && r.to === 'default');
    const fix = `ip -${family} route replace default via ${director}`;
    if (route === undefined) return wrong('there is no default route: answers to clients go nowhere', fix);
    if (route.via !== director) return wrong(`the default route goes through ${route.via ?? route.device}, not through the director ${director}: clients get answers from the wrong address and reset them`, fix);
    return ok(`answers go through the director ${director}`);
  });
}

function checkSameSubnet(options: RealServerOptions, facts: HostFacts): Finding[] {
  return options.vips.flatMap((vip) => {
    const onLink = facts.routes.find((r) => r.via === null && r.family === familyOf(vip) && r.to.includes('/') && contains(r.to, vip));
    if (onLink === undefined) return [];
    const director = (options.directors ?? []).find((d) => familyOf(d) === familyOf(vip)) ?? 'DIRECTOR';
    return [risk(`${vip} and this server share ${onLink.to}: clients in that network are answered directly, past the director, and reset the connection`,
      `ip -${onLink.family} route replace ${onLink.to} via ${director} dev ${onLink.device} onlink`)];
  });
}

function checkListening(options: RealServerOptions, facts: HostFacts): Finding[] {
  const findings: Finding[] = [];
  const viaVip = options.mode !== 'nat';
  const takes = (address: string, vip: string): boolean => address === '*' || address === vip;
  for (const vip of viaVip ? options.vips : []) {
    const missed = facts.listeners.filter((l) => !takes(l.address, vip) && familyOf(l.address) === familyOf(vip) && !/^127\.|^::1$/.test(l.address)
      && !options.vips.includes(l.address) && !facts.listeners.some((o) => o.protocol === l.protocol && o.port === l.port && takes(o.address, vip)));
    for (const l of missed.filter((m) => options.port === undefined || m.port === options.port)) {
      findings.push(risk(`${l.protocol} port ${l.port} listens on ${l.address} only: connections to ${vip} are refused`, `let the service listen on ${vip} or on all addresses`));
    }
  }
  const { port, protocol = 'tcp' } = options;
  if (port !== undefined) {
    const open = facts.listeners.filter((l) => l.port === port && l.protocol === protocol);
    if (open.length === 0) findings.push(wrong(`nothing listens on ${protocol} port ${port}`, 'start the service'));
    else if (findings.length === 0) findings.push(ok(`${protocol} port ${port} is open`));
  }
  const wildcardUdp = viaVip ? facts.listeners.filter((l) => l.protocol === 'udp' && l.address === '*' && l.port === port) : [];
  if (wildcardUdp.length > 0) findings.push(risk(`udp port ${port} listens on all addresses: many servers then answer from their own address instead of the VIP`, `bind the service to ${options.vips.join(' and ')}`));
  return findings;
}

/** The kernel takes the larger of conf.all and conf.INTERFACE for these three. */
function effective(facts: HostFacts, device: string, name: string): number {
  return Math.max(Number(facts.sysctls[`net.ipv4.conf.all.${name}`] ?? 0), Number(facts.sysctls[`net.ipv4.conf.${device}.${name}`] ?? 0));
}

function contains(prefix: string, address: string): boolean {
  if (prefix.includes(':') !== address.includes(':')) return false;
  return prefix.includes(':') ? new Address6(address).isInSubnet(new Address6(prefix)) : new Address4(address).isInSubnet(new Address4(prefix));
}
