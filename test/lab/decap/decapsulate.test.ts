import t from 'tap';
import { CUT_SHORT, decapsulate, NOT_IP, UNKNOWN_FLAGS, WRONG_CHECKSUM } from '../../../lib/lab/decap/decapsulate.ts';
import { grePacket, guePacket, internetChecksum, ipv4Packet, ipv6Packet, udpDatagram } from './tunnel-packets.ts';

const inner4 = ipv4Packet('198.51.100.10', '198.51.100.100', 17, udpDatagram(1000, 7, Buffer.from('hello')));
const inner6 = ipv6Packet('2001:db8:c::10', '2001:db8:c::100', 17, udpDatagram(1000, 7, Buffer.from('hello')));

t.test('IP in IP: the inner packet follows at once, in both versions', async (t) => {
  t.equal(decapsulate('ipip', inner4, 0, inner4.length), 0);
  t.equal(decapsulate('ipip', inner6, 0, inner6.length), 0);
});

t.test('an inner packet that claims more bytes than there are is refused', async (t) => {
  for (const inner of [inner4, inner6]) {
    for (let length = 0; length < inner.length; length++) {
      t.ok(decapsulate('ipip', inner, 0, length) < 0, `${length} of ${inner.length} bytes`);
    }
  }
});

t.test('padding behind the inner packet is no part of it', async (t) => {
  const padded = Buffer.concat([inner4, Buffer.alloc(6)]);
  t.equal(decapsulate('ipip', padded, 0, padded.length), 0);
});

t.test('something that is not IP is refused', async (t) => {
  t.equal(decapsulate('ipip', Buffer.alloc(60, 0x50), 0, 60), NOT_IP);
});

t.test('GRE with every combination of checksum, key and sequence number', async (t) => {
  for (const checksum of [false, true]) {
    for (const key of [false, true]) {
      for (const sequence of [false, true]) {
        const packet = grePacket(inner4, { checksum, key, sequence });
        t.equal(decapsulate('gre', packet, 0, packet.length), packet.length - inner4.length, JSON.stringify({ checksum, key, sequence }));
      }
    }
  }
});

t.test('GRE with a wrong checksum is refused', async (t) => {
  const packet = grePacket(inner6, { checksum: true });
  packet[packet.length - 1]! ^= 1;
  t.equal(decapsulate('gre', packet, 0, packet.length), WRONG_CHECKSUM);
});

t.test('GRE that carries no IP, or flags of other versions, is refused', async (t) => {
  const bridged = grePacket(inner4, {});
  bridged.writeUInt16BE(0x6558, 2);
  t.equal(decapsulate('gre', bridged, 0, bridged.length), NOT_IP);
  const pptp = grePacket(inner4, {});
  pptp.writeUInt16BE(0x0001, 0);
  t.equal(decapsulate('gre', pptp, 0, pptp.length), UNKNOWN_FLAGS);
});

t.test('GUE: plain, and without any GUE header (variant 1)', async (t) => {
  for (const inner of [inner4, inner6]) {
    const packet = guePacket(inner);
    t.equal(decapsulate('gue', packet, 0, packet.length), 4);
    t.equal(decapsulate('gue', inner, 0, inner.length), 0);
  }
});

t.test('GUE with remote checksum offload completes the inner checksum', async (t) => {
  for (const inner of [inner4, inner6]) {
    const l4 = inner === inner4 ? 20 : 40;
    // What the sender leaves: the sum of the pseudo header, not complemented.
    const partial = Buffer.from(inner);
    partial.writeUInt16BE(0, l4 + 6);
    const complete = inner.readUInt16BE(l4 + 6);
    const data = ~internetChecksum(partial.subarray(l4)) & 0xffff, whole = ~complete & 0xffff;
    partial.writeUInt16BE((whole - data + 0xffff) % 0xffff, l4 + 6);
    const packet = guePacket(partial, { start: l4, offset: l4 + 6 });
    t.equal(decapsulate('gue', packet, 0, packet.length), 12);
    t.same(packet.subarray(12), inner);
  }
});

t.test('remote checksum offload outside the inner packet writes nothing', async (t) => {
  for (const [start, offset] of [[20, inner4.length - 1], [inner4.length, 26], [60000, 60006]] as const) {
    const packet = guePacket(inner4, { start, offset }), before = Buffer.from(packet);
    t.equal(decapsulate('gue', packet, 0, packet.length), CUT_SHORT);
    t.same(packet, before);
  }
});

t.test('GUE control messages and unknown flags are refused', async (t) => {
  const control = guePacket(inner4);
  control[0]! |= 0x20;
  t.equal(decapsulate('gue', control, 0, control.length), UNKNOWN_FLAGS);
  const flags = guePacket(inner4);
  flags.writeUInt16BE(0x8000, 2);
  t.equal(decapsulate('gue', flags, 0, flags.length), UNKNOWN_FLAGS);
});
