import t from 'tap';
import fc from 'fast-check';
import { completeChecksum, segmentInto, segmentLength } from '../../lib/dataplane/segment.ts';
import { ScratchRing } from '../../lib/dataplane/scratch-ring.ts';
import { OFFLOAD_GSO_TCP4, OFFLOAD_GSO_TCP6, OFFLOAD_GSO_UDP, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { addressBytes, internetChecksum, transportChecksum } from '../support/frame-view.ts';
import { ipPacket, ipv6Packet, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, packetOf, VIP, VIP6 } from './path-fixture.ts';

const DATA = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 13) & 0xff));

/** The field a sender leaves with CHECKSUM_PARTIAL: the pseudo-header sum, not complemented. */
function partialChecksum(src: string, dst: string, protocol: number, length: number): number {
  const segment = Buffer.alloc(length);
  return ~transportChecksum(addressBytes(src), addressBytes(dst), protocol, segment) & 0xffff;
}

function cut(ip: Buffer, offload: number): Buffer[] {
  const p = packetOf(ip, 0, offload);
  const scratch = new ScratchRing(1 << 20);
  const out: Buffer[] = [];
  segmentInto(p.memory, p.l3Off, p.l3End, offload, scratch, (off, end) => out.push(Buffer.from(scratch.memory.u8.subarray(off, end))));
  return out;
}

for (const [client, vip, kind] of [[CLIENT, VIP, OFFLOAD_GSO_TCP4], [CLIENT6, VIP6, OFFLOAD_GSO_TCP6]] as const) {
  t.test(`a TCP super-frame becomes segments that a receiver takes for the same stream (${client})`, async (t) => {
    const options = Buffer.from('0101080a0000000100000002', 'hex');
    const flags = 0x80 | 16 | 8 | 1;
    const tcp = tcpSegment(client, vip, 40001, 80, flags, { seq: 0xfffffff0, ack: 77, options, data: DATA });
    tcp.writeUInt16BE(partialChecksum(client, vip, 6, tcp.length), 16);
    const ip = ipPacket(client, vip, 6, tcp, { ident: 0xfffe, ttl: 9, tos: 0x10 });
    const offload = kind | OFFLOAD_PARTIAL | 1448;
    const p = packetOf(ip, 0, offload);
    const headerLength = client === CLIENT ? 20 : 40;
    t.equal(segmentLength(p.memory, p.l3Off, p.l3End, offload), headerLength + 32 + 1448);
    const segments = cut(ip, offload);
    t.equal(segments.length, 4);
    const stream: Buffer[] = [];
    for (const [i, segment] of segments.entries()) {
      const l4 = segment.subarray(headerLength);
      if (client === CLIENT) {
        t.equal(internetChecksum(segment.subarray(0, 20)), 0);
        t.equal(segment.readUInt16BE(2), segment.length);
        t.equal(segment.readUInt16BE(4), (0xfffe + i) & 0xffff, 'identification counts up');
        t.ok(segment.subarray(8, 10).equals(ip.subarray(8, 10)));
      } else {
        t.equal(segment.readUInt16BE(4), segment.length - 40);
        t.ok(segment.subarray(0, 4).equals(ip.subarray(0, 4)));
      }
      t.equal(transportChecksum(addressBytes(client), addressBytes(vip), 6, l4), 0, 'checksum');
      t.equal(l4.readUInt32BE(4), (0xfffffff0 + 1448 * i) >>> 0, 'sequence number');
      t.equal(l4.readUInt32BE(8), 77);
      t.equal(l4[13], 16 | (i === 0 ? 0x80 : 0) | (i === 3 ? 9 : 0), 'CWR first, FIN and PSH last');
      t.ok(l4.subarray(20, 32).equals(options));
      stream.push(l4.subarray(32));
    }
    t.ok(Buffer.concat(stream).equals(DATA));
  });
}

t.test('a UDP super-frame becomes datagrams', async (t) => {
  const ip = ipPacket(CLIENT, VIP, 17, udpDatagram(CLIENT, VIP, 5000, 53, DATA.subarray(0, 2500)));
  const segments = cut(ip, OFFLOAD_GSO_UDP | OFFLOAD_PARTIAL | 1000);
  t.same(segments.map((s) => s.readUInt16BE(24)), [1008, 1008, 508]);
  for (const segment of segments) t.equal(transportChecksum(addressBytes(CLIENT), addressBytes(VIP), 17, segment.subarray(20)), 0);
  t.ok(Buffer.concat(segments.map((s) => s.subarray(28))).equals(DATA.subarray(0, 2500)));
});

t.test('a partial checksum is completed, behind extension headers too', async (t) => {
  const datagram = udpDatagram(CLIENT6, VIP6, 5000, 53, DATA.subarray(0, 101));
  const good = Buffer.from(datagram);
  datagram.writeUInt16BE(partialChecksum(CLIENT6, VIP6, 17, datagram.length), 6);
  const p = packetOf(ipv6Packet(CLIENT6, VIP6, 60, Buffer.concat([Buffer.from([17, 0, 1, 4, 0, 0, 0, 0]), datagram])));
  t.equal(completeChecksum(p.memory, p.l3Off, p.l3End, OFFLOAD_PARTIAL | 3), 3);
  t.ok(Buffer.from(p.memory.u8.subarray(p.l4Off, p.l3End)).equals(good));
  t.equal(completeChecksum(p.memory, p.l3Off, p.l3End, 0), 0, 'and left alone without the bit');
});

t.test('what cannot be cut gives no segments', async (t) => {
  t.same(cut(ipPacket(CLIENT, VIP, 1, DATA.subarray(0, 64)), OFFLOAD_GSO_TCP4 | 20), []);
  const short = ipPacket(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, 1, 2, 16).subarray(0, 12));
  t.same(cut(short, OFFLOAD_GSO_TCP4 | 20), []);
  const lying = tcpSegment(CLIENT, VIP, 1, 2, 16);
  lying[12] = 0xf0;
  t.same(cut(ipPacket(CLIENT, VIP, 6, lying), OFFLOAD_GSO_TCP4 | 20), [], 'data offset beyond the packet');
});

t.test('super-frames that lie about their headers never throw, and nothing beyond them is touched', async (t) => {
  const scratch = new ScratchRing(1 << 20);
  fc.assert(fc.property(fc.uint8Array({ minLength: 40, maxLength: 300 }), fc.constantFrom(4, 6), fc.integer({ min: 1, max: 1500 }), fc.constantFrom(6, 17, 0, 44, 60, 43), (bytes, version, size, protocol) => {
    const p = packetOf(ipPacket(CLIENT, VIP, 6, Buffer.alloc(320)));
    p.memory.u8.set(bytes, p.l3Off);
    p.memory.u8[p.l3Off] = (version << 4) | (bytes[0]! & 15);
    p.memory.u8[p.l3Off + (version === 4 ? 9 : 6)] = protocol;
    const end = p.l3Off + bytes.length;
    p.memory.u8.fill(0x77, end);
    const before = Buffer.from(p.memory.u8.subarray(0, p.l3Off));
    const offload = OFFLOAD_GSO_TCP4 | OFFLOAD_PARTIAL | size;
    let sent = 0;
    segmentLength(p.memory, p.l3Off, end, offload);
    segmentInto(p.memory, p.l3Off, end, offload, scratch, (off, segmentEnd) => {
      sent += segmentEnd - off;
    });
    completeChecksum(p.memory, p.l3Off, end, offload);
    return sent <= bytes.length * bytes.length && before.equals(p.memory.u8.subarray(0, p.l3Off)) && p.memory.u8.subarray(end).every((byte) => byte === 0x77);
  }), { numRuns: 2000 });
});
