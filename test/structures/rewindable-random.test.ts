import t from 'tap';
import { RewindableRandom } from '../../lib/structures/rewindable-random.ts';

function counting(): RewindableRandom {
  let n = 0;
  return new RewindableRandom(() => n++);
}

t.test('numbers that were looked at come again, in order, and then new ones', async (t) => {
  const random = counting();
  t.equal(random.next(), 0);
  const rewind = random.mark();
  t.same([random.next(), random.next(), random.next()], [1, 2, 3]);
  rewind();
  t.same([random.next(), random.next()], [1, 2]);
  const again = random.mark();
  t.same([random.next(), random.next()], [3, 4], 'partly looked at before');
  again();
  t.same([random.next(), random.next(), random.next()], [3, 4, 5]);
});

t.test('looking without drawing changes nothing', async (t) => {
  const random = counting();
  random.mark()();
  t.same([random.next(), random.next()], [0, 1]);
});
