import t from 'tap';
import { parseAddress, swap16 } from '../../lib/wire/address.ts';
import { Counters } from '../../lib/dataplane/estimator.ts';
import { SLOT_WORDS, Services } from '../../lib/dataplane/services.ts';
import { IPPROTO } from '../../lib/model/protocol.ts';
import { destination, server, service, tcpService, udpService, VIP, VIP6 } from '../support/frames.ts';

const env = { now: () => 0, random: () => 0, sysctl: () => 0, explain: null };

function services(): Services {
  return new Services(new Counters(), env);
}

function find(table: Services, address: string, port: number, protocol: number = IPPROTO.tcp, mark = 0): string | undefined {
  const { family, words } = parseAddress(address)!;
  return table.find(family, mark, protocol, words[0]!, words[1]!, words[2]!, words[3]!, swap16(port))?.key;
}

t.test('the mark first, then address and port, then the FTP service for high ports, then port 0', async (t) => {
  const table = services();
  for (const config of [tcpService(80), tcpService(21, { persistenceSec: 60 }), tcpService(0, { persistenceSec: 60 }), service({ kind: 'fwmark', fwmark: 5, family: 4 })]) table.addService(config);
  t.equal(find(table, VIP, 80, IPPROTO.tcp, 5), 'fwm4 5');
  t.equal(find(table, VIP, 80, IPPROTO.tcp, 6), `tcp ${VIP} 80`);
  t.equal(find(table, VIP, 80), `tcp ${VIP} 80`);
  t.equal(find(table, VIP, 20), `tcp ${VIP} 21`);
  t.equal(find(table, VIP, 1024), `tcp ${VIP} 21`);
  t.equal(find(table, VIP, 1023), `tcp ${VIP} 0`);
  t.equal(find(table, VIP, 80, IPPROTO.udp), undefined);
  t.equal(find(table, '192.0.2.11', 80), undefined);
  t.equal(find(table, VIP6, 80, IPPROTO.tcp, 5), undefined, 'marks have a family');
});

t.test('a deleted service is not found, its neighbours are', async (t) => {
  const table = services();
  const ports = Array.from({ length: 500 }, (_, i) => i + 1);
  for (const port of ports) table.addService(udpService(port));
  for (const port of ports) if (port % 3 === 0) table.deleteService(udpService(port).id);
  for (const port of ports) if (find(table, VIP, port, IPPROTO.udp) !== (port % 3 === 0 ? undefined : `udp ${VIP} ${port}`)) t.fail(`port ${port}`);
  t.equal(table.active, true);
  for (const { id } of [...table.byKey.values()]) table.deleteService(id);
  t.equal(table.active, false);
  t.equal(table.hasVirtualAddress(4, parseAddress(VIP)!.words[0]!, 0, 0, 0), false);
});

t.test('real servers are known by address and port while a NAT destination has them', async (t) => {
  const table = services();
  const { id } = tcpService();
  const words = parseAddress(server(1))!.words;
  const known = (port: number, protocol: number = IPPROTO.tcp): boolean => table.realServers.find(4, protocol, words[0]!, 0, 0, 0, swap16(port)) !== null;
  table.addService(tcpService());
  table.addDestination(id, destination(server(1), 80));
  t.same([known(80), known(81), known(80, IPPROTO.udp)], [true, false, false]);
  table.editDestination(id, destination(server(1), 80, { method: 'route' }));
  t.equal(known(80), false);
  table.editDestination(id, destination(server(1), 80));
  table.deleteDestination(id, server(1), 80);
  t.equal(known(80), false);
  t.equal(table.realServers.hasAddress(4, words[0]!, 0, 0, 0), false);
});

t.test('a destination out of the trash is the same one; two minutes unreferenced and it is forgotten', async (t) => {
  const table = services();
  const { id } = tcpService();
  table.addService(tcpService());
  table.addDestination(id, destination(server(1), 80));
  const [first] = table.get(id)!.destinations;
  const again = (): boolean => {
    table.addDestination(id, destination(server(1), 80));
    return table.get(id)!.destinations[0] === first;
  };
  table.deleteDestination(id, server(1), 80);
  t.equal(again(), true);
  table.deleteDestination(id, server(1), 80);
  first!.activeConns = 1;
  for (const nowMs of [60_000, 120_000, 180_000, 240_000]) table.emptyTrash(nowMs);
  t.equal(again(), true, 'a connection holds it');
  first!.activeConns = 0;
  table.deleteDestination(id, server(1), 80);
  for (const nowMs of [300_000, 360_000, 420_000]) table.emptyTrash(nowMs);
  t.equal(again(), false);
  t.equal(table.destinations.filter((each) => each !== undefined).length, 1);
});

t.test('slots grow with the destinations', async (t) => {
  const table = services();
  table.addService(tcpService());
  for (let n = 0; n < 300; n++) table.addDestination(tcpService().id, destination(`10.9.${n >> 8}.${n & 255}`, 80));
  const slots = new Set(table.get(tcpService().id)!.destinations.map(({ slot }) => slot));
  t.equal(slots.size, 300);
  t.equal([...slots].every((slot) => table.slots[SLOT_WORDS * slot] === 1), true);
});

t.test('thresholds: overload begins at the upper, ends below the lower or three quarters, and follows edits', async (t) => {
  const table = services();
  const { id } = tcpService();
  table.addService(tcpService());
  table.addDestination(id, destination(server(1), 80, { upperThreshold: 4 }));
  const entry = table.get(id)!.destinations[0]!;
  const states: boolean[] = [];
  for (let n = 0; n < 4; n++) { entry.bound(false, true); states.push(entry.overloaded); }
  entry.unbound(false, true); states.push(entry.overloaded);
  entry.unbound(false, true); states.push(entry.overloaded);
  t.same(states, [false, false, false, true, true, false]);
  table.editDestination(id, destination(server(1), 80, { upperThreshold: 2, lowerThreshold: 1 }));
  t.equal(entry.overloaded, true);
  table.editDestination(id, destination(server(1), 80, { upperThreshold: 0 }));
  t.equal(entry.overloaded, false);
});
