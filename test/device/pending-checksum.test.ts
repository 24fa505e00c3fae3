import t from 'tap';
import { pendingChecksum } from '../../lib/device/pending-checksum.ts';
import { checksumOf, fold, pseudoSum, sumBytes } from '../../lib/wire/checksum.ts';
import { FrameMemory, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { crc32c } from '../../lib/wire/sctp.ts';

const OFF = 130;
const L3 = OFF + 14;

interface Shape { readonly family: 4 | 6; readonly protocol: number; readonly extra?: readonly number[]; readonly payload: number; readonly padding?: number }

const memory = new FrameMemory(new ArrayBuffer(2048));
let seed = 7;
const random = (): number => (seed = Math.imul(seed, 1103515245) + 12345 & 0x7fffffff) >>> 8 & 255;

/** Write a frame with random addresses and bytes, checksum field zero; `extra` are IPv4 options or IPv6 extension headers. */
function write({ family, protocol, extra = [], payload, padding = 0 }: Shape): { l4: number; length: number; len: number } {
  const { u8 } = memory;
  for (let i = 0; i < u8.length; i++) u8[i] = random();
  const header = (family === 4 ? 20 : 40) + extra.length;
  const length = { 6: 20, 17: 8, 132: 12 }[protocol]! + payload;
  u8.set(family === 4 ? [8, 0] : [0x86, 0xdd], OFF + 12);
  if (family === 4) {
    u8.set([0x40 | header / 4, 0, (header + length) >> 8, (header + length) & 255, 0, 1, 0x40, 0, 64, protocol], L3);
    u8.set(extra, L3 + 20);
  } else {
    u8.set([0x60, 0, 0, 0, (extra.length + length) >> 8, (extra.length + length) & 255, extra.length > 0 ? 60 : protocol, 64], L3);
    u8.set(extra, L3 + 40);
    if (extra.length > 0) u8[L3 + 40] = protocol;
  }
  const l4 = L3 + header;
  if (protocol === 17) u8.set([length >> 8, length & 255], l4 + 4);
  u8.fill(0, fieldOf(l4, protocol), fieldOf(l4, protocol) + (protocol === 132 ? 4 : 2));
  return { l4, length, len: 14 + header + length + padding };
}

const fieldOf = (l4: number, protocol: number): number => l4 + { 6: 16, 17: 6, 132: 8 }[protocol]!;

const SHAPES: readonly (readonly [string, Shape])[] = [
  ['TCP', { family: 4, protocol: 6, payload: 33 }],
  ['TCP in a padded frame', { family: 4, protocol: 6, payload: 0, padding: 6 }],
  ['UDP', { family: 4, protocol: 17, payload: 18 }],
  ['UDP behind options', { family: 4, protocol: 17, payload: 5, extra: [1, 1, 1, 0] }],
  ['TCP over IPv6', { family: 6, protocol: 6, payload: 1000 }],
  ['UDP behind an extension header', { family: 6, protocol: 17, payload: 9, extra: [0, 0, 1, 4, 0, 0, 0, 0] }],
];

for (const [what, shape] of SHAPES) {
  t.test(`${what}: the pseudo-header sum alone is told from a finished checksum, a damaged one and none`, async (t) => {
    for (let i = 0; i < 200; i++) {
      const { l4, length, len } = write(shape);
      const field = fieldOf(l4, shape.protocol) >> 1;
      const pseudo = fold(pseudoSum(memory, shape.family, L3 + (shape.family === 4 ? 12 : 8), shape.protocol, length));
      const finished = checksumOf(memory, l4, length, pseudo);
      memory.u16[field] = pseudo;
      if (pendingChecksum(memory, OFF, len) !== OFFLOAD_PARTIAL) t.fail('not seen');
      t.equal(sumBytes(memory, l4, length, 0) === 0xffff, false);
      memory.u16[field] = finished;
      if (finished !== pseudo && pendingChecksum(memory, OFF, len) !== 0) t.fail('a finished one taken for unfinished');
      memory.u16[field] = pseudo ^ (1 << (i & 15));
      if (pendingChecksum(memory, OFF, len) !== 0) t.fail('a damaged one taken for unfinished');
      memory.u16[field] = 0;
      if (shape.protocol === 17 && pendingChecksum(memory, OFF, len) !== 0) t.fail('UDP without checksum taken for unfinished');
    }
  });
}

t.test('fragments, cut and foreign frames are left alone', async (t) => {
  const partial = (shape: Shape): number => {
    const { l4, length, len } = write(shape);
    memory.u16[fieldOf(l4, shape.protocol) >> 1] = fold(pseudoSum(memory, shape.family, L3 + (shape.family === 4 ? 12 : 8), shape.protocol, length));
    return len;
  };
  const len = partial(SHAPES[0]![1]);
  t.equal(pendingChecksum(memory, OFF, len), OFFLOAD_PARTIAL);
  t.equal(pendingChecksum(memory, OFF, len - 1), 0);
  memory.u8[L3 + 6] = 0x20;
  t.equal(pendingChecksum(memory, OFF, len), 0, 'a first fragment');
  memory.u8.set([0, 9], L3 + 6);
  t.equal(pendingChecksum(memory, OFF, len), 0, 'a later fragment');
  const six = partial(SHAPES[4]![1]);
  t.equal(pendingChecksum(memory, OFF, six - 1), 0);
  memory.u8[L3] = 0x50;
  t.equal(pendingChecksum(memory, OFF, six), 0, 'neither IPv4 nor IPv6');
});

t.test('an SCTP checksum left as zero is filled in, another one is not touched', async (t) => {
  for (const family of [4, 6] as const) {
    const { l4, length, len } = write({ family, protocol: 132, payload: 16 });
    t.equal(pendingChecksum(memory, OFF, len), 0);
    const filled = memory.u8.slice(l4 + 8, l4 + 12);
    memory.u8.fill(0, l4 + 8, l4 + 12);
    const crc = crc32c(memory, l4, l4 + length);
    t.same([...filled], [0, 1, 2, 3].map((i) => (crc >>> (8 * i)) & 255));
    memory.u8.set([1, 2, 3, 4], l4 + 8);
    pendingChecksum(memory, OFF, len);
    t.same([...memory.u8.subarray(l4 + 8, l4 + 12)], [1, 2, 3, 4]);
  }
});
