import t from 'tap';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { crc32c, writeChecksum } from '../../lib/wire/sctp.ts';
import { sctpChunk, sctpPacket } from '../support/frame-builder.ts';

t.test('CRC32c of the well-known check string', async (t) => {
  const memory = new FrameMemory(new ArrayBuffer(12));
  memory.u8.set(Buffer.from('123456789'));
  t.equal(crc32c(memory, 0, 9) >>> 0, 0xe3069283);
});

t.test('a rewritten packet gets the checksum its sender would have put in', async (t) => {
  const wanted = sctpPacket(1, 2, 99, sctpChunk(1, 0, Buffer.alloc(16, 5)));
  const memory = new FrameMemory(new ArrayBuffer(wanted.length));
  memory.u8.set(wanted);
  memory.i32[2] = 0x12345678;
  writeChecksum(memory, 0, wanted.length);
  t.same(Buffer.from(memory.u8), wanted);
});
