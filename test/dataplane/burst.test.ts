import t from 'tap';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CL0, CLIENT, CLIENT6, destination, RS0, server, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';

const { syn, ack, fin, rst, psh } = TCP_FLAG;

t.test('a SYN and the ACK behind it in one burst make one established connection', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  const out = director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack), tcpFrame(CLIENT, 40001, VIP, 80, ack | psh));
  t.same(out.map(({ kind, dst }) => [kind, dst]), Array(3).fill(['transmit', server(1)]));
  t.equal(director.state(), 'ESTABLISHED 900');
});

t.test('without any service nothing is ours, also not what has a connection', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.edit({ op: 'flush' });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack))[0]!.kind, 'pass');
  t.equal(director.connections().length, 1);
});

t.test('services of the other family do not count', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).serve(tcpService(80, {}, VIP6), destination(server(1, 6), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.edit({ op: 'deleteService', id: tcpService().id });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack))[0]!.kind, 'pass', 'not dropped for its removed destination');
  t.equal(director.send(tcpFrame(CLIENT6, 40001, VIP6, 80, syn))[0]!.kind, 'transmit');
});

t.test('what is not ours passes unchanged', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  const frames = [
    tcpFrame(CLIENT, 40001, VIP, 81, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack), tcpFrame(CLIENT, 40001, VIP, 80, rst),
    udpFrame(CLIENT, 40001, VIP, 80, 'x'), tcpFrame(CLIENT, 40001, '198.51.100.1', 22, syn), tcpFrame(server(1), 80, CLIENT, 40001, ack),
    tcpFrame(CLIENT, 20, VIP, 80, syn),
  ];
  for (const frame of frames) {
    const out = director.send(frame);
    t.same(out.map(({ kind }) => kind), ['pass']);
    t.same(out[0]!.bytes, frame);
  }
  t.same(director.connections(), []);
});

t.test('frames to another station or to a group are nobody\'s business', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  for (const mac of ['02:00:00:00:0d:77', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01']) {
    const frame = tcpFrame(CLIENT, 40001, VIP, 80, syn);
    frame.set(Buffer.from(mac.replaceAll(':', ''), 'hex'));
    t.equal(director.sendBy(CL0, 0, frame)[0]!.kind, 'pass', mac);
  }
});

t.test('without destination the client is told port unreachable by the virtual address', async (t) => {
  const director = new TestDirector().serve(tcpService()).serve(tcpService(80, {}, VIP6), destination(server(1, 6), 80, { weight: 0 }));
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn)), [{ kind: 'transmit', interfaceIdx: CL0, src: VIP, dst: CLIENT, protocol: 1, type: 3, code: 3 }]);
  t.match(director.send(tcpFrame(CLIENT6, 40001, VIP6, 80, syn)), [{ kind: 'transmit', interfaceIdx: CL0, src: VIP6, dst: CLIENT6, protocol: 58, type: 1, code: 4 }]);
  t.same(director.drops(), { noDestination: 2 });
});

t.test('TTL 1 draws time exceeded from the virtual address, and the connection is made all the same', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn, { ip: { ttl: 1 } })), [{ src: VIP, type: 11, code: 0 }]);
  t.equal(director.connections().length, 1);
});

t.test('direct routing leaves the packet as it is but for TTL and MAC', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(3), 80, { method: 'route' }));
  const frame = tcpFrame(CLIENT, 40001, VIP, 80, syn);
  const [out] = director.send(frame);
  t.match(out, { kind: 'transmit', interfaceIdx: RS0, src: CLIENT, dst: VIP, dmac: '02:00:00:00:01:03', smac: '02:00:00:00:0d:02', ttl: 63 });
  t.same(out!.bytes.subarray(14), tcpFrame(CLIENT, 40001, VIP, 80, syn, { ip: { ttl: 63 } }).subarray(14));
});

t.test('a removed destination: packets vanish, answers are still translated, adding it again revives the connection and its counters', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  const { id } = tcpService();
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.edit({ op: 'deleteDestination', id, address: server(1), port: 80 });
  t.same(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack)), []);
  t.same(director.drops(), { destinationUnavailable: 1 });
  t.equal(director.send(tcpFrame(server(1), 80, CLIENT, 40001, syn | ack))[0]!.src, VIP);
  director.edit({ op: 'addDestination', id, destination: destination(server(1), 80) });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack))[0]!.dst, server(1));
  const [stats] = director.dataplane.stats().services[0]!.destinations;
  t.match(stats, { activeConns: 1, stats: { conns: 1, inPkts: 2, outPkts: 0 } });
});

t.test('expire_nodest_conn ends connections with their destination', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).edit({ op: 'sysctl', name: 'expire_nodest_conn', value: 1 });
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.edit({ op: 'deleteDestination', id: tcpService().id, address: server(1), port: 80 });
  t.same(director.connections(), []);
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack))[0]!.kind, 'pass');
});

t.test('endConnections ends those of one destination, and its persistence templates', async (t) => {
  const director = new TestDirector().serve({ ...tcpService(), persistenceSec: 300 }, destination(server(1), 80), destination(server(2), 80));
  for (let n = 1; n <= 4; n++) director.send(tcpFrame(`203.0.113.${n}`, 40001, VIP, 80, syn), tcpFrame(`203.0.113.${n}`, 40002, VIP, 80, syn));
  const of = (address: string): number => director.connections().filter((one) => one.destination === address).length;
  t.same([of(server(1)), of(server(2))], [6, 6], 'two clients each: two connections and a template');
  director.edit({ op: 'endConnections', id: tcpService().id, address: server(1), port: 80 });
  t.same([of(server(1)), of(server(2))], [0, 6]);
  director.edit({ op: 'endConnections', id: tcpService().id, address: server(9), port: 80 });
  t.equal(of(server(2)), 6);
});

t.test('a SYN on a connection in TIME_WAIT is scheduled anew, unless conn_reuse_mode is 0', async (t) => {
  for (const [mode, wanted] of [[1, server(1)], [0, server(2)]] as const) {
    const director = new TestDirector().serve(tcpService(), destination(server(1), 80), destination(server(2), 80)).edit({ op: 'sysctl', name: 'conn_reuse_mode', value: mode });
    director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, fin | ack));
    t.match(director.state(), /^TIME_WAIT/);
    t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0]!.dst, wanted, `mode ${mode}`);
    director.wait(100);
    t.equal(director.connections().length, 1);
    const { destinations } = director.dataplane.stats().services[0]!;
    t.equal(destinations.reduce((sum, each) => sum + each.activeConns + each.inactiveConns, 0), 1);
  }
});

t.test('sloppy_tcp schedules what is no SYN', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).edit({ op: 'sysctl', name: 'sloppy_tcp', value: 1 });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack))[0]!.dst, server(1));
  t.equal(director.send(tcpFrame(CLIENT, 40002, VIP, 80, rst))[0]!.kind, 'pass');
});

t.test('drop_packet drops the first new connection and then every am_droprate-th', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80))
    .edit({ op: 'sysctl', name: 'am_droprate', value: 3 }).edit({ op: 'sysctl', name: 'drop_packet', value: 3 });
  const fates = Array.from({ length: 8 }, (_, i) => director.send(tcpFrame(CLIENT, 40001 + i, VIP, 80, syn)).length);
  t.same(fates, [0, 1, 1, 0, 1, 1, 0, 1]);
  t.same(director.drops(), { dropEntryDefence: 3 });
});

t.test('drop_entry drops half-open connections and spares established ones', async (t) => {
  const director = new TestDirector({ random: () => 0 }).serve(tcpService(), destination(server(1), 80)).edit({ op: 'sysctl', name: 'drop_entry', value: 3 });
  for (let i = 0; i < 20; i++) director.send(tcpFrame(CLIENT, 40001 + i, VIP, 80, syn));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  director.wait(2500);
  t.same(director.connections().map(({ state }) => state), ['ESTABLISHED']);
  t.match(director.dataplane.stats().services[0]!.destinations, [{ activeConns: 1, inactiveConns: 0 }]);
});

t.test('backup_only with a backup daemon leaves packets alone', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).edit({ op: 'sysctl', name: 'backup_only', value: 1 });
  director.edit({ op: 'daemons', master: null, backup: { role: 'backup', interface: 'cl0', syncId: 0, maxLength: 1472, group: '224.0.0.81', port: 8848, ttl: 1 } });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0]!.kind, 'pass');
  director.edit({ op: 'daemons', master: null, backup: null });
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0]!.kind, 'transmit');
});

t.test('nat_icmp_send tells a real server that its packet is of no connection', async (t) => {
  const director = new TestDirector().serve(udpService(), destination(server(1), 53)).edit({ op: 'sysctl', name: 'nat_icmp_send', value: 1 });
  t.match(director.send(udpFrame(server(1), 53, CLIENT, 40001, 'stray')), [{ interfaceIdx: RS0, src: '10.1.0.254', dst: server(1), type: 3, code: 3 }]);
  t.equal(director.send(udpFrame(server(1), 54, CLIENT, 40001, 'other port'))[0]!.kind, 'pass');
});

t.test('Record Route gets the virtual address, the checksum follows', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80, { method: 'route' }));
  const options = Buffer.from([7, 7, 4, 0, 0, 0, 0]);
  const [out] = director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn, { ip: { options } }));
  t.equal(out!.bytes.subarray(34, 41).toString('hex'), '070708c000020a');
  t.same(out!.bytes.subarray(14), tcpFrame(CLIENT, 40001, VIP, 80, syn, { ip: { ttl: 63, options: Buffer.from('070708c000020a', 'hex') } }).subarray(14));
});

t.test('one-packet scheduling keeps no connection, and answers are not translated back', async (t) => {
  const director = new TestDirector().serve(udpService(53, { onePacket: true }), destination(server(1), 53), destination(server(2), 53));
  const picks = [1, 2, 3].map(() => director.send(udpFrame(CLIENT, 40001, VIP, 53, 'q'))[0]!.dst);
  t.same(picks, [server(2), server(1), server(2)]);
  t.same(director.connections(), []);
  t.match(director.dataplane.stats().services[0], { stats: { conns: 3, inPkts: 3 }, destinations: [{ inactiveConns: 0 }, { inactiveConns: 0 }] });
  t.equal(director.send(udpFrame(server(2), 53, CLIENT, 40001, 'a'))[0]!.kind, 'pass');
});

t.test('a client with the director\'s own or a loopback source is not believed', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  for (const source of ['127.0.0.1', '0.0.0.0', VIP, '198.51.100.1']) t.same(director.sendBy(CL0, 0, tcpFrame(source, 40001, VIP, 80, syn)), [], source);
  t.same(director.drops(), { martianSource: 4 });
});

t.test('a mark finds its service before the address does', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).serve(service({ kind: 'fwmark', fwmark: 4294967295, family: 4 }), destination(server(2), 0));
  director.edit({ op: 'marks', rules: [{ mark: 4294967295, protocol: 6, destination: '192.0.2.0/24', destinationPorts: [80, 90], source: '203.0.113.0/24', interface: 'cl0' }] });
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0], { dst: server(2), dport: 80 });
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 90, syn))[0], { dst: server(2), dport: 90 });
  t.match(director.send(tcpFrame('198.18.0.1', 40001, VIP, 80, syn))[0], { dst: server(1) });
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 91, syn))[0], { kind: 'pass' });
});
