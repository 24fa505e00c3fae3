import t from 'tap';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import { traceText } from '../../cli/tsipvs/trace-text.ts';
import { SCHEDULER_NAMES, type SchedulerName } from '../../lib/schedulers/names.ts';
import { InProcessLink } from '../../lib/dataplane/in-process-link.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, destination, server, tcpFrame, tcpService, TestDirector, udpFrame, VIP } from '../support/frames.ts';

const { syn, ack } = TCP_FLAG;

/** The line before the pick. */
const WHY: Readonly<Record<SchedulerName, string>> = {
  rr: 'WINNER is next in turn, from the head of the list', wrr: 'WINNER weight 3 reaches the current weight 1', lc: 'WINNER has the least load: 0',
  wlc: 'WINNER has the least load per weight: 0/3', lblc: 'WINNER has the least load per weight: 0/3', lblcr: 'WINNER has the least load per weight: 0/3',
  dh: 'slot \\d+ of 256 belongs to WINNER', sh: 'slot \\d+ of 256 belongs to WINNER', sed: 'WINNER has the least load per weight: 1/3', nq: 'WINNER is the first idle one',
  fo: 'WINNER has the greatest weight: 3', ovf: 'WINNER has the greatest weight that is not full: 3', mh: 'slot \\d+ of 4093 belongs to WINNER', twos: 'WINNER has the lesser load per weight',
};

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

for (const scheduler of SCHEDULER_NAMES) {
  t.test(`${scheduler}: the trace says why the destination was picked, as text and as JSON`, async (t) => {
    const director = new TestDirector().serve(tcpService(80, { scheduler }), destination(server(1), 80), destination(server(2), 80, { weight: 3 }));
    const records: TraceRecord[] = [];
    director.dataplane.trace({}, (record) => records.push(record));
    director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
    const { destination: picked } = director.connections()[0]!;
    const record = JSON.parse(JSON.stringify(records[0])) as TraceRecord;
    const schedule = record.steps.filter(({ step }) => step === 'schedule').map(({ detail }) => detail);
    t.equal(schedule.at(-1), `${scheduler} picks ${picked}:80`);
    t.match(schedule.at(-2), new RegExp(`^${WHY[scheduler]}$`.replace('WINNER', `${picked}:80`)));
    t.ok(traceText(record).includes(`    schedule  ${schedule.at(-2)}\n    schedule  ${scheduler} picks ${picked}:80\n    create    connection 0\n`));
  });
}

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
