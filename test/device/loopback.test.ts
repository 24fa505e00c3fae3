import t from 'tap';
import { LoopbackDevice } from '../../lib/device/loopback.ts';
import { HEADROOM, MAX_BURST, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';

const frame = (first: number, length = 60): Uint8Array => Uint8Array.from({ length }, (_, n) => (first + n) & 0xff);

t.test('frames arrive in order, aligned, with room in front', async (t) => {
  const device = new LoopbackDevice('test0');
  for (const n of [1, 2, 3]) t.ok(device.inject(frame(n), n === 2 ? OFFLOAD_PARTIAL : 0));
  const { burst } = device;
  t.equal(device.receive(burst), 3);
  for (let i = 0; i < 3; i++) {
    t.equal(burst.off[i]! % 4, 2, 'the IP header is aligned');
    t.ok(burst.off[i]! >= HEADROOM);
    t.same(burst.memory.u8.slice(burst.off[i]!, burst.off[i]! + burst.len[i]!), frame(i + 1));
  }
  t.same([...burst.offload.slice(0, 3)], [0, OFFLOAD_PARTIAL, 0]);
  t.equal(device.receive(burst), 0, 'lent frames are not given twice');
  device.recycle();
  t.match(device.counters, { received: 3, receiveDrops: 0 });
});

t.test('what one end of a pair transmits, the other receives after flush, however the ring wraps', async (t) => {
  const [left, right] = LoopbackDevice.pair('left', 'right', { slots: 5 });
  const memory = new FrameMemory(new ArrayBuffer(4096));
  for (let round = 0; round < 20; round++) {
    for (const n of [0, 1, 2]) {
      memory.u8.set(frame(round * 3 + n, 300), HEADROOM + 2);
      left.transmit(memory, HEADROOM + 2, 300, 0);
    }
    t.equal(right.receive(right.burst), 0, 'not before flush');
    left.flush();
    t.equal(right.receive(right.burst), 3);
    for (let i = 0; i < 3; i++) t.equal(right.burst.memory.u8[right.burst.off[i]!], (round * 3 + i) & 0xff);
    right.recycle();
  }
  t.equal(left.counters.transmitted, 60);
  t.equal(right.counters.received, 60);
});

t.test('a full queue and a frame too long are counted drops', async (t) => {
  const device = new LoopbackDevice('small', { slots: 2, longest: 100 });
  t.notOk(device.inject(frame(0, 101)));
  t.ok(device.inject(frame(0)));
  t.ok(device.inject(frame(0)));
  t.notOk(device.inject(frame(0)));
  t.equal(device.counters.receiveDrops, 2);
  device.receive(device.burst);
  t.notOk(device.inject(frame(0)), 'lent frames keep their place');
  device.recycle();
  t.ok(device.inject(frame(0)));
});

t.test('no burst is larger than MAX_BURST', async (t) => {
  const device = new LoopbackDevice('many', { slots: 1000 });
  for (let n = 0; n < 600; n++) device.inject(frame(n));
  const counts: number[] = [];
  for (let count = device.receive(device.burst); count > 0; count = device.receive(device.burst)) {
    counts.push(count);
    device.recycle();
  }
  t.same(counts, [MAX_BURST, MAX_BURST, 600 - 2 * MAX_BURST]);
});

t.test('sent() takes what came out, once; a closed device takes nothing', async (t) => {
  const device = new LoopbackDevice('out');
  const memory = new FrameMemory(new ArrayBuffer(1024));
  memory.u8.set(frame(9), 130);
  device.transmit(memory, 130, 60, 0);
  t.same(device.sent(), []);
  device.flush();
  t.same(device.sent(), [frame(9)]);
  t.same(device.sent(), []);
  device.close();
  device.transmit(memory, 130, 60, 0);
  device.flush();
  t.same(device.sent(), []);
  t.equal(device.counters.transmitDrops, 1);
  t.notOk(device.inject(frame(1)));
});
