import t from 'tap';
import { completeSctpChecksum } from '../../lib/device/sctp-checksum.ts';
import { offloadOf, OFFLOAD_UNKNOWN, sctpPending, VIRTIO_HEADER_LENGTH, writeVirtioHeader } from '../../lib/device/virtio-header.ts';
import { FrameMemory, OFFLOAD_ECN, OFFLOAD_GSO_TCP4, OFFLOAD_GSO_TCP6, OFFLOAD_GSO_UDP, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';

const OFF = 66;
const AT = OFF - VIRTIO_HEADER_LENGTH;

function frame(bytes: readonly number[]): FrameMemory {
  const memory = new FrameMemory(new ArrayBuffer(512));
  memory.u8.set(bytes, OFF);
  return memory;
}

/** Ethernet (with VLAN tags), IPv4 with options, 40 zero bytes behind. */
function ipv4(protocol: number, options = 0, tags = 0): number[] {
  const vlan = Array.from({ length: tags }, () => [0x81, 0, 0, 5]).flat();
  return [...new Array<number>(12).fill(0), ...vlan, 8, 0, 0x45 + options / 4, 0, 0, 60 + options, 0, 0, 0, 0, 64, protocol, 0, 0, ...new Array<number>(8 + options).fill(0), ...tcp];
}
const tcp = [...new Array<number>(12).fill(0), 0x80, ...new Array<number>(27).fill(0)];

/** flags, gso_type, hdr_len, gso_size, csum_start, csum_offset */
function header(memory: FrameMemory): number[] {
  const view = new DataView(memory.u8.buffer, AT);
  return [view.getUint8(0), view.getUint8(1), ...[2, 4, 6, 8].map((at) => view.getUint16(at, true))];
}

t.test('what is written is read again', async (t) => {
  const memory = frame(ipv4(6));
  for (const offload of [0, OFFLOAD_PARTIAL, OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP4 | 1448, OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP4 | OFFLOAD_ECN | 500,
    OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP6 | 1428, OFFLOAD_PARTIAL | OFFLOAD_GSO_UDP | 1200]) {
    writeVirtioHeader(memory, AT, OFF, 74, offload, OFF);
    t.equal(offloadOf(memory, AT), offload, offload.toString(16));
  }
});

t.test('the checksum is found in the headers as they are now', async (t) => {
  const cases: readonly (readonly [string, number[], number, number[]])[] = [
    ['TCP', ipv4(6), OFFLOAD_PARTIAL, [1, 0, 0, 0, 34, 16]],
    ['UDP behind options', ipv4(17, 8), OFFLOAD_PARTIAL, [1, 0, 0, 0, 42, 6]],
    ['TCP behind a VLAN tag', ipv4(6, 0, 1), OFFLOAD_PARTIAL, [1, 0, 0, 0, 38, 16]],
    ['a TCP super-frame: its header length counts too', ipv4(6), OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP4 | 1000, [1, 1, 66, 1000, 34, 16]],
    ['a tunnel packet has no checksum we know', ipv4(4), OFFLOAD_PARTIAL, [0, 0, 0, 0, 0, 0]],
    ['IPv6 with hop-by-hop options', [...new Array<number>(12).fill(0), 0x86, 0xdd, 0x60, 0, 0, 0, 0, 48, 0, 64, ...new Array<number>(32).fill(0), 17, 0, 0, 0, 0, 0, 0, 0, ...tcp], OFFLOAD_PARTIAL, [1, 0, 0, 0, 62, 6]],
    ['not IP', [...new Array<number>(12).fill(0), 8, 6, ...tcp], OFFLOAD_PARTIAL, [0, 0, 0, 0, 0, 0]],
  ];
  for (const [what, bytes, offload, expected] of cases) {
    const memory = frame(bytes);
    memory.u8.fill(0xff, AT, OFF);
    writeVirtioHeader(memory, AT, OFF, bytes.length, offload, OFF);
    t.same(header(memory), expected, what);
  }
});

t.test('offsets can count from the IP header', async (t) => {
  const memory = frame(ipv4(6));
  writeVirtioHeader(memory, AT, OFF, 74, OFFLOAD_PARTIAL | OFFLOAD_GSO_TCP4 | 1000, OFF + 14);
  t.same(header(memory), [1, 1, 52, 1000, 20, 16]);
});

t.test('a cut frame of any length writes a header and nothing else', async (t) => {
  for (let len = 0; len <= 74; len++) {
    const memory = frame(ipv4(6));
    const before = memory.u8.slice();
    writeVirtioHeader(memory, AT, OFF, len, OFFLOAD_PARTIAL, OFF);
    before.set(memory.u8.subarray(AT, OFF), AT);
    t.same(memory.u8, before);
  }
});

t.test('a super-frame of a kind that has no name here is told apart', async (t) => {
  const memory = frame(ipv4(17));
  memory.u8[AT + 1] = 3;
  t.equal(offloadOf(memory, AT), OFFLOAD_UNKNOWN);
});

t.test('an unfinished SCTP checksum is completed as CRC32c', async (t) => {
  // RFC 9260 appendix A names the polynomial; the CRC32c of 32 zero bytes is 8a9136aa (RFC 3720 appendix B.4).
  const bytes = [...new Array<number>(12).fill(0), 8, 0, 0x45, 0, 0, 52, 0, 0, 0, 0, 64, 132, ...new Array<number>(10).fill(0), ...new Array<number>(32).fill(0), 0, 0];
  const memory = frame(bytes);
  memory.u8.set([1, 0, 0, 0, 0, 0, 34, 0, 8, 0], AT);
  t.equal(sctpPending(memory, AT), true);
  t.equal(completeSctpChecksum(memory, OFF, OFF + 34, bytes.length, OFFLOAD_PARTIAL), 0);
  t.equal(new DataView(memory.u8.buffer).getUint32(OFF + 42, true), 0x8a9136aa);
  memory.u8[AT + 8] = 16;
  t.equal(sctpPending(memory, AT), false);
});
