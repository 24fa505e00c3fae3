import t from 'tap';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import { InProcessLink } from '../../lib/dataplane/in-process-link.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, destination, server, tcpFrame, tcpService, TestDirector, udpFrame, VIP } from '../support/frames.ts';

const { syn, ack } = TCP_FLAG;

t.test('a first packet\'s record says which service, which destination and why, and how it ended', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { scheduler: 'wlc' }), destination(server(1), 80), destination(server(2), 80, { weight: 3 }));
  const records: TraceRecord[] = [];
  director.dataplane.trace({}, (record) => records.push(record));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn), tcpFrame(CLIENT, 40001, VIP, 80, ack), udpFrame(CLIENT, 1, VIP, 80, 'x'));
  t.match(records[0], { interface: 'cl0', packet: `TCP ${CLIENT}:40001 > ${VIP}:80`, verdict: 'transmit', timeMs: 1000 });
  const steps = records[0]!.steps.map(({ step, detail }) => `${step}: ${detail}`).join('\n');
  t.match(steps, new RegExp(`service: virtual service tcp ${VIP} 80, wlc`));
  t.match(steps, new RegExp(`schedule: wlc picks ${server(2)}:80`));
  t.match(records[1]!.steps[0], { step: 'lookup' });
  t.match(records[2], { verdict: 'pass', packet: `UDP ${CLIENT}:1 > ${VIP}:80` });
});

t.test('a drop names its reason', async (t) => {
  const director = new TestDirector().serve(tcpService());
  const records: TraceRecord[] = [];
  director.dataplane.trace({}, (record) => records.push(record));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  t.match(records, [{ verdict: 'drop', reason: 'noDestination' }]);
});

t.test('the filter takes both directions of a client, and the limit ends it', async (t) => {
  const director = new TestDirector().serve(tcpService(), destination(server(1), 80));
  const records: TraceRecord[] = [];
  director.dataplane.trace({ client: CLIENT, limit: 2 }, (record) => records.push(record));
  director.send(tcpFrame('198.18.0.1', 40001, VIP, 80, syn));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.send(tcpFrame(server(1), 80, CLIENT, 40001, syn | ack));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  t.same(records.map(({ packet }) => packet), [`TCP ${CLIENT}:40001 > ${VIP}:80`, `TCP ${server(1)}:80 > ${CLIENT}:40001`]);
});

t.test('the in-process link applies edits, shows what is there, and traces', async (t) => {
  const director = new TestDirector();
  const link = new InProcessLink(director.dataplane, () => director.nowMs, director);
  await link.apply([{ op: 'addService', service: tcpService() }, { op: 'addDestination', id: tcpService().id, destination: destination(server(1), 80) }]);
  const records: TraceRecord[] = [];
  link.onTrace((record) => records.push(record));
  await link.trace({});
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  await link.trace(null);
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, ack));
  t.equal(records.length, 1);
  t.match(await link.connections(), [{ client: CLIENT, state: 'ESTABLISHED' }]);
  director.nowMs += 1_000_000;
  t.same(await link.connections(), [], 'the link lets time pass');
  t.match(await link.stats(), { services: [{ stats: { conns: 1 } }] });
  await link.close();
});
