import t from 'tap';
import { CONNS, COUNTERS, Counters, IN_BYTES, IN_PKTS } from '../../lib/dataplane/estimator.ts';
import { CLIENT, destination, server, TestDirector, udpFrame, udpService, VIP } from '../support/frames.ts';

t.test('a steady rate is approached by a quarter every two seconds', async (t) => {
  const counters = new Counters();
  const block = counters.allocate();
  const shown: number[] = [];
  for (let round = 0; round < 80; round++) {
    counters.counts[block * COUNTERS + IN_PKTS]! += 2000;
    counters.counts[block * COUNTERS + IN_BYTES]! += 200_000;
    counters.estimate();
    shown.push(counters.stats(block).inPps);
  }
  t.same(shown.slice(0, 4), [250, 437, 578, 684]);
  t.match(counters.stats(block), { inPps: 1000, inBps: 100_000, cps: 0 });
  for (let round = 0; round < 100; round++) counters.estimate();
  t.match(counters.stats(block), { inPps: 0, inBps: 0, inPkts: 160_000 });
});

t.test('blocks are zeroed alone, reused after release, and survive growth', async (t) => {
  const counters = new Counters();
  const blocks = Array.from({ length: 100 }, () => counters.allocate());
  for (const block of blocks) counters.counts[block * COUNTERS + CONNS] = block + 1;
  counters.zero(5);
  t.equal(counters.stats(5).conns, 0);
  t.equal(counters.stats(99).conns, 100);
  counters.release(7);
  t.equal(counters.allocate(), 7);
  t.equal(counters.stats(7).conns, 0);
});

t.test('counters of a service, its destination and the whole agree; -Z of one leaves the whole', async (t) => {
  const director = new TestDirector().serve(udpService(), destination(server(1), 53)).serve(udpService(54), destination(server(1), 54));
  for (let n = 0; n < 10; n++) director.send(udpFrame(CLIENT, 40001, VIP, 53 + (n & 1), 'query'));
  director.send(udpFrame(server(1), 53, CLIENT, 40001, 'answer!'));
  const bytes = 20 + 8 + 5;
  t.match(director.dataplane.stats(), {
    total: { conns: 2, inPkts: 10, inBytes: 10 * bytes, outPkts: 1, outBytes: bytes + 2 },
    services: [{ stats: { conns: 1, inPkts: 5, inBytes: 5 * bytes, outPkts: 1 }, destinations: [{ stats: { inPkts: 5, outPkts: 1 } }] }, { stats: { inPkts: 5 } }],
  });
  director.edit({ op: 'zero', id: udpService().id });
  t.match(director.dataplane.stats(), { total: { inPkts: 10 }, services: [{ stats: { inPkts: 0 }, destinations: [{ stats: { inPkts: 0 }, inactiveConns: 1 }] }, { stats: { inPkts: 5 } }] });
  director.edit({ op: 'zero', id: null });
  t.match(director.dataplane.stats(), { total: { inPkts: 0 }, services: [{ stats: { inPkts: 0 } }, { stats: { inPkts: 0 } }] });
});
