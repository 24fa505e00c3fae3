/** lblc and lblcr over hours: what is forgotten, what shrinks, what survives a destination's absence. */
import t from 'tap';
import { AddressCache } from '../../lib/schedulers/address-cache.ts';
import type { CacheEntry } from '../../lib/schedulers/address-cache.ts';
import { FakeService } from './fake-service.ts';

const DAY_MS = 86_400_000;

t.test('lblc remembers a destination that was removed and added again', async (t) => {
  const service = new FakeService('lblc');
  service.add(1);
  const second = service.add(2);
  t.equal(service.pick(1, 10), 'rs2');
  service.remove(second);
  service.add(2, 5);
  service.destinations[1]!.activeConns = 0;
  service.destinations[0]!.activeConns = 3;
  t.equal(service.pick(2, 10), 'rs2', 'although rs1 is idle');
});

t.test('lblc forgets an address that was not used for a day', async (t) => {
  const service = new FakeService('lblc');
  const first = service.add(1, 100);
  t.equal(service.pick(1, 10), 'rs1');
  service.add(2, 100);
  first.activeConns = 50;
  t.equal(service.pick(1, 10), 'rs1', 'remembered');
  for (let minute = 0; minute < 31; minute++) {
    service.nowMs = DAY_MS + minute * 60_000;
    service.scheduler.expire(service);
  }
  t.equal(service.pick(1, 10), 'rs2', 'forgotten, so the least loaded one');
});

t.test('an lblcr set that has not changed for a day loses its most loaded member', async (t) => {
  const service = new FakeService('lblcr');
  const first = service.add(1, 2);
  t.equal(service.pick(1, 10), 'rs1');
  const second = service.add(2, 2);
  first.activeConns = 3;
  t.equal(service.pick(2, 10), 'rs2', 'rs1 is overfull: rs2 joins');
  first.activeConns = 1;
  second.activeConns = 2;
  t.equal(service.pick(3, 10), 'rs1', 'the less loaded of the set');
  service.nowMs = DAY_MS + 1;
  first.activeConns = 2;
  second.activeConns = 1;
  t.equal(service.pick(4, 10), 'rs2', 'still the less loaded of both; then rs1 leaves');
  first.activeConns = 0;
  second.activeConns = 2;
  t.equal(service.pick(5, 10), 'rs2', 'rs1 is idle but left the set');
});

t.test('a sweep does nothing until there are too many entries, then removes the long unused', async (t) => {
  const cache = new AddressCache<CacheEntry>();
  for (let n = 0; n < 17_000; n++) cache.store(Int32Array.of(0, 0, 0, n), { lastUseMs: n < 16_000 ? 0 : 600_000 });
  cache.sweep(60_000, DAY_MS);
  t.equal(cache.size, 17_000, 'all used within six minutes');
  cache.sweep(600_000, DAY_MS);
  t.equal(cache.size, 17_000 - Math.trunc((616 * 4) / 3));
});
