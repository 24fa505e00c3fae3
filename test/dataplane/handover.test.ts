import t from 'tap';
import fc from 'fast-check';
import { HandoverDevice, handoverBytes, HandoverWriter } from '../../lib/dataplane/handover.ts';
import { FrameBurst, FrameMemory, HEADROOM } from '../../lib/wire/frame.ts';

function ring(units: number): { writer: HandoverWriter; device: HandoverDevice; memory: FrameMemory } {
  const memory = new FrameMemory(new SharedArrayBuffer(handoverBytes(units)));
  return { writer: new HandoverWriter(memory), device: new HandoverDevice('ring', memory), memory };
}

/** A frame of `length` bytes that differs from others, at 2 modulo 4. */
function frameOf(length: number, seed: number): { memory: FrameMemory; off: number; bytes: Buffer } {
  const memory = new FrameMemory(new ArrayBuffer(HEADROOM + 4 + length + 64));
  const off = HEADROOM + 2;
  for (let i = 0; i < length; i++) memory.u8[off + i] = (seed * 7 + i * 13 + (i >> 8)) & 0xff;
  return { memory, off, bytes: Buffer.from(memory.u8.subarray(off, off + length)) };
}

function taken(device: HandoverDevice, burst: FrameBurst): { bytes: Buffer; offload: number }[] {
  device.receive(burst);
  return Array.from({ length: burst.count }, (_unused, i) => {
    const off = burst.off[i]!;
    if (off % 4 !== 2) throw new Error(`frame at ${off}`);
    return { bytes: Buffer.from(burst.memory.u8.subarray(off, off + burst.len[i]!)), offload: burst.offload[i]! };
  });
}

t.test('whatever is pushed, published, received and given back in whatever order, frames come out as they went in, and nothing is lost but what found no room', async (t) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ push: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200, max: 1800 })) }) },
    { weight: 2, arbitrary: fc.constant('publish' as const) }, { weight: 3, arbitrary: fc.constant('receive' as const) }, { weight: 2, arbitrary: fc.constant('recycle' as const) },
  );
  let full = 0, wrapped = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 50, maxLength: 400, size: 'max' }), (steps) => {
    const { writer, device, memory } = ring(128);
    const burst = new FrameBurst(memory);
    const pushed: { bytes: Buffer; offload: number }[] = [];
    let published = 0, received = 0;
    for (const [number, each] of steps.entries()) {
      if (each === 'publish') {
        const news = writer.publish();
        if (news !== pushed.length > published) return false;
        published = pushed.length;
      } else if (each === 'receive') {
        for (const { bytes, offload } of taken(device, burst)) {
          const expected = pushed[received++]!;
          if (received > published || !bytes.equals(expected.bytes) || offload !== expected.offload) return false;
        }
        // What it has, the reader may write to, headroom included.
        for (let i = 0; i < burst.count; i++) burst.memory.u8.fill(0xee, burst.off[i]! - HEADROOM, burst.off[i]! + burst.len[i]!);
      } else if (each === 'recycle') {
        device.recycle();
      } else {
        const { memory: from, off, bytes } = frameOf(each.push, number);
        const before = writer.head;
        if (writer.push(from, off, bytes.length, number)) {
          pushed.push({ bytes, offload: number });
          if ((writer.head & ~127) !== (before & ~127)) wrapped++;
        } else {
          full++;
        }
      }
    }
    writer.publish();
    while (device.waiting) {
      for (const { bytes } of taken(device, burst)) if (!bytes.equals(pushed[received++]!.bytes)) return false;
    }
    device.recycle();
    return received === pushed.length && writer.tail === writer.head;
  }), { numRuns: 300 });
  t.ok(full > 20 && wrapped > 50, `${full} found no room, ${wrapped} times round the ring`);
});

t.test('a super-frame of 64 KiB fits, again and again', async (t) => {
  const { writer, device, memory } = ring(1 << 12);
  const burst = new FrameBurst(memory);
  for (let round = 0; round < 20; round++) {
    const { memory: from, off, bytes } = frameOf(65_549, round);
    t.ok(writer.push(from, off, bytes.length, round));
    writer.publish();
    t.same(taken(device, burst).map(({ bytes: out, offload }) => [out.equals(bytes), offload]), [[true, round]]);
    device.recycle();
  }
});

t.test('the count of units goes round beyond 2^31', async (t) => {
  const { writer, device, memory } = ring(64);
  const burst = new FrameBurst(memory);
  // As if that much had gone through: reader and writer agree on where they are.
  for (const word of [0, 16]) memory.i32[word] = 0x7fffffc0;
  const [late, lateDevice] = [new HandoverWriter(memory, 0x7fffffc0), new HandoverDevice('ring', memory, 0x7fffffc0)];
  for (let number = 0; number < 200; number++) {
    const { memory: from, off, bytes } = frameOf(100, number);
    t.ok(late.push(from, off, bytes.length, number));
    late.publish();
    t.same(taken(lateDevice, burst).map(({ bytes: out }) => out.equals(bytes)), [true]);
    lateDevice.recycle();
  }
  t.ok(late.head < 0);
  t.equal(writer.head + device.counters.received, 0);
});
