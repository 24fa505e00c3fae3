import t from 'tap';
import { DROP, DROP_REASONS } from '../../lib/model/drop-reason.ts';

t.test('every drop reason has an index, a name and a help text of its own', async (t) => {
  t.equal(new Set(DROP_REASONS.map(([name]) => name)).size, DROP_REASONS.length);
  t.equal(new Set(DROP_REASONS.map(([, help]) => help)).size, DROP_REASONS.length);
  t.equal(DROP.noDestination, DROP_REASONS.findIndex(([name]) => name === 'noDestination'));
});
