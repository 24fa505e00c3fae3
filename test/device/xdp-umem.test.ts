import t from 'tap';
import { CHUNK_BYTES } from '../../lib/device/xdp-chunk.ts';
import { XdpUmem } from '../../lib/device/xdp-umem.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const skip = nativeProblem() ?? false;

t.test('every chunk has one owner at a time, and comes back once', { skip }, async (t) => {
  const umem = new XdpUmem(8);
  t.teardown(() => umem.close());
  t.equal(umem.memory.u8.length, 8 * CHUNK_BYTES);
  const first = umem.number();
  umem.joined(first, 77);
  const second = umem.number();
  umem.joined(second, 78);
  t.not(first, second);
  const chunks = [0, 1, 2].map(() => umem.lend(first));
  t.same(new Set(chunks).size, 3);
  t.equal(umem.freeCount, 5);
  chunks.forEach((chunk) => umem.hold(chunk));
  t.ok(umem.isHeld(chunks[0]!));
  umem.send(chunks[0]!, second);
  t.notOk(umem.isHeld(chunks[0]!), 'it is on its way');
  for (const chunk of chunks) umem.recycle(chunk);
  t.equal(umem.freeCount, 7, 'recycling leaves alone what was sent');
  umem.sent(chunks[0]!);
  t.equal(umem.freeCount, 8);
  const copies = Array.from({ length: 8 }, () => umem.take());
  t.same([...copies].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  t.equal(umem.take(), -1, 'there is none left');
});

t.test('what a socket had comes back when it ends, and nothing else', { skip }, async (t) => {
  const umem = new XdpUmem(16);
  t.teardown(() => umem.close());
  const [gone, stays] = [umem.number(), umem.number() + 1];
  umem.joined(gone, 77);
  umem.joined(stays, 78);
  t.same(umem.sharedBy, { number: gone, fd: 77 });
  for (let i = 0; i < 5; i++) umem.lend(gone);
  for (let i = 0; i < 3; i++) umem.lend(stays);
  const held = umem.take();
  umem.send(umem.take(), gone);
  umem.left(gone);
  t.equal(umem.freeCount, 16 - 3 - 1);
  t.ok(umem.isHeld(held));
  t.same(umem.sharedBy, { number: stays, fd: 78 });
  t.equal(umem.number(), gone, 'its number is free again');
  umem.unbound(stays);
  t.equal(umem.sharedBy, null, 'nobody to join through: register again');
});
