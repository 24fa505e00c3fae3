import t from 'tap';
import type { GoldenTopology } from './golden-case.ts';
import { HostNetwork } from './host-network.ts';
import { runShell } from './shell-step.ts';

const TOPOLOGY: GoldenTopology = {
  devices: {
    cl0: { mac: '02:00:00:00:0d:01', mtu: 1500, addrs: ['198.51.100.1/24', '2001:db8:c::1/64', '192.0.2.10/32'] },
    rs0: { mac: '02:00:00:00:0d:02', mtu: 1400, addrs: ['10.1.0.254/24', '2001:db8:1::fe/64'] },
  },
  routes: ['default via 198.51.100.254 dev cl0', 'default via 2001:db8:c::fe dev cl0'],
  neigh: [['10.1.0.1', '02:00:00:00:01:01', 'rs0']],
  forwarding: true,
};

function run(command: string): HostNetwork {
  const network = new HostNetwork(TOPOLOGY);
  runShell(command, { network, sysctls: () => [], setSysctl: () => {} });
  return network;
}

t.test('addresses bring local, broadcast and connected routes, and the longest prefix wins', async (t) => {
  const network = run('modprobe -a ip_vs_ftp nf_nat');
  t.same([network.lookup('192.0.2.10', 0).type, network.lookup('127.1.2.3', 0).type, network.lookup('10.1.0.255', 0).type], ['local', 'local', 'broadcast']);
  t.match(network.lookup('10.1.0.9', 0), { type: 'unicast', nextHop: '10.1.0.9', source: '10.1.0.254', mtu: 1400 });
  t.match(network.lookup('203.0.113.7', 0), { type: 'unicast', nextHop: '198.51.100.254', source: '198.51.100.1' });
  t.match(network.lookup('2001:db8:ff::7', 0), { nextHop: '2001:db8:c::fe' });
  t.ok(network.modules.has('ip_vs_ftp'));
});

t.test('a route through a gateway, of either family, with an option before the object', async (t) => {
  t.match(run('ip  route add 172.16.50.0/24 via 10.1.0.4 dev rs0').lookup('172.16.50.9', 0), { nextHop: '10.1.0.4' });
  t.match(run('ip -6 route add 2001:db8:50::/64 via 2001:db8:1::4').lookup('2001:db8:50::9', 0), { nextHop: '2001:db8:1::4', device: { name: 'rs0' } });
});

t.test('a mark rule and a local route of a network', async (t) => {
  const network = run('ip route add local 192.0.2.0/24 dev lo table local && iptables -t mangle -A PREROUTING -d 192.0.2.0/24 -j MARK --set-mark 5');
  t.equal(network.lookup('192.0.2.200', 0).type, 'local');
  t.same(network.markRules(), [{ family: 4, destination: '192.0.2.0/24', mark: 5 }]);
});

t.test('of two mark rules that match, the last one wins as in iptables, so it comes first for us', async (t) => {
  const network = run('iptables -t mangle -A PREROUTING -p tcp --dport 80 -i cl0 -j MARK --set-mark 3; iptables -t mangle -A PREROUTING -d 192.0.2.10 -j MARK --set-mark 4');
  t.same(network.markRules().map((r) => r.mark), [4, 3]);
  t.match(network.markRules()[1], { protocol: 6, destinationPorts: [80, 80], interface: 'cl0' });
});

t.test('a table of its own is asked only for packets with the mark', async (t) => {
  const network = run('ip rule add fwmark 3 lookup 100; ip route add local default dev lo table 100');
  t.equal(network.lookup('203.0.113.1', 3).type, 'local');
  t.equal(network.lookup('203.0.113.1', 0).type, 'unicast');
});

t.test('a dummy device with an address makes that address the director\'s own', async (t) => {
  const network = run('ip link add dum0 type dummy && ip link set dum0 up && ip addr add 10.1.0.1/24 dev dum0 && ip addr add 2001:db8:1::1/64 dev dum0 nodad');
  t.same(['10.1.0.1', '2001:db8:1::1'].map((a) => network.lookup(a, 0).type), ['local', 'local']);
  t.equal(network.lookup('10.1.0.2', 0).device?.name, 'rs0', 'the older connected route stays first');
  t.match(network.state().interfaces.find((i) => i.name === 'dum0'), { up: true, attached: false });
});

t.test('the sysctl loop prints name and value, sorted', async (t) => {
  const text = runShell('for f in /proc/sys/net/ipv4/vs/*; do echo "$(basename $f) = $(cat $f)"; done', { network: new HostNetwork(), sysctls: () => [['b', '2'], ['a', '1']], setSysctl: () => {} });
  t.equal(text, 'a = 1\nb = 2\n');
});

t.test('what it does not know is an error that names it', async (t) => {
  for (const command of ['tc qdisc add dev cl0 root netem', 'ip link add v0 type veth', 'iptables -t nat -A POSTROUTING -j MASQUERADE', 'iptables -A INPUT -m recent -j DROP', 'ip route frobnicate']) {
    t.throws(() => run(command), /shell step/, command);
  }
});
