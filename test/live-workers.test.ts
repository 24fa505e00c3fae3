import t from 'tap';
import { chooseWorkers } from '../lib/live-workers.ts';

t.test('without --workers half of the processors work for the data plane, at least one and at most four', async (t) => {
  const counts = [1, 2, 3, 4, 6, 8, 64].map((processors) => chooseWorkers(null, { device: 'packet', processors, xdpQueues: [] }).count);
  t.same(counts, [1, 1, 1, 2, 3, 4, 4]);
  for (const processors of [2, 3, 4, 6, 8, 64]) t.ok(chooseWorkers(null, { device: 'packet', processors, xdpQueues: [] }).count < processors, `a processor is left of ${processors}`);
});

t.test('under XDP there are no more workers than the interface with the fewest receive queues has', async (t) => {
  const choose = (processors: number, xdpQueues: readonly number[]) => chooseWorkers(null, { device: 'xdp', processors, xdpQueues });
  t.same(choose(8, [8, 2]), { count: 2, why: 'the fewest receive queues of an interface under XDP' });
  t.same(choose(8, [1]), { count: 1, why: 'the fewest receive queues of an interface under XDP' });
  t.same(choose(8, [16, 16]), { count: 4, why: 'half of 8 processors' });
  t.same(choose(32, [4, 16]), { count: 4, why: 'the most without --workers, of 32 processors' });
  t.same(choose(2, [4]), { count: 1, why: 'half of 2 processors' });
});

t.test('--workers is what it says, whatever the machine has', async (t) => {
  t.same(chooseWorkers(3, { device: 'packet', processors: 1, xdpQueues: [] }), { count: 3, why: 'as asked for' });
  t.same(chooseWorkers(2, { device: 'xdp', processors: 2, xdpQueues: [1] }), { count: 2, why: 'as asked for' });
});

t.test('the pcap device works in one thread', async (t) => {
  t.equal(chooseWorkers(null, { device: 'pcap', processors: 8, xdpQueues: [] }).count, 1);
  t.equal(chooseWorkers(1, { device: 'pcap', processors: 8, xdpQueues: [] }).count, 1);
  t.throws(() => chooseWorkers(2, { device: 'pcap', processors: 8, xdpQueues: [] }), { message: '--workers 2: the pcap device works in one thread' });
});
