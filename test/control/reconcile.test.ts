import t from 'tap';
import { reconcile, type ConfiguredService } from '../../lib/control/reconcile.ts';
import { IPIP_TUNNEL, type Destination } from '../../lib/model/destination.ts';
import type { VirtualService } from '../../lib/model/virtual-service.ts';

function service(port: number, scheduler = 'wlc'): VirtualService {
  return {
    id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port }, scheduler, schedFlags: 0,
    persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false,
  };
}

function destination(host: number, weight = 1): Destination {
  return { address: `10.1.0.${host}`, port: 80, method: 'masq', tunnel: { ...IPIP_TUNNEL }, weight, upperThreshold: 0, lowerThreshold: 0 };
}

const table = (...services: [VirtualService, ...Destination[]][]): ConfiguredService[] => services.map(([service, ...destinations]) => ({ service, destinations }));

t.test('the same table twice needs no commands, whatever the order of fields', async (t) => {
  const reordered = { ...destination(1), address: undefined, tunnel: { port: 0, checksum: 'none', type: 'ipip' } } as unknown as Destination;
  Object.assign(reordered, { address: '10.1.0.1' });
  t.same(reconcile(table([service(80), destination(1)]), table([service(80), reordered])), []);
});

t.test('only what differs is edited, removals come first', async (t) => {
  const current = table([service(80), destination(2), destination(1)], [service(81), destination(1)]);
  const desired = table([service(80, 'rr'), destination(3), destination(1, 5)], [service(82)]);
  const id80 = service(80).id;
  t.same(reconcile(current, desired), [
    { op: 'deleteService', id: service(81).id },
    { op: 'editService', service: service(80, 'rr') },
    { op: 'deleteDestination', id: id80, address: '10.1.0.2', port: 80 },
    { op: 'editDestination', id: id80, destination: destination(1, 5) },
    { op: 'addDestination', id: id80, destination: destination(3) },
    { op: 'addService', service: service(82) },
  ]);
});

t.test('new destinations are added oldest first, so that the list comes out in the wanted order', async (t) => {
  const commands = reconcile([], table([service(80), destination(3), destination(2), destination(1)]));
  t.same(commands.map((command) => (command.op === 'addDestination' ? command.destination.address : command.op)), ['addService', '10.1.0.1', '10.1.0.2', '10.1.0.3']);
});

t.test('services of one address but another protocol or family of mark are different ones', async (t) => {
  const mark = (family: 4 | 6): VirtualService => ({ ...service(80), id: { kind: 'fwmark', fwmark: 7, family } });
  t.same(reconcile(table([mark(4)]), table([mark(6)])), [{ op: 'deleteService', id: mark(4).id }, { op: 'addService', service: mark(6) }]);
});
