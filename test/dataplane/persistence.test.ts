import t from 'tap';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, destination, server, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';

const { syn, ack, fin } = TCP_FLAG;

const templates = (director: TestDirector): object[] => director.connections().filter(({ template }) => template)
  .map(({ client, clientPort, virtual, virtualPort, destination: to, destinationPort, protocol, state, expiresSec }) =>
    `${protocol} ${client}:${clientPort} ${virtual}:${virtualPort} ${to}:${destinationPort} ${state} ${expiresSec}` as unknown as object);

t.test('a client stays with its server, a neighbour in its network too when the mask says so', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 300, persistenceMask: '255.255.255.0' }), destination(server(1), 8080), destination(server(2), 8080));
  const pick = (client: string, port: number): string => director.send(tcpFrame(client, port, VIP, 80, syn))[0]!.dst!;
  t.equal(pick('203.0.113.7', 40001), server(2));
  t.equal(pick('203.0.113.7', 40002), server(2));
  t.equal(pick('203.0.113.200', 40001), server(2));
  t.equal(pick('203.0.114.7', 40001), server(1));
  t.same(templates(director), ['6 203.0.113.0:0 192.0.2.10:80 10.1.0.2:8080 NONE 300', '6 203.0.114.0:0 192.0.2.10:80 10.1.0.1:8080 NONE 300']);
  director.send(tcpFrame('203.0.113.7', 40001, VIP, 80, ack));
  t.match(templates(director)[0], / ASSURED 300$/);
  t.match(director.dataplane.stats(), { connections: 4, templates: 2, services: [{ destinations: [{ address: server(2), persistentConns: 1 }, { persistentConns: 1 }] }] });
});

t.test('IPv6 networks by prefix length', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 300, persistenceMask: '64' }, VIP6), destination(server(1, 6), 80), destination(server(2, 6), 80));
  const picks = [CLIENT6, '2001:db8:ff::8', '2001:db8:ff:0:1::1', '2001:db8:fe::7'].map((client) => director.send(tcpFrame(client, 40001, VIP6, 80, syn))[0]!.dst);
  t.same(picks, [server(2, 6), server(2, 6), server(2, 6), server(1, 6)]);
});

t.test('a template that expires while connections hang on it gets a minute more, and goes with them', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 100 }), destination(server(1), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack));
  director.wait(100_100);
  t.match(templates(director)[0], / ASSURED (59|60)$/);
  director.wait(830_000);
  t.equal(director.connections().length, 1, 'the connection is over, the template still has its minute');
  director.wait(61_000);
  t.same(director.connections(), []);
  t.match(director.dataplane.stats().services[0]!.destinations, [{ activeConns: 0, inactiveConns: 0, persistentConns: 0 }]);
});

t.test('port 0 and mark services tie a client to one server for all ports', async (t) => {
  const director = new TestDirector()
    .serve(service({ kind: 'address', protocol: 'tcp', address: VIP, port: 0 }, { persistenceSec: 60 }), destination(server(1), 0), destination(server(2), 0))
    .serve(service({ kind: 'fwmark', fwmark: 9, family: 4 }, { persistenceSec: 60 }), destination(server(3), 0), destination(server(4), 0))
    .edit({ op: 'marks', rules: [{ mark: 9, destination: '192.0.2.11' }] });
  t.match([80, 443].map((port) => director.send(tcpFrame(CLIENT, 40001, VIP, port, syn))[0]), [{ dst: server(2), dport: 80 }, { dst: server(2), dport: 443 }]);
  t.match([80, 443].map((port) => director.send(tcpFrame(CLIENT, 40001, '192.0.2.11', port, syn))[0]), [{ dst: server(4), dport: 80 }, { dst: server(4), dport: 443 }]);
  t.match(director.send(udpFrame(CLIENT, 40001, '192.0.2.11', 53, 'q')), [{ dst: server(4), dport: 53 }], 'a mark has no protocol');
  t.same(templates(director), ['6 203.0.113.7:0 192.0.2.10:0 10.1.0.2:0 NONE 60', '0 203.0.113.7:0 0.0.0.9:0 10.1.0.4:0 NONE 60']);
});

t.test('a persistent FTP service takes the high ports of its address along', async (t) => {
  const director = new TestDirector().serve(tcpService(21, { persistenceSec: 60 }), destination(server(1), 21, { method: 'route' }), destination(server(2), 21, { method: 'route' }));
  const macs = [21, 50000, 20].map((port) => director.send(tcpFrame(CLIENT, 40001, VIP, port, syn))[0]!.dmac);
  t.same(macs, Array(3).fill('02:00:00:00:01:02'));
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0]!.kind, 'pass');
});

t.test('a template to a quiesced server is followed, unless expire_quiescent_template; to a removed one never', async (t) => {
  const { id } = tcpService();
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 300 }), destination(server(1), 80), destination(server(2), 80));
  const pick = (port: number): string => director.send(tcpFrame(CLIENT, port, VIP, 80, syn))[0]!.dst!;
  t.equal(pick(1), server(2));
  director.edit({ op: 'editDestination', id, destination: destination(server(2), 80, { weight: 0 }) });
  t.equal(pick(2), server(2));
  director.edit({ op: 'sysctl', name: 'expire_quiescent_template', value: 1 });
  t.equal(pick(3), server(1));
  t.match(templates(director)[0], /203.0.113.7:0 192.0.2.10:65535 10.1.0.2:65535/);
  director.edit({ op: 'editDestination', id, destination: destination(server(2), 80) });
  director.edit({ op: 'deleteDestination', id, address: server(1), port: 80 });
  t.equal(pick(4), server(2));
  t.equal(pick(5), server(2));
});

t.test('persistent one-packet services keep the template only', async (t) => {
  const director = new TestDirector().serve(udpService(53, { persistenceSec: 60, onePacket: true }), destination(server(1), 53), destination(server(2), 53));
  const picks = [1, 2, 3].map((port) => director.send(udpFrame(CLIENT, port, VIP, 53, 'q'))[0]!.dst);
  t.same(picks, Array(3).fill(server(2)));
  t.equal(director.connections().length, 1);
  director.wait(61_000);
  t.same(director.connections(), []);
});

t.test('a SYN on a finished connection that hangs on a template is not scheduled anew', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 300 }), destination(server(1), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, fin | ack), tcpFrame(CLIENT, 40001, VIP, 80, syn));
  t.equal(director.dataplane.stats().total.conns, 1);
});
