import t from 'tap';
import { HostAddresses } from '../../lib/control/address-kind.ts';
import { hostInterfaces } from '../../lib/control/host-interfaces.ts';

t.test('the loopback is there with its address, so that a director without devices knows its own addresses', async (t) => {
  const state = hostInterfaces();
  t.match(state.interfaces.find(({ name }) => name === 'lo'), { mtu: 65536, up: true });
  const addresses = new HostAddresses(state);
  t.equal(addresses.kind('127.0.0.1'), 'local');
  t.equal(addresses.kind('127.255.255.255'), 'broadcast');
  t.equal(addresses.kind('192.0.2.1'), 'unicast');
});
