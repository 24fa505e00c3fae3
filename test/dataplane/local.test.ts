import t from 'tap';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CL0, CLIENT, destination, RS0, server, tcpFrame, tcpService, TestDirector, VIP } from '../support/frames.ts';

const { syn, ack } = TCP_FLAG;

t.test('a local real server gets the packet as it came with direct routing and tunnel', async (t) => {
  for (const method of ['route', 'tunnel', 'local'] as const) {
    const director = new TestDirector().serve(tcpService(), destination('10.1.0.254', 80, { method }));
    const frame = tcpFrame(CLIENT, 40001, VIP, 80, syn, { ip: { ttl: 1 } });
    const [out] = director.send(frame);
    t.equal(out!.kind, 'deliver', method);
    t.same(out!.bytes, frame, 'TTL is not looked at');
  }
});

t.test('NAT to an own address rewrites, and the answer of the own stack is translated back with its TTL', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination('10.1.0.254', 8080));
  t.match(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn)), [{ kind: 'deliver', dst: '10.1.0.254', dport: 8080, ttl: 64 }]);
  t.match(director.sendLocal(tcpFrame('10.1.0.254', 8080, CLIENT, 40001, syn | ack)), [{ kind: 'transmit', interfaceIdx: CL0, src: VIP, sport: 80, ttl: 64 }]);
  t.match(director.state(), /^SYN_RECV/);
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  t.match(director.state(), /^ESTABLISHED/);
});

t.test('NAT to loopback is dropped with its reason, the connection is made', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination('127.0.0.1', 80));
  t.same(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn)), []);
  t.same(director.drops(), { destinationLoopback: 1 });
  t.equal(director.connections().length, 1);
});

t.test('a client on the director itself is served, and gets the translated answer', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  t.match(director.sendLocal(tcpFrame('198.51.100.1', 33000, VIP, 80, syn)), [{ kind: 'transmit', interfaceIdx: RS0, dst: server(1), ttl: 63 }]);
  t.match(director.send(tcpFrame(server(1), 80, '198.51.100.1', 33000, syn | ack)), [{ kind: 'deliver', src: VIP, dst: '198.51.100.1', ttl: 64 }]);
});

t.test('a destination that has the virtual address itself: its answers are counted and pass as they are', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(VIP, 80, { method: 'route' }));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  const answer = tcpFrame(VIP, 80, CLIENT, 40001, syn | ack);
  t.match(director.sendLocal(answer), [{ kind: 'pass', bytes: answer }]);
  t.match(director.dataplane.stats().services[0]!.stats, { inPkts: 1, outPkts: 1 });
});
