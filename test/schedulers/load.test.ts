import t from 'tap';
import fc from 'fast-check';
import { connectionLoad, destinationLabel, productExceeds } from '../../lib/schedulers/load.ts';
import { FakeService } from './fake-service.ts';

t.test('products are compared exactly, however large', async () => {
  const large = fc.oneof(fc.nat(2 ** 31 - 1), fc.integer({ min: 2 ** 31 - 5, max: 2 ** 31 - 1 }), fc.nat(2 ** 40));
  fc.assert(fc.property(large, large, large, large, (a, b, c, d) => productExceeds(a, b, c, d) === BigInt(a) * BigInt(b) > BigInt(c) * BigInt(d)), { numRuns: 2000 });
});

t.test('products that differ by one past 2^53 are told apart', async (t) => {
  // (n - 1) * (n + 1) = n * n - 1
  const n = 2 ** 31 - 7;
  t.ok(productExceeds(n, n, n - 1, n + 1));
  t.notOk(productExceeds(n - 1, n + 1, n, n));
  t.notOk(productExceeds(n, n, n, n));
});

t.test('an active connection weighs 257 beside a closed one, as the 6.1 kernel was seen to count', async (t) => {
  const service = new FakeService('wlc');
  const old = service.add(1, 1);
  const heavy = service.add(2, 256);
  heavy.activeConns = 1;
  old.inactiveConns = 1;
  t.equal(connectionLoad(heavy), 257);
  t.equal(service.pick(), 'rs1', '257/256 is more than 1/1');
});

t.test('labels read as ipvsadm prints destinations', async (t) => {
  t.equal(destinationLabel(new FakeService('rr').add(7)), '10.1.0.7:80');
  t.equal(destinationLabel(new FakeService('rr', { family: 6 }).add(7)), '[2001:db8:1::7]:80');
});
