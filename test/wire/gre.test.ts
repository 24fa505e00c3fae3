import t from 'tap';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { GRE_IPV4, GRE_IPV6, greHeaderLength, greLength, greProtocol, writeGre } from '../../lib/wire/gre.ts';
import { internetChecksum } from '../support/frame-view.ts';

t.test('a header is written as recorded, and read back', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(64));
  memory.u8.fill(0x33);
  writeGre(memory, 8, 31, GRE_IPV4, false);
  t.equal(Buffer.from(memory.u8.subarray(8, 12)).toString('hex'), '00000800');
  t.same([greHeaderLength(memory, 8, 31), greProtocol(memory, 8)], [greLength(false), GRE_IPV4]);
  writeGre(memory, 8, 31, GRE_IPV6, true);
  t.equal(Buffer.from(memory.u8.subarray(8, 12)).toString('hex'), '800086dd');
  t.same([...memory.u8.subarray(14, 16)], [0, 0], 'reserved');
  t.equal(internetChecksum(memory.u8.subarray(8, 31)), 0);
  t.same([greHeaderLength(memory, 8, 31), greProtocol(memory, 8)], [greLength(true), GRE_IPV6]);
});

t.test('cut headers, keys, sequence numbers and routing are not read', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(64));
  writeGre(memory, 0, 20, GRE_IPV4, true);
  t.equal(greHeaderLength(memory, 0, 7), 0);
  t.equal(greHeaderLength(memory, 0, 3), 0);
  for (const flags of [0x20, 0x10, 0x40, 0x08]) {
    memory.u8[0] = flags;
    t.equal(greHeaderLength(memory, 0, 20), 0);
  }
  memory.u8[0] = 0;
  memory.u8[1] = 1;
  t.equal(greHeaderLength(memory, 0, 20), 0, 'version 1 is PPTP');
});
