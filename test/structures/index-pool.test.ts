import t from 'tap';
import { IndexPool } from '../../lib/structures/index-pool.ts';

t.test('every number is given out once, then none, then what came back', async (t) => {
  const pool = new IndexPool(3);
  t.same([pool.take(), pool.take(), pool.take(), pool.take()], [0, 1, 2, -1]);
  t.equal(pool.used, 3);
  pool.release(1);
  t.equal(pool.used, 2);
  t.equal(pool.highest, 3);
  t.equal(pool.take(), 1);
  t.equal(pool.take(), -1);
});
