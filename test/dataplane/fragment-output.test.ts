import t from 'tap';
import fc from 'fast-check';
import { fragmentIpv4, fragmentIpv6 } from '../../lib/dataplane/fragment-output.ts';
import { FragmentSizes } from '../../lib/dataplane/fragment-sizes.ts';
import { ScratchRing } from '../../lib/dataplane/scratch-ring.ts';
import { internetChecksum } from '../support/frame-view.ts';
import { ipv4Packet, ipv6Packet } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, packetOf, VIP, VIP6 } from './path-fixture.ts';

function cut(ip: Buffer, mtu: number, reassembledMax = 0, sizes: FragmentSizes | null = null): Buffer[] {
  const p = packetOf(ip);
  const scratch = new ScratchRing(1 << 20);
  const out: Buffer[] = [];
  const keep = (off: number, end: number): void => void out.push(Buffer.from(scratch.memory.u8.subarray(off, end)));
  if (p.family === 4) fragmentIpv4(p.memory, p.l3Off, p.l3End, mtu, reassembledMax, sizes, scratch, keep);
  else fragmentIpv6(p.memory, p.l3Off, p.l3End, mtu, reassembledMax, sizes, 1, scratch, keep);
  return out;
}

t.test('any datagram and any MTU: every fragment fits, all but the last are full, together they are the datagram', async (t) => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6000 }), fc.integer({ min: 68, max: 1500 }), fc.boolean(), (length, mtu4, six) => {
    const data = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
    const mtu = six ? mtu4 + 1212 : mtu4;
    const header = six ? 48 : 20;
    const parts = cut(six ? ipv6Packet(CLIENT6, VIP6, 17, data) : ipv4Packet(CLIENT, VIP, 17, data, { dontFragment: false }), mtu);
    return parts.every((ip, i) => ip.length <= mtu && (i === parts.length - 1 || ip.length === header + ((mtu - header) & ~7)) && (six || internetChecksum(ip.subarray(0, 20)) === 0))
      && Buffer.concat(parts.map((ip) => ip.subarray(header))).equals(data);
  }), { numRuns: 300 });
});

t.test('sizes that do not make up the datagram, or do not fit, are not used', async (t) => {
  const ip = ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(2000), { dontFragment: false });
  const sizesOf = (...lengths: number[]): FragmentSizes => {
    const sizes = new FragmentSizes();
    for (const length of lengths) sizes.add(length);
    return sizes;
  };
  t.same(cut(ip, 1500, 1020, sizesOf(1000, 1000)).map((f) => f.length), [1020, 1020]);
  t.same(cut(ip, 1500, 1020, sizesOf(1000, 992)).map((f) => f.length), [1020, 1020], 'cut by the largest instead');
  t.same(cut(ip, 900, 1020, sizesOf(1000, 1000)).map((f) => f.length), [900, 900, 260]);
});

t.test('headers that lie make no fragments rather than wrong ones', async (t) => {
  const broken = ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(40), { dontFragment: false });
  broken[0] = 0x41;
  t.same(cut(broken, 60), []);
  t.same(cut(ipv4Packet(CLIENT, VIP, 17, Buffer.alloc(40), { dontFragment: false }), 27), [], 'no room for eight bytes');
  fc.assert(fc.property(fc.uint8Array({ minLength: 40, maxLength: 400 }), fc.integer({ min: 30, max: 300 }), (bytes, mtu) => {
    const ip = ipv6Packet(CLIENT6, VIP6, 0, Buffer.from(bytes));
    cut(ip, mtu);
    return true;
  }), { numRuns: 500 });
});
