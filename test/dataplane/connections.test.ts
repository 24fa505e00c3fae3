import t from 'tap';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, destination, server, sctpFrame, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';

const { syn, ack, fin, rst } = TCP_FLAG;
const CLIENTS = 5000;

const client = (n: number): string => `203.0.${113 + (n >> 8)}.${n & 0xff}`;

t.test('thousands of connections are each found in both directions while the index grows', async (t) => {
  const director = new TestDirector({ maxConnections: CLIENTS }).serve(udpService(), destination(server(1), 53), destination(server(2), 53));
  for (let n = 0; n < CLIENTS; n++) {
    const out = director.send(udpFrame(client(n), 40001, VIP, 53, 'q'));
    if (out[0]?.kind !== 'transmit') t.fail(`client ${n} not served`);
  }
  t.match(director.dataplane.stats(), { connections: CLIENTS, connectionsByState: { 'udp UDP': CLIENTS } });
  for (let n = 0; n < CLIENTS; n += 7) {
    const [request] = director.send(udpFrame(client(n), 40001, VIP, 53, 'q'));
    const [answer] = director.send(udpFrame(request!.dst!, 53, client(n), 40001, 'a'));
    if (answer?.src !== VIP || answer.dst !== client(n)) t.fail(`client ${n}: answer ${JSON.stringify(answer?.src)}`);
  }
  director.wait(301_000);
  t.equal(director.dataplane.stats().connections, 0);
  t.match(director.dataplane.stats().services[0]!.destinations, [{ activeConns: 0, inactiveConns: 0 }, { activeConns: 0, inactiveConns: 0 }]);
});

t.test('memory of connections is asked for before they use it, that of IPv6 addresses only when there are some', async (t) => {
  const asked: { words: Int32Array; begin: number; end: number }[] = [];
  const director = new TestDirector({ maxConnections: 20_000, populate: (words, begin, end) => asked.push({ words, begin, end }) }).serve(udpService(), destination(server(1), 53));
  const entries = (): number[] => asked.filter(({ words }) => words.length % 20_000 === 0).map(({ words, end }) => end / (words.length / 20_000));
  const shares = (): number[] => asked.filter(({ words }) => words.length % 20_000 === 0).map(({ words }) => words.length / 20_000);
  t.same(entries(), [16_384, 16_384, 16_384, 16_384, 16_384, 16_384], 'the first of them, before there is any');
  t.same(shares(), [32, 8, 1, 1, 1, 1], 'entries, what packets do not need, when they were made, and their timers');
  asked.length = 0;
  for (let n = 0; n < 8192; n++) director.send(udpFrame(client(n), 40001, VIP, 53, 'q'));
  t.same(entries(), []);
  director.send(udpFrame(client(8192), 40001, VIP, 53, 'q'));
  t.same(entries(), [20_000, 20_000, 20_000, 20_000, 20_000, 20_000]);
  asked.length = 0;
  director.serve(udpService(53, {}, VIP6), destination('2001:db8:1::1', 53));
  director.send(udpFrame(CLIENT6, 40001, VIP6, 53, 'q'));
  t.same(shares(), [8], 'addresses');
  t.equal(director.dataplane.stats().connections, 8194);
});

t.test('a full table refuses new connections with its reason and keeps the old', async (t) => {
  const director = new TestDirector({ maxConnections: 3 }).serve(udpService(), destination(server(1), 53));
  const fates = [0, 1, 2, 3, 4].map((n) => director.send(udpFrame(client(n), 40001, VIP, 53, 'q')).length);
  t.same(fates, [1, 1, 1, 0, 0]);
  t.same(director.drops(), { tableFull: 2 });
  t.equal(director.send(udpFrame(client(0), 40001, VIP, 53, 'q')).length, 1);
  director.wait(301_000);
  t.equal(director.send(udpFrame(client(4), 40001, VIP, 53, 'q')).length, 1, 'room again after the timeout');
});

t.test('TCP states and timeouts of a NAT connection', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  const fromClient = (flags: number): void => void director.send(tcpFrame(CLIENT, 40001, VIP, 80, flags));
  const fromServer = (flags: number): void => void director.send(tcpFrame(server(1), 80, CLIENT, 40001, flags));
  const active = (): [number, number] => {
    const [only] = director.dataplane.stats().services[0]!.destinations;
    return [only!.activeConns, only!.inactiveConns];
  };
  fromClient(syn);
  t.equal(director.state(), 'SYN_RECV 60');
  t.same(active(), [1, 0]);
  fromServer(syn | ack);
  fromClient(ack);
  t.equal(director.state(), 'ESTABLISHED 900');
  director.wait(899_000);
  t.equal(director.state(), 'ESTABLISHED 1');
  fromServer(fin | ack);
  t.equal(director.state(), 'FIN_WAIT 120');
  t.same(active(), [0, 1]);
  fromClient(fin | ack);
  t.equal(director.state(), 'TIME_WAIT 120');
  fromClient(rst);
  t.equal(director.state(), 'CLOSE 10');
  director.wait(9_900);
  t.equal(director.state(), 'CLOSE 0');
  director.wait(200);
  t.equal(director.state(), 'none');
  t.same(active(), [0, 0]);
});

t.test('without the server\'s packets FIN leads to FIN_WAIT, and stays there', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80, { method: 'route' }));
  for (const flags of [syn, ack, fin | ack, ack]) director.send(tcpFrame(CLIENT, 40001, VIP, 80, flags));
  t.equal(director.state(), 'FIN_WAIT 120');
});

t.test('secure_tcp needs the server to establish', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).edit({ op: 'sysctl', name: 'secure_tcp', value: 3 });
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack));
  t.match(director.state(), /^SYN_RECV/);
  director.send(tcpFrame(server(1), 80, CLIENT, 40001, syn | ack));
  t.match(director.state(), /^SYNACK/);
  director.send(tcpFrame(server(1), 80, CLIENT, 40001, ack));
  t.match(director.state(), /^ESTABLISHED/);
});

t.test('--set timeouts take effect with the next packet, up to 31 days', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80)).serve(udpService(), destination(server(1), 53));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack));
  director.edit({ op: 'timeouts', timeouts: { tcp: 2_678_400, tcpFin: 0, udp: 10 } });
  t.equal(director.state(), 'ESTABLISHED 900');
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack), udpFrame(CLIENT, 40001, VIP, 53, 'q'));
  t.equal(director.state(), 'ESTABLISHED 2678400');
  director.wait(30 * 86_400_000);
  t.equal(director.state(), 'ESTABLISHED 86400');
  t.equal(director.connections().length, 1, 'the UDP connection went after ten seconds');
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  director.wait(31 * 86_400_000 - 1000);
  t.equal(director.state(), 'ESTABLISHED 1');
  director.edit({ op: 'timeouts', timeouts: { tcp: 5, tcpFin: 0, udp: 0 } });
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  director.wait(5100);
  t.equal(director.state(), 'none', 'a shorter timeout counts at once');
});

t.test('an SCTP association from INIT to its end', async (t) => {
  const director = new TestDirector().serve(service({ kind: 'address', protocol: 'sctp', address: VIP, port: 80 }), destination(server(1), 80));
  const states: string[] = [];
  for (const [from, chunk] of [['c', 1], ['s', 2], ['c', 10], ['s', 11], ['c', 0], ['c', 7], ['s', 8], ['c', 14]] as const) {
    director.send(from === 'c' ? sctpFrame(CLIENT, 40001, VIP, 80, chunk) : sctpFrame(server(1), 80, CLIENT, 40001, chunk));
    states.push(director.state());
  }
  t.same(states, ['INIT1 4', 'C-SENT 61', 'C-REPLIED 61', 'ESTABLISHED 900', 'ESTABLISHED 900', 'S-RECEIVED 61', 'S-ACK-SENT 61', 'CLOSED 61']);
});

t.test('IPv6 connections are listed with whole addresses and do not mix', async (t) => {
  const director = new TestDirector().serve(tcpService(80, {}, VIP6), destination(server(1, 6), 8080));
  director.send(tcpFrame(CLIENT6, 40001, VIP6, 80, syn));
  director.send(tcpFrame('2001:db8:fe::7', 40001, VIP6, 80, syn));
  t.match(director.connections(), [
    { family: 6, protocol: 6, client: CLIENT6, clientPort: 40001, virtual: VIP6, virtualPort: 80, destination: server(1, 6), destinationPort: 8080, template: false, method: 'masq' },
    { client: '2001:db8:fe::7' },
  ]);
});

t.test('a dump in slices gives every connection once', async (t) => {
  const director = new TestDirector().serve(udpService(), destination(server(1), 53));
  for (let n = 0; n < 250; n++) director.send(udpFrame(client(n), 40001, VIP, 53, 'q'));
  t.equal(new Set(director.connections().map((each) => each.client)).size, 250);
});
