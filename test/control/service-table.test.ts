import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_TIMEOUTS, ServiceTable } from '../../lib/control/service-table.ts';
import type { ControlCommand, SyncDaemon } from '../../lib/model/control-command.ts';
import { type Destination, IPIP_TUNNEL } from '../../lib/model/destination.ts';
import { LvsError, type LvsErrorCode } from '../../lib/model/errors.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import { SYSCTLS } from '../../lib/model/sysctl.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';

const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const WEB6: ServiceId = { kind: 'address', protocol: 'tcp', address: '2001:db8::10', port: 80 };
const MARK: ServiceId = { kind: 'fwmark', fwmark: 7, family: 4 };

const service = (id: ServiceId, fields: Partial<VirtualService> = {}): VirtualService => ({
  id, scheduler: 'wlc', schedFlags: 0, persistenceSec: 0, persistenceMask: id === WEB6 ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false, ...fields,
});
const destination = (address: string, fields: Partial<Destination> = {}): Destination => ({
  address, port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0, ...fields,
});
const add = (id: ServiceId, address: string, fields: Partial<Destination> = {}): ControlCommand => ({ op: 'addDestination', id, destination: destination(address, fields) });
const daemon = (role: SyncDaemon['role'], fields: Partial<SyncDaemon> = {}): ControlCommand => ({
  op: 'startDaemon', daemon: { role, interface: 'lo', syncId: 0, maxLength: 0, group: '', port: 0, ttl: 0, ...fields },
});
const NETWORK: NetworkState = {
  interfaces: [
    { index: 0, ifindex: 1, name: 'lo', mac: '', mtu: 65536, up: true, addresses: ['127.0.0.1/8', '::1/128', '192.0.2.99/32'], attached: false },
    { index: 1, ifindex: 2, name: 'rs0', mac: '02:00:00:00:00:01', mtu: 1500, up: true, addresses: ['10.1.0.254/24', 'fe80::1/64'], attached: true },
    { index: 2, ifindex: 3, name: 'down0', mac: '02:00:00:00:00:02', mtu: 1500, up: false, addresses: [], attached: true },
  ],
  routes: [{ family: 4, prefix: '10.9.0.0/16', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 }],
  neighbours: [], forwarding4: true, forwarding6: true,
};

function tableWith(...ids: ServiceId[]): ServiceTable {
  const table = new ServiceTable();
  table.useNetwork(NETWORK);
  for (const id of ids) table.execute({ op: 'addService', service: service(id) });
  return table;
}

function refusal(table: ServiceTable, command: ControlCommand): LvsErrorCode | null {
  try {
    table.execute(command);
    return null;
  } catch (error) {
    if (error instanceof LvsError) return error.code;
    throw error;
  }
}

t.test('what passes becomes an edit, in order, and is listed newest first', async (t) => {
  const table = tableWith(WEB);
  const commands = [add(WEB, '10.1.0.1'), add(WEB, '10.1.0.2'), add(WEB, '10.1.0.3')];
  t.same(commands.flatMap((command) => table.execute(command)), commands);
  t.same(table.service(WEB)!.destinations.map(({ address }) => address), ['10.1.0.3', '10.1.0.2', '10.1.0.1']);
});

t.test('an edit does not move a destination; removing and adding it again makes it the newest', async (t) => {
  const table = tableWith(WEB);
  for (const n of [1, 2, 3]) table.execute(add(WEB, `10.1.0.${n}`));
  table.execute({ op: 'editDestination', id: WEB, destination: destination('10.1.0.1', { weight: 9 }) });
  t.same(table.service(WEB)!.destinations.map(({ address, weight }) => [address, weight]), [['10.1.0.3', 1], ['10.1.0.2', 1], ['10.1.0.1', 9]]);
  table.execute({ op: 'deleteDestination', id: WEB, address: '10.1.0.1', port: 80 });
  table.execute(add(WEB, '10.1.0.1'));
  t.same(table.service(WEB)!.destinations.map(({ address }) => address), ['10.1.0.1', '10.1.0.3', '10.1.0.2']);
});

t.test('services are refused as the kernel refuses them', async (t) => {
  const cases: [ControlCommand, LvsErrorCode][] = [
    [{ op: 'addService', service: service(WEB) }, 'ServiceExists'],
    [{ op: 'addService', service: service(WEB, { scheduler: 'nosuch' }) }, 'ServiceExists'],
    [{ op: 'addService', service: service(MARK, { scheduler: 'nosuch' }) }, 'NoScheduler'],
    [{ op: 'addService', service: service(MARK, { persistenceEngine: 'nosuch' }) }, 'NoScheduler'],
    [{ op: 'addService', service: service(WEB6, { persistenceMask: '129' }) }, 'InvalidOperation'],
    [{ op: 'addService', service: service(WEB6, { persistenceMask: '255.255.255.0' }) }, 'InvalidOperation'],
    [{ op: 'addService', service: service(MARK, { persistenceMask: '24' }) }, 'InvalidOperation'],
    [{ op: 'editService', service: service(MARK, { scheduler: 'nosuch' }) }, 'NoSuchService'],
    [{ op: 'editService', service: service(WEB, { scheduler: 'RR' }) }, 'NoScheduler'],
    [{ op: 'deleteService', id: MARK }, 'NoSuchService'],
    [{ op: 'zero', id: MARK }, 'NoSuchService'],
  ];
  const table = tableWith(WEB);
  for (const [command, code] of cases) t.equal(refusal(table, command), code, JSON.stringify(command));
  t.same(table.services().map((one) => one.service), [service(WEB)]);
});

t.test('the scheduler "none" and a mask with holes are fine; which schedulers exist can be narrowed', async (t) => {
  t.equal(refusal(tableWith(), { op: 'addService', service: service(WEB, { scheduler: 'none', persistenceMask: '255.255.0.255' }) }), null);
  const narrow = new ServiceTable({ hasScheduler: (name) => name === 'rr' });
  t.equal(refusal(narrow, { op: 'addService', service: service(WEB) }), 'NoScheduler');
  t.equal(refusal(narrow, { op: 'addService', service: service(WEB, { scheduler: 'rr' }) }), null);
});

t.test('destinations are refused as the kernel refuses them, in its order', async (t) => {
  const table = tableWith(WEB, WEB6);
  table.execute(add(WEB, '10.1.0.1'));
  const cases: [ControlCommand, LvsErrorCode][] = [
    [add(MARK, '224.0.0.1', { upperThreshold: 1, lowerThreshold: 2 }), 'ServiceNotDefined'],
    [add(WEB, '10.1.0.1'), 'DestinationExists'],
    [add(WEB, '10.1.0.1', { upperThreshold: 1, lowerThreshold: 2 }), 'OutOfRange'],
    [add(WEB, '10.1.0.2', { lowerThreshold: 1 }), 'OutOfRange'],
    [add(WEB, '2001:db8::1'), 'InvalidOperation'],
    [add(WEB, '10.1.0.2', { method: 'tunnel', tunnel: { type: 'gue', port: 0, checksum: 'none' } }), 'InvalidOperation'],
    [{ op: 'editDestination', id: WEB, destination: destination('10.1.0.9') }, 'NoSuchDestination'],
    [{ op: 'editDestination', id: WEB, destination: destination('10.1.0.9', { lowerThreshold: 1 }) }, 'OutOfRange'],
    [{ op: 'editDestination', id: MARK, destination: destination('10.1.0.9') }, 'ServiceNotDefined'],
    [{ op: 'deleteDestination', id: WEB, address: '10.1.0.1', port: 443 }, 'NoSuchDestination'],
    [{ op: 'deleteDestination', id: MARK, address: '10.1.0.1', port: 80 }, 'ServiceNotDefined'],
  ];
  for (const [command, code] of cases) t.equal(refusal(table, command), code, JSON.stringify(command));
  t.equal(refusal(table, add(WEB, '2001:db8::1', { method: 'tunnel' })), null);
});

t.test('a destination must be unicast or the host\'s own', async (t) => {
  const table = tableWith(WEB, WEB6);
  for (const address of ['0.0.0.0', '255.255.255.255', '224.0.0.1', '239.255.255.255', '10.1.0.255', '127.255.255.255']) {
    t.equal(refusal(table, add(WEB, address)), 'InvalidOperation', address);
  }
  for (const address of ['127.0.0.1', '127.1.2.3', '240.0.0.1', '10.1.0.254', '10.1.0.1', '10.9.0.255']) t.equal(refusal(table, add(WEB, address)), null, address);
  for (const address of ['::', 'ff02::1', 'fe80::2', 'febf::1', '::ffff:10.0.0.1']) t.equal(refusal(table, add(WEB6, address)), 'InvalidOperation', address);
  for (const address of ['::1', 'fe80::1', 'fec0::1', '2001:db8::1']) t.equal(refusal(table, add(WEB6, address)), null, address);
});

t.test('the virtual service itself is a real server only where it is an address of this host', async (t) => {
  const table = tableWith(WEB);
  t.throws(() => table.execute(add(WEB, '192.0.2.10', { port: 8080 })), { code: 'Unsupported', message: /192\.0\.2\.10 is the virtual service itself/ });
  const local: ServiceId = { ...WEB, address: '192.0.2.99' };
  table.execute({ op: 'addService', service: service(local) });
  t.equal(refusal(table, add(local, '192.0.2.99', { port: 8080 })), null);
});

t.test('timeouts of 0 keep what was, too long ones are refused', async (t) => {
  const table = tableWith();
  t.same(table.timeouts, DEFAULT_TIMEOUTS);
  table.execute({ op: 'timeouts', timeouts: { tcp: 100, tcpFin: 0, udp: 25 } });
  t.same(table.timeouts, { tcp: 100, tcpFin: 120, udp: 25 });
  t.equal(refusal(table, { op: 'timeouts', timeouts: { tcp: 2 ** 31 - 1, tcpFin: 0, udp: 0 } }), 'InvalidOperation');
});

t.test('a sysctl out of its range is refused by name and range', async (t) => {
  const table = tableWith();
  for (const [name, standard, low, high] of SYSCTLS) {
    t.equal(table.sysctls[name], standard);
    t.equal(refusal(table, { op: 'sysctl', name, value: low }), null);
    t.throws(() => table.execute({ op: 'sysctl', name, value: high + 1 }), { code: 'InvalidOperation', message: new RegExp(`net.ipv4.vs.${name} takes ${low} to ${high}`) });
    t.equal(table.sysctls[name], low);
  }
});

t.test('synchronisation daemons: one of each role, with the kernel\'s defaults', async (t) => {
  const table = tableWith();
  t.match(table.execute(daemon('backup', { syncId: 7 })), [{ op: 'daemons', master: null, backup: { syncId: 7 } }]);
  t.match(table.execute(daemon('master', { interface: 'rs0' })), [{ op: 'daemons', master: { interface: 'rs0' }, backup: { syncId: 7 } }]);
  t.same(table.daemons, [
    { role: 'master', interface: 'rs0', syncId: 0, maxLength: 1472, group: '224.0.0.81', port: 8848, ttl: 1 },
    { role: 'backup', interface: 'lo', syncId: 7, maxLength: 65507, group: '224.0.0.81', port: 8848, ttl: 1 },
  ]);
  t.equal(refusal(table, daemon('master')), 'DaemonRunning');
  t.equal(refusal(table, daemon('master', { interface: 'nosuch0' })), 'NoSuchDevice', 'the interface is looked for first');
  t.match(table.execute({ op: 'stopDaemon', role: 'backup' }), [{ op: 'daemons', master: { interface: 'rs0' }, backup: null }]);
  t.equal(refusal(table, { op: 'stopDaemon', role: 'backup' }), 'NoDaemon');
  table.execute({ op: 'stopDaemon', role: 'master' });
  t.equal(refusal(table, daemon('master', { interface: 'down0' })), 'NetworkUnreachable');
  table.execute(daemon('backup', { group: 'ff02::7', maxLength: 1 }));
  t.match(table.daemons, [{ maxLength: 1024, group: 'ff02::7' }]);
});

t.test('synchronisation and destinations of the other address family exclude each other', async (t) => {
  const table = tableWith(WEB);
  table.execute(daemon('master'));
  t.equal(refusal(table, add(WEB, '2001:db8::1', { method: 'tunnel' })), 'InvalidOperation');
  table.execute({ op: 'stopDaemon', role: 'master' });
  t.equal(refusal(table, add(WEB, '2001:db8::1', { method: 'tunnel' })), null);
  t.equal(refusal(table, daemon('master', { interface: 'nosuch0' })), 'InvalidOperation');
  table.execute({ op: 'deleteService', id: WEB });
  t.equal(refusal(table, daemon('master')), null);
});

t.test('all or none: after a refusal the table is as before', async (t) => {
  const table = tableWith(WEB);
  table.execute(add(WEB, '10.1.0.1'));
  const before = { services: table.services(), timeouts: table.timeouts, sysctls: table.sysctls, marks: table.marks, daemons: table.daemons };
  const outcome = table.executeAll([
    { op: 'editService', service: service(WEB, { scheduler: 'rr' }) }, add(WEB, '10.1.0.2'), { op: 'deleteDestination', id: WEB, address: '10.1.0.1', port: 80 },
    { op: 'addService', service: service(MARK) }, { op: 'timeouts', timeouts: { tcp: 1, tcpFin: 1, udp: 1 } }, { op: 'sysctl', name: 'sloppy_tcp', value: 1 },
    { op: 'marks', rules: [{ mark: 1 }] }, daemon('backup'), { op: 'deleteService', id: WEB6 },
  ]);
  t.match(outcome, { position: 8, error: { code: 'NoSuchService' } });
  t.same({ services: table.services(), timeouts: table.timeouts, sysctls: table.sysctls, marks: table.marks, daemons: table.daemons }, before);
});

t.test('edits() brings another table to the same state, destination order included', async (t) => {
  const table = tableWith(WEB, MARK);
  for (const n of [3, 1, 2]) table.execute(add(WEB, `10.1.0.${n}`));
  table.execute({ op: 'marks', rules: [{ mark: 9, protocol: 6 }] });
  table.execute({ op: 'timeouts', timeouts: { tcp: 1, tcpFin: 2, udp: 3 } });
  const copy = new ServiceTable();
  for (const edit of table.edits()) if (edit.op !== 'daemons') copy.execute(edit as ControlCommand);
  t.same(copy.services(), table.services());
  t.same(copy.marks, table.marks);
  t.same(copy.timeouts, table.timeouts);
});

t.test('whatever is thrown at it, a refused command leaves the table alone and an accepted one is applied', async (t) => {
  const ids = fc.constantFrom<ServiceId>(WEB, WEB6, MARK);
  const addresses = fc.constantFrom('10.1.0.1', '10.1.0.2', '2001:db8:1::1', '224.0.0.1');
  const anyDestination = fc.record({ address: addresses, port: fc.constantFrom(0, 80), method: fc.constantFrom('masq', 'tunnel', 'route'), upper: fc.nat(2), lower: fc.nat(2) })
    .map(({ address, port, method, upper, lower }) => destination(address, { port, method: method as Destination['method'], upperThreshold: upper, lowerThreshold: lower }));
  const anyCommand: fc.Arbitrary<ControlCommand> = fc.oneof(
    ids.map((id): ControlCommand => ({ op: 'addService', service: service(id) })),
    ids.map((id): ControlCommand => ({ op: 'deleteService', id })),
    fc.tuple(ids, anyDestination).map(([id, one]): ControlCommand => ({ op: 'addDestination', id, destination: one })),
    fc.tuple(ids, anyDestination).map(([id, one]): ControlCommand => ({ op: 'editDestination', id, destination: one })),
    fc.tuple(ids, addresses).map(([id, address]): ControlCommand => ({ op: 'deleteDestination', id, address, port: 80 })),
    fc.constant<ControlCommand>({ op: 'flush' }),
  );
  fc.assert(fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
    const table = tableWith();
    const replayed = tableWith();
    for (const command of commands) {
      const before = JSON.stringify(table.services());
      const code = refusal(table, command);
      if (code !== null) {
        if (JSON.stringify(table.services()) !== before) return false;
      } else {
        replayed.execute(command);
      }
    }
    return JSON.stringify(replayed.services()) === JSON.stringify(table.services());
  }));
});
