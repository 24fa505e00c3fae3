import t from 'tap';
import type { FlowRecord } from '../../lib/model/flow-record.ts';
import type { FlowBatch } from '../../lib/model/flow-recording.ts';
import type { VirtualService } from '../../lib/model/virtual-service.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, destination, server, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';

const { syn, ack, fin, rst } = TCP_FLAG;

function start(director: TestDirector, services: readonly VirtualService[], limit?: number): void {
  director.dataplane.ask('startRecording', { id: 1, request: { services: services.map(({ id }) => id), ...(limit === undefined ? {} : { limit }) } }, director.nowMs);
}

function read(director: TestDirector, then: 'goOn' | 'finish' | 'stop' = 'goOn'): FlowBatch {
  return director.dataplane.ask('readRecording', { id: 1, then }, director.nowMs)!;
}

function finish(director: TestDirector): FlowRecord[] {
  const records: FlowRecord[] = [];
  for (;;) {
    const batch = read(director, 'finish');
    records.push(...batch.records);
    if (batch.over) return records;
  }
}

t.test('a connection is recorded when it ends: arrival, length to its last packet, packets and IP bytes of both directions, server, last state', async (t) => {
  const config = tcpService();
  const director = new TestDirector().serve(config, destination(server(1), 8080));
  director.send(tcpFrame(CLIENT, 40000, VIP, 80, syn));
  start(director, [udpService(), config]);
  director.wait(250);
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.send(tcpFrame(server(1), 8080, CLIENT, 40001, syn | ack));
  director.wait(1500);
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack), tcpFrame(CLIENT, 40001, VIP, 80, rst));
  t.same(read(director).records, [], 'it waits for its timeout still');
  director.wait(20_000);
  const { records, lost, over } = read(director);
  t.same(records, [{
    arrivalMs: 250, service: 1, client: CLIENT, port: 40001, durationMs: 1500, packetsIn: 3, packetsOut: 1, bytesIn: 120, bytesOut: 40, destination: `${server(1)}:8080`, state: 'CLOSE',
  }]);
  t.same([lost, over], [0, false]);
  t.same(finish(director), [], 'what was there before is not recorded');
});

t.test('refused arrivals, one-packet connections, IPv6, and what is still open at the end', async (t) => {
  const six = service({ kind: 'address', protocol: 'tcp', address: VIP6, port: 80 });
  const ops = udpService(53, { onePacket: true });
  const empty = tcpService(81);
  const director = new TestDirector().serve(six, destination(server(1, 6), 80)).serve(ops, destination(server(2), 53, { method: 'route' })).serve(empty);
  start(director, [six, ops, empty]);
  director.send(tcpFrame(CLIENT6, 40001, VIP6, 80, syn), tcpFrame(CLIENT6, 40001, VIP6, 80, ack));
  director.send(udpFrame(CLIENT, 5353, VIP, 53, 'question'));
  director.send(tcpFrame(CLIENT, 7, VIP, 81, syn));
  t.match(finish(director), [
    { service: 1, client: CLIENT, port: 5353, durationMs: 0, packetsIn: 1, bytesIn: 36, packetsOut: 0, destination: `${server(2)}:53`, state: 'UDP' },
    { service: 2, client: CLIENT, port: 7, destination: null, state: 'REFUSED' },
    { service: 0, client: CLIENT6, port: 40001, destination: `[${server(1, 6)}]:80`, state: 'ESTABLISHED', open: true },
  ]);
  t.equal(director.dataplane.ask('readRecording', { id: 1, then: 'goOn' }, director.nowMs), null, 'a recording that is over is forgotten');
});

t.test('a port that is used again ends the old connection where its last packet was', async (t) => {
  const config = tcpService();
  const director = new TestDirector().serve(config, destination(server(1), 80));
  start(director, [config]);
  director.send(tcpFrame(CLIENT, 1, VIP, 80, syn), tcpFrame(CLIENT, 1, VIP, 80, ack));
  director.send(tcpFrame(server(1), 80, CLIENT, 1, ack | fin));
  director.send(tcpFrame(CLIENT, 1, VIP, 80, ack | fin));
  director.wait(100);
  director.send(tcpFrame(server(1), 80, CLIENT, 1, ack));
  director.wait(30_000);
  director.send(tcpFrame(CLIENT, 1, VIP, 80, syn));
  director.wait(10);
  const { records } = read(director);
  t.match(records, [{ arrivalMs: 0, durationMs: 100, state: 'TIME_WAIT' }]);
  t.match(finish(director), [{ arrivalMs: 30_100, open: true }]);
});

t.test('a limit ends it, a reader that does not read loses records and is told how many, and no connection is refused for it', async (t) => {
  const config = udpService(53, { onePacket: true });
  const director = new TestDirector().serve(config, destination(server(1), 53));
  start(director, [config], 3);
  for (let n = 0; n < 5; n++) director.send(udpFrame(CLIENT, 1000 + n, VIP, 53, 'x'));
  t.match(read(director), { full: true, lost: 2, records: [{ port: 1000 }, { port: 1001 }, { port: 1002 }] });
  read(director, 'stop');
  start(director, [config]);
  const frames = Array.from({ length: 200 }, (_, n) => udpFrame(CLIENT, 1000 + n, VIP, 53, 'x'));
  for (let n = 0; n < 170; n++) director.send(...frames);
  t.equal(director.dataplane.stats().services[0]!.stats.conns, 34_005);
  let records = 0;
  for (;;) {
    const batch = read(director, 'finish');
    t.ok(batch.records.length <= 1024);
    records += batch.records.length;
    if (!batch.over) continue;
    t.equal(records + batch.lost, 34_000);
    t.ok(batch.lost > 0);
    break;
  }
});
