import t from 'tap';
import { ConfiguredMirror } from '../lib/configured-mirror.ts';
import { IPIP_TUNNEL } from '../lib/model/destination.ts';
import type { ConnectionRecord } from '../lib/model/stats.ts';
import type { TableEdit } from '../lib/model/table-edit.ts';
import type { ServiceId } from '../lib/model/virtual-service.ts';

const HTTP: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const ANY: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 0 };
const MARK: ServiceId = { kind: 'fwmark', fwmark: 1, family: 4 };

const service = (id: ServiceId): TableEdit =>
  ({ op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } });
const destination = (id: ServiceId, address: string, port: number): TableEdit =>
  ({ op: 'addDestination', id, destination: { address, port, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } });
const connection = (virtualPort: number, server: string, port: number): ConnectionRecord =>
  ({ family: 4, protocol: 6, virtual: '192.0.2.10', virtualPort, destination: server, destinationPort: port }) as ConnectionRecord;

t.test('a connection belongs to something while its service has its destination', async (t) => {
  const mirror = new ConfiguredMirror();
  t.equal(mirror.isEmpty, true);
  t.same([service(HTTP), destination(HTTP, '10.1.0.1', 8080), destination(HTTP, '10.1.0.2', 8080)].map((edit) => mirror.apply(edit)), ['added', 'added', 'added']);
  t.equal(mirror.covers(connection(80, '10.1.0.1', 8080)), true);
  t.equal(mirror.covers(connection(81, '10.1.0.1', 8080)), false);
  t.same(mirror.destinationAddresses(), ['10.1.0.1', '10.1.0.2']);
  t.equal(mirror.apply({ op: 'deleteDestination', id: HTTP, address: '10.1.0.1', port: 8080 }), 'removed');
  t.equal(mirror.covers(connection(80, '10.1.0.1', 8080)), false);
  t.equal(mirror.covers(connection(80, '10.1.0.2', 8080)), true);
  t.equal(mirror.apply({ op: 'deleteService', id: HTTP }), 'removed');
  t.equal(mirror.covers(connection(80, '10.1.0.2', 8080)), false);
  t.equal(mirror.isEmpty, true);
  t.equal(mirror.apply({ op: 'deleteService', id: HTTP }), 'none');
});

t.test('services for all ports and mark services cover by destination, destinations with port 0 any port', async (t) => {
  const mirror = new ConfiguredMirror();
  mirror.apply(service(ANY));
  mirror.apply(destination(ANY, '10.1.0.1', 0));
  t.equal(mirror.covers(connection(443, '10.1.0.1', 443)), true);
  t.equal(mirror.apply({ op: 'flush' }), 'removed');
  mirror.apply(service(MARK));
  mirror.apply(destination(MARK, '10.1.0.1', 80));
  t.equal(mirror.covers(connection(443, '10.1.0.1', 80)), true);
  t.equal(mirror.covers(connection(443, '10.1.0.9', 80)), false);
});
