import t from 'tap';
import { findMistakes } from '../../../lib/lab/realserver/check.ts';
import type { HostFacts } from '../../../lib/lab/realserver/host-facts.ts';
import type { RealServerOptions } from '../../../lib/lab/realserver/options.ts';

const VIP = '198.51.100.100', VIP6 = '2001:db8:c::100';

const GOOD_DR: HostFacts = {
  links: [
    { name: 'lo', mtu: 65536, up: true, kind: '', broadcast: false },
    { name: 'eth0', mtu: 1500, up: true, kind: 'veth', broadcast: true },
  ],
  addresses: [
    { device: 'lo', address: VIP, prefixLength: 32, family: 4 },
    { device: 'lo', address: VIP6, prefixLength: 128, family: 6 },
    { device: 'eth0', address: '198.51.100.21', prefixLength: 24, family: 4 },
  ],
  routes: [{ family: 4, to: 'default', via: '198.51.100.254', device: 'eth0', advmss: 0, text: 'default via 198.51.100.254 dev eth0' }],
  sysctls: { 'net.ipv4.conf.all.arp_ignore': '1', 'net.ipv4.conf.all.arp_announce': '2', 'net.ipv4.conf.all.rp_filter': '0', 'net.ipv4.conf.eth0.rp_filter': '0' },
  listeners: [{ protocol: 'tcp', address: '*', port: 80 }],
};
const GOOD_TUN: HostFacts = {
  ...GOOD_DR, links: [...GOOD_DR.links, { name: 'tunl0', mtu: 1480, up: true, kind: 'ipip', broadcast: false }],
  routes: [{ ...GOOD_DR.routes[0]!, advmss: 1440 }],
};
const GOOD_NAT: HostFacts = {
  ...GOOD_DR, addresses: [{ device: 'eth0', address: '10.1.0.1', prefixLength: 24, family: 4 }],
  routes: [
    { family: 4, to: 'default', via: '10.1.0.254', device: 'eth0', advmss: 0, text: 'default via 10.1.0.254 dev eth0' },
    { family: 4, to: '10.1.0.0/24', via: null, device: 'eth0', advmss: 0, text: '10.1.0.0/24 dev eth0' },
  ],
};

const dr: RealServerOptions = { mode: 'dr', vips: [VIP], port: 80 };
const tun: RealServerOptions = { mode: 'tun', vips: [VIP], port: 80 };
const nat: RealServerOptions = { mode: 'nat', vips: [VIP], directors: ['10.1.0.254'], port: 80 };

function mistakes(options: RealServerOptions, facts: HostFacts): string[] {
  return findMistakes(options, facts).filter((f) => f.severity !== 'ok').map((f) => `${f.severity}: ${f.fix}`);
}

t.test('servers that are set up well have no mistakes', async (t) => {
  t.same(mistakes(dr, GOOD_DR), []);
  t.same(mistakes({ ...dr, vips: [VIP, VIP6] }, GOOD_DR), []);
  t.same(mistakes(tun, GOOD_TUN), []);
  t.same(mistakes(nat, GOOD_NAT), []);
});

const CASES: readonly [string, RealServerOptions, HostFacts, readonly string[]][] = [
  ['the VIP is missing', dr, { ...GOOD_DR, addresses: GOOD_DR.addresses.slice(1) }, [`wrong: ip addr add ${VIP}/32 dev lo`]],
  ['the VIP on lo has the network\'s mask', dr, { ...GOOD_DR, addresses: [{ device: 'lo', address: VIP, prefixLength: 24, family: 4 }] },
    [`wrong: ip addr del ${VIP}/24 dev lo; ip addr add ${VIP}/32 dev lo`]],
  ['the VIP is on an Ethernet interface, where ARP is answered', dr, { ...GOOD_DR, addresses: [{ device: 'eth0', address: VIP, prefixLength: 32, family: 4 }] },
    [`wrong: ip addr del ${VIP}/32 dev eth0; ip addr add ${VIP}/32 dev lo`]],
  ['ARP for the VIP on lo is answered', dr, { ...GOOD_DR, sysctls: { ...GOOD_DR.sysctls, 'net.ipv4.conf.all.arp_ignore': '0' } }, ['wrong: sysctl -w net.ipv4.conf.all.arp_ignore=1']],
  ['the VIP is announced in ARP requests', dr, { ...GOOD_DR, sysctls: { ...GOOD_DR.sysctls, 'net.ipv4.conf.all.arp_announce': '0' } }, ['wrong: sysctl -w net.ipv4.conf.all.arp_announce=2']],
  ['the service listens on the server\'s own address only', dr, { ...GOOD_DR, listeners: [{ protocol: 'tcp', address: '198.51.100.21', port: 80 }] }, [`risk: let the service listen on ${VIP} or on all addresses`]],
  ['the service does not listen at all', dr, { ...GOOD_DR, listeners: [] }, ['wrong: start the service']],
  ['a UDP service on all addresses answers from the wrong one', { ...dr, protocol: 'udp' }, { ...GOOD_DR, listeners: [{ protocol: 'udp', address: '*', port: 80 }] }, [`risk: bind the service to ${VIP}`]],
  ['there is no tunnel device', tun, { ...GOOD_TUN, links: GOOD_DR.links }, [`wrong: tsipvs realserver setup --mode tun --type ipip --vip ${VIP}`]],
  ['the tunnel device is down', tun, { ...GOOD_TUN, links: [...GOOD_DR.links, { name: 'tunl0', mtu: 1480, up: false, kind: 'ipip', broadcast: false }] }, [`wrong: tsipvs realserver setup --mode tun --type ipip --vip ${VIP}`]],
  ['rp_filter is strict on the tunnel', tun, { ...GOOD_TUN, sysctls: { ...GOOD_TUN.sysctls, 'net.ipv4.conf.tunl0.rp_filter': '1' } }, ['wrong: sysctl -w net.ipv4.conf.tunl0.rp_filter=0']],
  ['rp_filter is strict everywhere', tun, { ...GOOD_TUN, sysctls: { ...GOOD_TUN.sysctls, 'net.ipv4.conf.all.rp_filter': '1' } }, ['wrong: sysctl -w net.ipv4.conf.tunl0.rp_filter=2']],
  ['clients may send more than the tunnel carries', tun, { ...GOOD_TUN, routes: GOOD_DR.routes }, ['risk: ip -4 route change default via 198.51.100.254 dev eth0 advmss 1440']],
  ['the VIP was left on a NAT server', nat, { ...GOOD_NAT, addresses: [...GOOD_NAT.addresses, { device: 'lo', address: VIP, prefixLength: 32, family: 4 }] }, [`wrong: ip addr del ${VIP}/32 dev lo`]],
  ['answers do not pass the director', { ...nat, directors: ['10.1.0.253'] }, GOOD_NAT, ['wrong: ip -4 route replace default via 10.1.0.253']],
  ['there is no default route', nat, { ...GOOD_NAT, routes: GOOD_NAT.routes.slice(1) }, ['wrong: ip -4 route replace default via 10.1.0.254']],
  ['clients are in the server\'s own network', { ...nat, vips: ['10.1.0.100'] }, GOOD_NAT, ['risk: ip -4 route replace 10.1.0.0/24 via 10.1.0.254 dev eth0 onlink']],
];

t.test('each classic mistake is found, alone, with its fix', async (t) => {
  for (const [title, options, facts, expected] of CASES) t.same(mistakes(options, facts), expected, title);
});
