import t from 'tap';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { GUE_HEADER, gueHeaderLength, gueProtocol, gueSourcePort, writeGue } from '../../lib/wire/gue.ts';
import { transportChecksum } from '../support/frame-view.ts';

t.test('a header is written as recorded, and read back', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(128));
  const payload = Buffer.from('an odd number of bytes');
  memory.u8.set(payload, 40 + GUE_HEADER);
  const end = 40 + GUE_HEADER + payload.length;
  writeGue(memory, 40, end, 0xdb5b, 6080, 41, false, 4, 32);
  t.equal(Buffer.from(memory.u8.subarray(40, 52)).toString('hex'), 'db5b17c0' + (end - 40).toString(16).padStart(4, '0') + '000000290000');
  t.same([gueHeaderLength(memory, 40, end), gueProtocol(memory, 40)], [12, 41]);
});

t.test('the checksum covers addresses of either family and is never written as zero', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(128));
  for (const [family, length] of [[4, 4], [6, 16]] as const) {
    let ones = 0;
    for (let n = 0; n < 0x10000; n++) {
      memory.u8.fill(0);
      memory.u8.set(Buffer.from('c000020a0a0100fe0a0100010a0100020a0100030a0100040a0100050a010006', 'hex'), 8);
      memory.u16[60 >> 1] = n;
      writeGue(memory, 40, 62, 40000, 6081, 4, true, family, 8);
      const sum = memory.u16[46 >> 1]!;
      if (sum === 0) t.fail('zero means no checksum');
      if (sum === 0xffff) ones++;
      if (n % 997 === 0 && transportChecksum(memory.u8.subarray(8, 8 + length), memory.u8.subarray(8 + length, 8 + 2 * length), 17, memory.u8.subarray(40, 62)) !== 0) t.fail(`payload ${n}`);
    }
    t.ok(ones > 0, 'the case occurs');
  }
});

t.test('source ports lie in the local port range, all of it', async (t) => {
  t.equal(gueSourcePort(0), 32768);
  t.equal(gueSourcePort(-1), 60998);
  t.equal(gueSourcePort(0x80000000 | 0), 32768 + ((60999 - 32768) >> 1));
});

t.test('control messages, other versions and cut headers are not read; optional fields are skipped', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(64));
  writeGue(memory, 0, 40, 40000, 6080, 4, false, 4, 44);
  t.equal(gueHeaderLength(memory, 0, 11), 0);
  memory.u8[8] = 2;
  t.equal(gueHeaderLength(memory, 0, 40), 20);
  t.equal(gueHeaderLength(memory, 0, 19), 0);
  for (const first of [0x20, 0x40, 0x80]) {
    memory.u8[8] = first;
    t.equal(gueHeaderLength(memory, 0, 40), 0);
  }
});
