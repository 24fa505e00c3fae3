/** Traces: connections out of captures and recordings, and as workload. */
import t from 'tap';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import { runScenario } from '../../lib/laboratory/run-scenario.ts';
import { schedulerChoices } from '../../lib/laboratory/scheduler-choice.ts';
import { readTrace } from '../../lib/laboratory/trace/read-trace.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { tcpFrame, udpFrame, VIP } from '../support/frames.ts';

const { syn: SYN, ack: ACK, fin: FIN } = TCP_FLAG;
const SERVER = '10.1.0.1';

t.test('TCP connections begin with a SYN and last to the last packet of either direction', async (t) => {
  const trace = readTrace(capture([
    [0, tcpFrame('203.0.113.9', 500, VIP, 80, ACK)],
    [5, tcpFrame('203.0.113.7', 40_000, VIP, 80, SYN)],
    [6, tcpFrame('203.0.113.7', 40_000, VIP, 80, SYN)],
    [7, tcpFrame(VIP, 80, '203.0.113.7', 40_000, SYN | ACK)],
    [10, tcpFrame('203.0.113.8', 40_000, VIP, 80, SYN)],
    [30, tcpFrame('203.0.113.7', 40_000, VIP, 80, FIN | ACK)],
    [31, tcpFrame(VIP, 80, '203.0.113.7', 40_000, FIN | ACK)],
    [40, tcpFrame('203.0.113.7', 40_000, VIP, 80, SYN)],
    [41, tcpFrame('203.0.113.7', 1, SERVER, 22, SYN)],
  ]), 'x.pcap', null);
  t.equal(trace.service, `tcp ${VIP} 80`);
  t.same(trace.flows, [
    { atMs: 0, client: '203.0.113.7', port: 40_000, lengthMs: 26 }, { atMs: 5, client: '203.0.113.8', port: 40_000, lengthMs: 0 }, { atMs: 35, client: '203.0.113.7', port: 40_000, lengthMs: 0 },
  ]);
});

t.test('UDP connections begin with their first datagram, and anew after five silent minutes', async (t) => {
  const trace = readTrace(capture([
    [0, udpFrame('203.0.113.7', 5353, VIP, 53, 'q')], [2, udpFrame(VIP, 53, '203.0.113.7', 5353, 'a')], [400_000, udpFrame('203.0.113.7', 5353, VIP, 53, 'q')],
  ]), 'x.pcap', null);
  t.same(trace.flows.map(({ atMs, lengthMs }) => [atMs, lengthMs]), [[0, 2], [400_000, 0]]);
});

t.test('a service can be named; one that is not there is refused with those that are', async (t) => {
  const bytes = capture([[0, tcpFrame('203.0.113.7', 1, VIP, 80, SYN)], [1, tcpFrame('203.0.113.7', 2, VIP, 80, SYN)], [2, tcpFrame('203.0.113.7', 3, VIP, 443, SYN)]]);
  t.equal(readTrace(bytes, 'x.pcap', `tcp ${VIP} 443`).flows.length, 1);
  t.throws(() => readTrace(bytes, 'x.pcap', 'tcp 192.0.2.99 80'), { message: `x.pcap: no connections of "tcp 192.0.2.99 80"; there are "tcp ${VIP} 80" (2), "tcp ${VIP} 443" (1)` });
  t.throws(() => readTrace(capture([]), 'x.pcap', null), { message: 'x.pcap: no connection begins in it' });
});

t.test('a director\'s recording is read the same way', async (t) => {
  const line = (arrivalMs: number, client: string, durationMs: number): string => JSON.stringify({ arrivalMs, service: 0, client, port: 1, durationMs, packetsIn: 1, packetsOut: 0, bytesIn: 1, bytesOut: 0, destination: null, state: 'UDP' });
  const text = [JSON.stringify({ format: 'tsipvs-flows', version: 1, startedAt: '2024-05-01T12:00:00.000Z', services: ['tcp 192.0.2.10 80'], anonymised: false }), line(50, '203.0.113.8', 5), line(20, '203.0.113.7', 9), ''].join('\n');
  t.same(readTrace(Buffer.from(text), 'x.flows', null).flows, [{ atMs: 0, client: '203.0.113.7', port: 1, lengthMs: 9 }, { atMs: 30, client: '203.0.113.8', port: 1, lengthMs: 5 }]);
});

t.test('a run takes arrivals, clients and lengths from the trace, and the load from the scenario', async (t) => {
  const frames = Array.from({ length: 400 }, (_, n): [number, Buffer][] => [
    [n * 25, tcpFrame(`203.0.113.${1 + (n % 4)}`, 2000 + n, VIP, 80, SYN)], [n * 25 + 4, tcpFrame(`203.0.113.${1 + (n % 4)}`, 2000 + n, VIP, 80, FIN | ACK)],
  ]).flat();
  const trace = readTrace(capture(frames), 'x.pcap', null);
  const scenario = readScenario('w.yaml', 'version: 1\nname: w\ntitle: t\nquestion: q\nduration: 100s\narrivals: { rate: 60 }\nwork: 10ms\nservers: [{ name: s, count: 2 }]\nevents: [{ at: 50s, kind: drain, server: s1 }]\n');
  const result = runScenario({ scenario, schedulers: schedulerChoices(['rr', 'sh']), seed: 1, trace, command: 'c', cost: null });
  const [rr, sh] = result.runs;
  t.equal(result.connections, 400);
  t.equal(result.durationMs, 399 * 25);
  t.ok(Math.abs(result.events[0]!.atMs - result.durationMs / 2) < 1, 'events keep their place');
  // 0.6 seconds of work a second, evenly over connections of equal length that come every 25 ms.
  t.ok(Math.abs(rr!.responseMs.p50 - 15) < 0.5, String(rr!.responseMs.p50));
  t.ok(sh!.servers.every(({ connections }) => connections % 50 < 3 || connections % 50 > 47), 'four clients, each with all of its connections on one server until s1 drains');
  t.match(result.scenario.description, /400 connections to "tcp 192\.0\.2\.10 80"/);
});

/** Classic pcap, microseconds. */
function capture(frames: readonly (readonly [number, Buffer])[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([header, ...frames.flatMap(([atMs, frame]) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + Math.floor(atMs / 1000), 0);
    record.writeUInt32LE((atMs % 1000) * 1000, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  })]);
}
