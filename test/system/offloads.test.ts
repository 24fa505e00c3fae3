import t from 'tap';
import { enterNetworkNamespace } from '../../native-shims/index.ts';
import { interfaceFeatures } from '../../lib/device/ethtool.ts';
import { Offloads } from '../../lib/device/offloads.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

t.test('a harmful offload is off while we use the interface and on again afterwards', SLOW, async (t) => {
  const net = new Namespaces();
  t.teardown(() => net.close());
  const [m, s] = ['m', 's'].map((name) => net.add(name)) as [string, string];
  net.link(m, 'l0', s, 's0');
  net.run(m, 'ethtool', '-K', 'l0', 'rx-gro-list', 'on');
  enterNetworkNamespace(`/run/netns/${m}`);
  const isOn = (): boolean => /rx-gro-list: on/.test(net.run(m, 'ethtool', '-k', 'l0'));
  t.equal(isOn(), true);
  t.equal(interfaceFeatures('l0').get('rx-gro-list')!.active, true);
  const before = net.run(m, 'ethtool', '-k', 'l0');

  const offloads = new Offloads();
  t.same(offloads.prepare('l0'), ['l0: rx-gro-list turned off until exit (it joins packets without a checksum over the whole)']);
  t.equal(isOn(), false);
  t.same(offloads.prepare('l0'), [], 'nothing is left to change');
  offloads.restore();
  t.equal(net.run(m, 'ethtool', '-k', 'l0'), before);

  offloads.prepare('l0');
  net.ip(m, 'link del l0');
  offloads.restore();
});
