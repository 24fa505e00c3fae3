import t from 'tap';
import fc from 'fast-check';
import { readCapture } from '../../lib/device/capture-reader.ts';
import { CaptureWriter } from '../../lib/device/capture-writer.ts';
import { PcapFileDevice } from '../../lib/device/pcap-file.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';

interface Packet { readonly seconds: number; readonly nanoseconds: number; readonly bytes: Uint8Array }

const PACKETS: readonly Packet[] = [
  { seconds: 1_700_000_000, nanoseconds: 123_456_789, bytes: Uint8Array.from({ length: 60 }, (_, n) => n) },
  { seconds: 1_700_000_000, nanoseconds: 999_999_999, bytes: Uint8Array.from({ length: 1514 }, (_, n) => n & 0xff) },
  { seconds: 1_700_000_001, nanoseconds: 0, bytes: Uint8Array.of() },
];

/** Classic pcap as libpcap of any machine writes it. */
function pcap(packets: readonly Packet[], { littleEndian = true, nanoseconds = false, linkType = 1 } = {}): Uint8Array {
  const view = new DataView(new ArrayBuffer(24 + packets.reduce((sum, { bytes }) => sum + 16 + bytes.length, 0)));
  view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  view.setUint32(16, 65535, littleEndian);
  view.setUint32(20, linkType, littleEndian);
  let at = 24;
  for (const packet of packets) {
    const words = [packet.seconds, nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000), packet.bytes.length, packet.bytes.length];
    for (const [n, word] of words.entries()) view.setUint32(at + 4 * n, word, littleEndian);
    new Uint8Array(view.buffer).set(packet.bytes, at + 16);
    at += 16 + packet.bytes.length;
  }
  return new Uint8Array(view.buffer);
}

function pcapng(littleEndian: boolean): Uint8Array {
  const blocks: number[][] = [];
  const word = (value: number, bytes = 4): number[] => {
    const out = Array.from({ length: bytes }, (_, n) => Math.floor(value / 256 ** n) & 0xff);
    return littleEndian ? out : out.reverse();
  };
  const padded = (bytes: number[]): number[] => [...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0)];
  const block = (type: number, body: number[]): void => { blocks.push([...word(type), ...word(body.length + 12), ...body, ...word(body.length + 12)]); };
  const option = (code: number, value: number[]): number[] => [...word(code, 2), ...word(value.length, 2), ...padded(value)];
  block(0x0a0d0d0a, [...word(0x1a2b3c4d), ...word(1, 2), ...word(0, 2), ...word(0xffffffff), ...word(0xffffffff)]);
  block(1, [...word(1, 2), ...word(0, 2), ...word(65535), ...option(2, [...Buffer.from('cl0')]), ...option(9, [9]), ...word(0)]);
  block(1, [...word(1, 2), ...word(0, 2), ...word(65535), ...option(2, [...Buffer.from('rs0')])]);
  block(4, [...word(0)]);
  const packet = (interfaceId: number, units: bigint, bytes: number[]): void =>
    block(6, [...word(interfaceId), ...word(Number(units >> 32n)), ...word(Number(units & 0xffffffffn)), ...word(bytes.length), ...word(bytes.length), ...padded(bytes)]);
  packet(0, 1_700_000_000_123_456_789n, [1, 2, 3, 4, 5]);
  packet(1, 1_700_000_000_200_000n, [6, 7, 8]);
  return Uint8Array.from(blocks.flat());
}

t.test('classic pcap is read in either byte order and either resolution', async (t) => {
  for (const littleEndian of [true, false]) {
    for (const nanoseconds of [true, false]) {
      const capture = readCapture(pcap(PACKETS, { littleEndian, nanoseconds }), 'test.pcap');
      t.same(capture.frames.map((frame) => ({
        seconds: frame.seconds, nanoseconds: frame.nanoseconds, bytes: capture.bytes.slice(frame.off, frame.off + frame.len),
      })), PACKETS.map((packet) => ({ ...packet, nanoseconds: nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000) * 1000 })));
    }
  }
});

t.test('pcapng is read with interface names and each interface\'s resolution', async (t) => {
  for (const littleEndian of [true, false]) {
    const capture = readCapture(pcapng(littleEndian), 'test.pcapng');
    t.same(capture.interfaces, ['cl0', 'rs0']);
    t.same(capture.frames.map(({ seconds, nanoseconds, interface: index, off, len }) => [seconds, nanoseconds, index, [...capture.bytes.slice(off, off + len)]]), [
      [1_700_000_000, 123_456_789, 0, [1, 2, 3, 4, 5]],
      [1_700_000_000, 200_000_000, 1, [6, 7, 8]],
    ]);
  }
});

t.test('what is written is read back the same', async (t) => {
  const chunks: Uint8Array[] = [];
  const writer = new CaptureWriter((bytes) => chunks.push(bytes.slice()));
  for (const { seconds, nanoseconds, bytes } of PACKETS) writer.frame(seconds, nanoseconds, bytes, 0, bytes.length);
  writer.flush();
  t.same(Buffer.concat(chunks), Buffer.from(pcap(PACKETS, { nanoseconds: true }).map((byte, at) => (at === 16 || at === 17 ? 0 : at === 18 ? 4 : byte))));
});

t.test('a file cut anywhere inside a packet is refused with that packet\'s number', async (t) => {
  const whole = pcap(PACKETS.slice(0, 2));
  t.throws(() => readCapture(whole.slice(0, 24 + 8), 'a.pcap'), { message: 'a.pcap: packet 1 is cut short: the file ends within its header' });
  t.throws(() => readCapture(whole.slice(0, 24 + 16 + 20), 'a.pcap'), { message: 'a.pcap: packet 1 is cut short: 20 of its 60 bytes are there' });
  t.throws(() => readCapture(whole.slice(0, whole.length - 1), 'a.pcap'), { message: 'a.pcap: packet 2 is cut short: 1513 of its 1514 bytes are there' });
  const next = pcapng(true);
  t.throws(() => readCapture(next.slice(0, next.length - 4), 'b.pcapng'), /^b\.pcapng: packet 2 is cut short/);
});

t.test('files of another kind are refused with what they are', async (t) => {
  t.throws(() => readCapture(Buffer.from('-A -t 192.0.2.10:80 -s rr\n'), 'rules'), { message: 'rules: neither pcap nor pcapng' });
  t.throws(() => readCapture(new Uint8Array(3), 'x'), { message: 'x: 3 bytes are not a capture file' });
  t.throws(() => readCapture(pcap([], { linkType: 113 }), 'any.pcap'), /not an Ethernet capture \(link type 113, Linux cooked, from "-i any"/);
  const damaged = pcap(PACKETS);
  damaged.fill(0xff, 24 + 8, 24 + 12);
  t.throws(() => readCapture(damaged, 'd.pcap'), { message: 'd.pcap: packet 1 claims 4294967295 bytes: the file is damaged there' });
});

t.test('damaged bytes anywhere give a capture or one line, never a crash', async () => {
  fc.assert(fc.property(fc.constantFrom(pcap(PACKETS), pcapng(true), pcapng(false)), fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }), fc.nat(2000), (whole, edits, length) => {
    const bytes = whole.slice(0, length === 0 ? undefined : Math.max(24, length));
    for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
    try {
      for (const { off, len } of readCapture(bytes, 'x').frames) if (off + len > bytes.length) return false;
      return true;
    } catch (error) {
      return error instanceof Error && error.name === 'LvsError' && !error.message.includes('\n');
    }
  }), { numRuns: 1000 });
});

t.test('the device gives frames up to its time, aligned, and writes with its time', async (t) => {
  const capture = readCapture(pcap(PACKETS, { nanoseconds: true }), 'a.pcap');
  const chunks: Uint8Array[] = [];
  const device = new PcapFileDevice('cl0', capture, capture.frames, new CaptureWriter((bytes) => chunks.push(bytes.slice())));
  t.equal(device.receive(device.burst), 0, 'before the first');
  device.time = device.next!;
  t.equal(device.receive(device.burst), 1);
  t.equal(device.burst.off[0]! % 4, 2);
  t.same(device.burst.memory.u8.slice(device.burst.off[0], device.burst.off[0]! + 60), PACKETS[0]!.bytes);
  device.time = { seconds: 1_700_000_002, nanoseconds: 0 };
  t.equal(device.receive(device.burst), 2);
  t.equal(device.next, undefined);
  const memory = new FrameMemory(new ArrayBuffer(256));
  device.transmit(memory, 130, 60);
  device.close();
  const written = readCapture(Buffer.concat(chunks), 'out');
  t.match(written.frames, [{ seconds: 1_700_000_002, nanoseconds: 0, len: 60 }]);
});
