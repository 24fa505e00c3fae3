import t from 'tap';
import type { HostFacts } from '../../../lib/lab/realserver/host-facts.ts';
import { planSetup, shellLines } from '../../../lib/lab/realserver/plan.ts';
import { addChange, releaseUsers, type SavedChange } from '../../../lib/lab/realserver/saved-changes.ts';

const FACTS: HostFacts = {
  links: [], addresses: [], listeners: [],
  routes: [{ family: 4, to: 'default', via: '10.1.0.1', device: 'eth0', advmss: 0, text: 'default via 10.1.0.1 dev eth0 proto dhcp' }],
  sysctls: { 'net.ipv4.conf.all.arp_ignore': '0', 'net.ipv4.conf.all.arp_announce': '0' },
};
const lines = (options: Parameters<typeof planSetup>[0], facts = FACTS): string[] => planSetup(options, facts).flatMap(shellLines);

t.test('direct routing: quiet about ARP first, then the VIPs on lo with full masks', async (t) => {
  t.same(lines({ mode: 'dr', vips: ['192.0.2.10', '2001:db8::10'] }), [
    'sysctl -w net.ipv4.conf.all.arp_ignore=1', 'sysctl -w net.ipv4.conf.all.arp_announce=2',
    'ip addr add 192.0.2.10/32 dev lo', 'ip addr add 2001:db8::10/128 dev lo nodad preferred_lft 0',
  ]);
});

t.test('an IPv6 VIP alone needs nothing about ARP', async (t) => {
  t.same(lines({ mode: 'dr', vips: ['2001:db8::10'] }), ['ip addr add 2001:db8::10/128 dev lo nodad preferred_lft 0']);
});

t.test('a stricter arp_ignore is kept', async (t) => {
  t.same(lines({ mode: 'dr', vips: ['192.0.2.10'] }, { ...FACTS, sysctls: { 'net.ipv4.conf.all.arp_ignore': '8' } })[0], 'sysctl -w net.ipv4.conf.all.arp_ignore=8');
});

t.test('tunnelling needs a tunnel before the VIP', async (t) => {
  const tunnel = (options: Partial<Parameters<typeof planSetup>[0]>): string[] => lines({ mode: 'tun', vips: ['192.0.2.10'], ...options }).slice(2, -1);
  t.same(tunnel({ tunnel: 'gre' }), [
    'modprobe ip_gre', 'sysctl -w net.ipv4.conf.gre0.rp_filter=0', 'ip link set gre0 up', '# where the kernel has no such devices: tsipvs realserver decap --type gre --vip 192.0.2.10 &',
  ]);
  t.match(tunnel({ tunnel: 'gue', guePort: 6078 }).slice(0, 3), ['modprobe ipip', 'modprobe fou', 'ip -4 fou add port 6078 gue']);
  t.same(tunnel({ tunnel: 'any' }), ['tsipvs realserver decap --vip 192.0.2.10 &']);
  t.same(lines({ mode: 'tun', vips: ['2001:db8::10'] }).slice(0, 2), ['modprobe ip6_tunnel', 'modprobe sit']);
});

t.test('NAT only needs the route, and the director to be named', async (t) => {
  t.same(lines({ mode: 'nat', vips: ['192.0.2.10'], directors: ['10.1.0.254'] }), ['ip -4 route replace default via 10.1.0.254']);
  t.throws(() => lines({ mode: 'nat', vips: ['192.0.2.10'] }), /needs --director/);
});

t.test('a change that two set-ups share goes back to its first value with the last of them', async (t) => {
  const sysctl = (before: string): SavedChange => ({ kind: 'sysctl', name: 'net.ipv4.conf.all.arp_ignore', before, after: '1' });
  const one = addChange([], sysctl('0'), 'dr a');
  const both = addChange(one, sysctl('1'), 'dr b');
  const first = releaseUsers(both, ['dr a']);
  t.same(first.undo, []);
  t.same(releaseUsers(first.keep, ['dr b']), { undo: [sysctl('0')], keep: [] });
});

t.test('changes are taken back in reverse order', async (t) => {
  const a: SavedChange = { kind: 'sysctl', name: 'x', before: '0', after: '1' }, b: SavedChange = { kind: 'address', address: '192.0.2.10/32', device: 'lo' };
  t.same(releaseUsers(addChange(addChange([], a, 'u'), b, 'u'), ['u']).undo, [b, a]);
});
