import t from 'tap';
import { checksumOf, deltaOf, fold, halves, pseudoSum, sumBytes, updated, updatedPartial } from '../../lib/wire/checksum.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { addressBytes, internetChecksum, transportChecksum } from '../support/frame-view.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const random = new SeededRandom(7);
const holding = (bytes: Uint8Array): FrameMemory => {
  const memory = new FrameMemory(new ArrayBuffer((bytes.length + 3) & ~3));
  memory.u8.set(bytes);
  return memory;
};
const bigEndian = (raw: number): number => ((raw & 0xff) << 8) | (raw >> 8);

t.test('a checksum over any bytes is the one of RFC 1071', async (t) => {
  for (const length of [0, 1, 2, 3, 20, 21, 1499, 65534, 65535]) {
    const bytes = random.bytes(length);
    t.equal(bigEndian(checksumOf(holding(bytes), 0, length, 0)), internetChecksum(bytes), `${length} bytes`);
  }
});

t.test('pseudo headers of both families', async (t) => {
  for (const [source, destination] of [['192.0.2.1', '10.0.0.1'], ['2001:db8::1', '2001:db8:1::2']] as const) {
    for (const length of [8, 1460, 70_000]) {
      const addresses = Buffer.concat([addressBytes(source), addressBytes(destination)]);
      const segment = random.bytes(length);
      const memory = holding(Buffer.concat([addresses, segment]));
      const pseudo = pseudoSum(memory, source.includes(':') ? 6 : 4, 0, 17, length);
      if (length <= 65535) t.equal(bigEndian(~sumBytes(memory, addresses.length, length, pseudo) & 0xffff), transportChecksum(addressBytes(source), addressBytes(destination), 17, segment));
      else t.equal(pseudo <= 0xffff, true);
    }
  }
});

t.test('an incremental update equals computing the checksum again', async (t) => {
  for (let round = 0; round < 500; round++) {
    const bytes = random.bytes(40);
    const memory = holding(bytes);
    const before = checksumOf(memory, 0, 40, 0);
    const word = random.below(10);
    const old = memory.i32[word]!;
    memory.i32[word] = random.below(2) === 0 ? random.below(0x100000000) | 0 : 0;
    t.equal(updated(before, deltaOf(old, memory.i32[word]!)) % 0xffff, checksumOf(memory, 0, 40, 0) % 0xffff);
  }
});

t.test('a partial checksum follows the pseudo header without being complemented', async (t) => {
  const before = fold(halves(0x01020304) + halves(0x7f000001));
  t.equal(updatedPartial(before, deltaOf(0x01020304, 0x0a0b0c0d)) % 0xffff, fold(halves(0x0a0b0c0d) + halves(0x7f000001)) % 0xffff);
});
