import t from 'tap';
import { CHUNK_BYTES, CHUNK_SHIFT } from '../../lib/device/xdp-chunk.ts';
import { ConsumerRing, ProducerRing } from '../../lib/device/xdp-ring.ts';
import { XdpUmem } from '../../lib/device/xdp-umem.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const skip = nativeProblem() ?? false;

/** Give a socket chunks through a fill ring, and return their addresses. */
function lend(umem: XdpUmem, socket: number, count: number): Int32Array {
  const buffer = new ArrayBuffer(128 + 8 * 16), layout = { producer: 0, consumer: 64, entries: 128 };
  const ring = new ProducerRing(buffer, layout, 16);
  umem.fill(ring, socket, count, 0);
  ring.publish();
  const addresses = new Int32Array(count);
  new ConsumerRing(buffer, layout, 16).takeAddresses(addresses, count);
  return addresses;
}

t.test('every chunk has one owner at a time, and comes back once', { skip }, async (t) => {
  const umem = new XdpUmem(8);
  t.teardown(() => umem.close());
  t.equal(umem.memory.u8.length, 8 * CHUNK_BYTES);
  const first = umem.number();
  umem.joined(first, 77);
  const second = umem.number();
  umem.joined(second, 78);
  t.not(first, second);
  const addresses = lend(umem, first, 3);
  t.same(new Set(addresses).size, 3);
  t.equal(umem.freeCount, 5);
  umem.hold(addresses, 0, 3);
  const chunk = addresses[0]! >> CHUNK_SHIFT;
  t.ok(umem.isHeld(chunk));
  t.equal(umem.heldCount, 3);
  umem.send(chunk, second);
  t.notOk(umem.isHeld(chunk), 'it is on its way');
  umem.recycle(addresses, 3);
  t.equal(umem.freeCount, 7, 'recycling leaves alone what was sent');
  umem.sent(Int32Array.of(addresses[0]! + 258), 1);
  t.equal(umem.freeCount, 8);
  const copies = Array.from({ length: 8 }, () => umem.take());
  t.same([...copies].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  t.equal(umem.take(), -1, 'there is none left');
  umem.sent(Int32Array.from(copies, (copy) => copy << CHUNK_SHIFT), 8);
  t.same([...lend(umem, first, 4)].filter((address) => address % CHUNK_BYTES !== 0), []);
  umem.fill(new ProducerRing(new ArrayBuffer(256), { producer: 0, consumer: 64, entries: 128 }, 16), first, 16, 3);
  t.equal(umem.freeCount, 3, 'some are kept for copies');
});

t.test('what a socket had comes back when it ends, and nothing else', { skip }, async (t) => {
  const umem = new XdpUmem(16);
  t.teardown(() => umem.close());
  const [gone, stays] = [umem.number(), umem.number() + 1];
  umem.joined(gone, 77);
  umem.joined(stays, 78);
  t.same(umem.sharedBy, { number: gone, fd: 77 });
  lend(umem, gone, 5);
  lend(umem, stays, 3);
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
