import { execFileSync } from 'node:child_process';
import t from 'tap';
import { enterNetworkNamespace } from '../../native-shims/index.ts';
import { watchNetwork, type NetworkWatch } from '../../lib/device/netlink-watch.ts';
import type { Neighbour, NetworkInterface, NetworkState } from '../../lib/model/network-state.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const GIVE_UP_MS = 10_000;

/** Everything a watch told, and waiting for it to have told something. */
class Told {
  states: NetworkState[] = [];
  neighbours: Neighbour[] = [];
  #waiting: (() => void)[] = [];

  readonly onState = (state: NetworkState): void => { this.states.push(state); this.#wake(); };
  readonly onNeighbour = (neighbour: Neighbour): void => { this.neighbours.push(neighbour); this.#wake(); };

  get state(): NetworkState { return this.states.at(-1)!; }

  async until(what: string, holds: () => boolean): Promise<void> {
    const keepAlive = setInterval(() => {}, 1000);
    try {
      const deadline = Date.now() + GIVE_UP_MS;
      while (!holds()) {
        if (Date.now() > deadline) throw new Error(`never told: ${what}`);
        await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), new Promise((resolve) => setTimeout(resolve, 1000))]);
      }
    } finally {
      clearInterval(keepAlive);
    }
  }

  #wake(): void { this.#waiting.splice(0).forEach((resolve) => resolve()); }
}

function named(state: NetworkState, name: string): NetworkInterface {
  return state.interfaces.find((entry) => entry.name === name)!;
}

t.test('the watch follows the host network', SLOW, async (t) => {
  const net = new Namespaces();
  t.teardown(() => net.close());
  const [m, s] = ['m', 's'].map((name) => net.add(name)) as [string, string];
  net.link(m, 'l0', s, 's0');
  net.ip(m, 'addr add 10.78.0.1/24 dev l0');
  net.ip(s, 'addr add 10.78.0.2/24 dev s0');
  net.run(m, 'sh', '-c', 'echo 100 > /proc/sys/net/ipv4/neigh/l0/retrans_time_ms; echo 1 > /proc/sys/net/ipv4/neigh/l0/delay_first_probe_time');
  const serverMac = /link\/ether (\S+)/.exec(net.ip(s, 'link show s0'))![1]!;
  enterNetworkNamespace(`/run/netns/${m}`);
  const told = new Told();
  let watch: NetworkWatch = watchNetwork({ attached: ['l0'] }, told.onState, told.onNeighbour);
  t.teardown(() => watch.close());

  t.test('the first state is there at once', async (t) => {
    t.equal(told.states.length, 1);
    const l0 = named(told.state, 'l0');
    t.match(l0, { index: told.state.interfaces.indexOf(l0), up: true, attached: true, mtu: 1500, mac: /^[0-9a-f:]{17}$/ });
    t.ok(l0.addresses.includes('10.78.0.1/24'));
    t.match(named(told.state, 'lo'), { mac: '', attached: false });
    t.match(told.state.routes.find((route) => route.prefix === '10.78.0.0/24'), { type: 'unicast', via: null, interface: l0.index, source: '10.78.0.1' });
    t.match(told.state.routes.find((route) => route.prefix === '10.78.0.1/32'), { type: 'local' });
  });

  t.test('addresses and routes of every kind arrive as they change', async (t) => {
    net.ip(m, 'addr add 192.0.2.10/32 dev lo');
    net.ip(m, 'route add 198.51.100.0/24 via 10.78.0.2 mtu 1400 metric 7');
    net.ip(m, 'route add blackhole 203.0.113.0/24');
    net.ip(m, '-6 addr add 2001:db8:1::1/64 dev l0 nodad');
    net.ip(m, '-6 route add 2001:db8:2::/48 via 2001:db8:1::2');
    net.ip(m, 'route add 198.18.0.0/15 nexthop via 10.78.0.2 nexthop via 10.78.0.3');
    net.ip(m, 'route add 100.64.0.0/10 via inet6 2001:db8:1::2 dev l0');
    const route = (prefix: string) => told.state.routes.find((entry) => entry.prefix === prefix);
    await told.until('routes', () => route('100.64.0.0/10') !== undefined);
    t.match(route('192.0.2.10/32'), { type: 'local', family: 4 });
    t.match(route('198.51.100.0/24'), { via: '10.78.0.2', mtu: 1400, metric: 7, interface: named(told.state, 'l0').index });
    t.match(route('203.0.113.0/24'), { type: 'blackhole' });
    t.match(route('2001:db8:2::/48'), { via: '2001:db8:1::2', family: 6 });
    t.match(route('198.18.0.0/15'), { via: '10.78.0.2' });
    t.match(route('100.64.0.0/10'), { via: '2001:db8:1::2', family: 4 });
    net.ip(m, 'route del 198.51.100.0/24');
    await told.until('route gone', () => route('198.51.100.0/24') === undefined);
  });

  t.test('a neighbour is resolved by the kernel when asked for', async (t) => {
    const l0 = named(told.state, 'l0').index;
    watch.resolveNeighbour(l0, '10.78.0.2');
    await told.until('neighbour', () => told.neighbours.some((n) => n.address === '10.78.0.2'));
    t.same(told.neighbours.find((n) => n.address === '10.78.0.2'), { interface: l0, address: '10.78.0.2', mac: serverMac });
    t.ok(watch.state.neighbours.some((n) => n.address === '10.78.0.2'));
    watch.resolveNeighbour(l0, '10.78.0.99');
    await told.until('failure', () => told.neighbours.some((n) => n.address === '10.78.0.99'));
    t.equal(told.neighbours.find((n) => n.address === '10.78.0.99')!.mac, null);
    watch.resolveNeighbour(999, '10.78.0.2');
  });

  t.test('the next hop of a kept address is resolved without asking, and a new MAC address is noticed', async (t) => {
    net.ip(m, 'neigh flush dev l0');
    told.neighbours = [];
    watch.keepAlive(['198.18.5.5', 'not an address']);
    await told.until('next hop', () => told.neighbours.some((n) => n.address === '10.78.0.2' && n.mac === serverMac));
    told.neighbours = [];
    net.ip(s, 'link set s0 address 02:00:00:00:99:01');
    net.ip(m, 'neigh change 10.78.0.2 dev l0 nud stale');
    await told.until('new address', () => told.neighbours.some((n) => n.address === '10.78.0.2' && n.mac === '02:00:00:00:99:01'));
  });

  t.test('a link that goes down, disappears and comes back keeps its index', async (t) => {
    const before = named(told.state, 'l0').index;
    net.ip(s, 'link set s0 down');
    await told.until('down', () => !named(told.state, 'l0').up);
    net.ip(m, 'link set l0 mtu 1300');
    await told.until('mtu', () => named(told.state, 'l0').mtu === 1300);
    net.ip(m, 'link del l0');
    await told.until('gone', () => named(told.state, 'l0').ifindex === 0);
    t.match(named(told.state, 'l0'), { index: before, up: false, attached: false, addresses: [] });
    t.ok(told.state.routes.every((route) => route.interface !== before));
    net.link(m, 'other', s, 'other2');
    net.link(m, 'l0', s, 's0');
    await told.until('back', () => named(told.state, 'l0').up);
    t.equal(named(told.state, 'l0').index, before);
    t.not(named(told.state, 'other').index, before);
    t.same(told.state.interfaces.map((entry) => entry.index), told.state.interfaces.map((_entry, i) => i));
  });

  t.test('when notifications are lost, everything is read again', async (t) => {
    watch.close();
    const again = new Told();
    watch = watchNetwork({ receiveBytes: 1 }, again.onState, again.onNeighbour);
    const lines = Array.from({ length: 400 }, (_unused, i) => `route add 172.16.${i >> 4}.${(i & 15) * 16}/28 dev l0`);
    net.ip(m, 'addr add 10.78.0.1/24 dev l0');
    // All at once while this thread cannot read: far more than the socket holds.
    execFileSync('ip', ['-n', m, '-batch', '-'], { input: `${lines.join('\n')}\nneigh add 10.78.0.50 lladdr 02:00:00:00:00:50 dev l0\n` });
    await again.until('all routes', () => again.state.routes.filter((route) => route.prefix.endsWith('/28')).length === 400);
    t.ok(watch.state.neighbours.some((n) => n.address === '10.78.0.50' && n.mac === '02:00:00:00:00:50'));
  });
});
