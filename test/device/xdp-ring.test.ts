import t from 'tap';
import { ConsumerRing, ProducerRing, type RingLayout } from '../../lib/device/xdp-ring.ts';

const LAYOUT: RingLayout = { producer: 0, consumer: 64, entries: 128 };
const SIZE = 8;

/** A ring as the kernel maps it, both cursors at `start`; `kernel` is the other side's view. */
function ring(entryBytes: number, start = 0): { buffer: ArrayBuffer; kernel: Int32Array } {
  const buffer = new ArrayBuffer(LAYOUT.entries + SIZE * entryBytes);
  const kernel = new Int32Array(buffer);
  kernel[0] = kernel[16] = start;
  return { buffer, kernel };
}

/** Cursors run over 2^31 and 2^32, which are negative and zero as int32. */
for (const start of [0, 0x7ffffffd | 0, -3]) {
  t.test(`cursors from ${start >>> 0}: entries are published in order, wrap round, and are reused only when the kernel has taken them`, async (t) => {
    const { buffer, kernel } = ring(16, start);
    const producer = new ProducerRing(buffer, LAYOUT, SIZE);
    const entry = (cursor: number): number[] => [...kernel.subarray(32 + ((cursor & (SIZE - 1)) << 2), 36 + ((cursor & (SIZE - 1)) << 2))];
    for (let round = 0; round < 5; round++) {
      const first = start + round * 5 | 0;
      t.equal(producer.free(SIZE), SIZE);
      for (let i = 0; i < 5; i++) producer.putFrame(1000 * round + i, 60 + i, i & 2);
      t.equal(kernel[0], first, 'nothing is to be seen yet');
      t.equal(producer.publish(), 5);
      t.equal(kernel[0], first + 5 | 0);
      t.equal(producer.publish(), 0);
      t.same(entry(first + 4 | 0), [1000 * round + 4, 0, 64, 0]);
      t.equal(producer.pending(), 5);
      t.equal(producer.free(4), 3);
      kernel[16] = first + 2 | 0;
      t.equal(producer.free(3), 3, 'the kernel is not asked while enough is known to be free');
      t.equal(producer.free(4), 5);
      t.equal(producer.pending(), 3);
      kernel[16] = first + 5 | 0;
    }
  });

  t.test(`cursors from ${start >>> 0}: waiting frames are taken in order and given back`, async (t) => {
    const { buffer, kernel } = ring(16, start);
    const consumer = new ConsumerRing(buffer, LAYOUT, SIZE);
    const [addresses, lengths] = [new Int32Array(SIZE), new Int32Array(SIZE)];
    let at = start;
    for (let round = 0; round < 5; round++) {
      t.equal(consumer.takeFrames(addresses, lengths, 0, SIZE), 0);
      for (let i = 0; i < 6; i++, at = at + 1 | 0) kernel.set([4096 * i + round, 0, 100 + i, 0], 32 + ((at & (SIZE - 1)) << 2));
      kernel[0] = at;
      t.equal(consumer.available(), 6);
      t.equal(consumer.takeFrames(addresses, lengths, 1, 4), 4);
      t.same([addresses[1], addresses[4], lengths[4]], [round, 4096 * 3 + round, 103]);
      t.equal(kernel[16], at - 2 | 0);
      t.equal(consumer.takeFrames(addresses, lengths, 0, SIZE), 2);
      t.same([...lengths.subarray(0, 2)], [104, 105]);
      t.equal(kernel[16], at);
    }
  });
}

t.test('rings of addresses have entries of eight bytes', async (t) => {
  const { buffer, kernel } = ring(8);
  kernel.fill(-1, 32);
  const fill = new ProducerRing(buffer, LAYOUT, SIZE);
  fill.putChunks(Int32Array.of(9, 7, 6, 5, 4, 3, 2, 1, 0), 9, 3, 11);
  t.equal(fill.free(6), 5);
  fill.putChunks(Int32Array.of(9, 7, 6, 5, 4, 3), 6, 5, 11);
  t.equal(fill.free(1), 0);
  fill.publish();
  t.same([...kernel.subarray(32, 36)], [0, 0, 2048, 0]);
  const completion = new ConsumerRing(buffer, LAYOUT, SIZE);
  const addresses = new Int32Array(SIZE);
  t.equal(completion.takeAddresses(addresses, 6), 6);
  t.equal(completion.takeAddresses(addresses.subarray(6), 6), 2);
  t.same([...addresses], [0, 1, 2, 3, 4, 5, 6, 7].map((chunk) => chunk << 11));
  t.equal(completion.available(), 0);
});
