import t from 'tap';
import { ethernetFrame, icmpMessage, ipPacket, TCP_FLAG, tcpSegment, udpDatagram } from './frame-builder.ts';
import { addressBytes, transportChecksum, viewFrame } from './frame-view.ts';
import { HostNetwork } from './host-network.ts';
import { HostStack } from './host-stack.ts';
import { runShell } from './shell-step.ts';

const MAC = '02:00:00:00:0d:01';

function stack(shell = ''): { host: HostStack; out: { device: string; frame: Buffer }[] } {
  const network = new HostNetwork({
    devices: { cl0: { mac: MAC, mtu: 1500, addrs: ['198.51.100.1/24', '192.0.2.10/32', '2001:db8:c::1/64', '2001:db8::10/128'] }, rs0: { mac: '02:00:00:00:0d:02', mtu: 1400, addrs: ['10.1.0.254/24'] } },
    routes: ['default via 198.51.100.254 dev cl0', 'default via 2001:db8:c::fe dev cl0'],
    neigh: [['198.51.100.254', '02:00:00:00:0c:fe', 'cl0'], ['2001:db8:c::fe', '02:00:00:00:0c:fe', 'cl0'], ['10.1.0.1', '02:00:00:00:01:01', 'rs0']], forwarding: true,
  });
  runShell(shell, { network, sysctls: () => [], setSysctl: () => {} });
  const out: { device: string; frame: Buffer }[] = [];
  const host: HostStack = new HostStack(network, { emit: (device, frame) => out.push({ device, frame }), viaDirector: (frame) => host.output(frame, 0) });
  return { host, out };
}

function tcpFrame(src: string, dst: string, dport: number, flags: number, fields = {}): Buffer {
  return ethernetFrame(MAC, '02:00:00:00:0c:fe', ipPacket(src, dst, 6, tcpSegment(src, dst, 40001, dport, flags, fields)));
}

t.test('a SYN to a closed port draws the RST that Linux sends, byte for byte', async (t) => {
  const { host, out } = stack();
  host.receive('cl0', Buffer.from('020000000d01020000000cfe0800450000281111400040062badcb007107c000020a9c410057000003e8000000005002faf0165f0000', 'hex'), 0);
  t.same(out.map((o) => [o.device, o.frame.toString('hex')]), [['cl0', '020000000cfe020000000d010800450000280000400040063cbec000020acb00710700579c4100000000000003e950140000113d0000']]);
});

t.test('an ACK to a closed port draws a RST with its number, a RST nothing', async (t) => {
  const { host, out } = stack();
  host.receive('cl0', tcpFrame('203.0.113.7', '192.0.2.10', 87, TCP_FLAG.rst), 0);
  t.equal(out.length, 0);
  host.receive('cl0', tcpFrame('2001:db8:ff::7', '2001:db8::10', 87, TCP_FLAG.ack, { ack: 77 }), 0);
  const segment = viewFrame(out[0]!.frame).l4!;
  t.same([segment.readUInt32BE(4), segment.readUInt32BE(8), segment[13]], [77, 0, TCP_FLAG.rst]);
  t.equal(transportChecksum(addressBytes('2001:db8::10'), addressBytes('2001:db8:ff::7'), 6, segment), 0);
});

t.test('a datagram to a closed port draws port unreachable that quotes it, with the bytes Linux sends', async (t) => {
  const { host, out } = stack();
  host.receive('cl0', Buffer.from('020000000d01020000000cfe0800450000221111400040112ba8cb007107c000020a9c410057000e211668656c6c6f3f', 'hex'), 0);
  const hex = out[0]!.frame.toString('hex');
  t.equal(hex.slice(28, 36) + hex.slice(40, 48), '45c0003e' + '00004001', 'but for the identification');
  t.equal(hex.slice(52), 'c000020acb0071070303fb2e00000000450000221111400040112ba8cb007107c000020a9c410057000e211668656c6c6f3f');
});

t.test('a packet for another host is forwarded with its TTL lowered; TTL 1 draws time exceeded', async (t) => {
  const { host, out } = stack();
  const packet = (ttl: number): Buffer => ethernetFrame(MAC, '02:00:00:00:0c:fe', ipPacket('203.0.113.7', '10.1.0.1', 17, udpDatagram('203.0.113.7', '10.1.0.1', 1, 2, Buffer.from('x')), { ttl }));
  host.receive('cl0', packet(9), 0);
  t.match(viewFrame(out[0]!.frame), { ttl: 8, dmac: '02:00:00:00:01:01', dst: '10.1.0.1' });
  host.receive('cl0', packet(1), 0);
  t.match(viewFrame(out[1]!.frame), { protocol: 1, type: 11, code: 0, src: '198.51.100.1' });
  host.receive('cl0', ethernetFrame('02:00:00:00:99:99', MAC, packet(9).subarray(14)), 0);
  t.equal(out.length, 2, 'a frame for another MAC address is not ours');
});

t.test('a listener answers a SYN, repeats itself until the ACK, and is silent then', async (t) => {
  const { host, out } = stack();
  host.listen('tcp', '0.0.0.0', 80);
  host.receive('cl0', tcpFrame('203.0.113.7', '192.0.2.10', 80, TCP_FLAG.syn, { seq: 5 }), 0);
  t.match(viewFrame(out[0]!.frame), { flags: TCP_FLAG.syn | TCP_FLAG.ack });
  t.equal(out[0]!.frame.readUInt16BE(16), 44, 'only the MSS option, because the SYN had none');
  host.advance(1000);
  t.equal(out.length, 2);
  host.receive('cl0', tcpFrame('203.0.113.7', '192.0.2.10', 80, TCP_FLAG.ack, { seq: 6 }), 1100);
  host.advance(60_000);
  t.equal(out.length, 2);
});

t.test('a local client sends SYN at 0, 1 and 3 seconds and acknowledges the answer', async (t) => {
  const { host, out } = stack();
  host.connect('tcp', '10.1.0.1', 80, ['10.1.0.254', 33000], 0);
  for (const ms of [999, 1000, 2999, 3000]) host.advance(ms);
  t.equal(out.length, 3);
  t.equal(out[0]!.frame.readUInt16BE(16), 60);
  host.receive('rs0', ethernetFrame('02:00:00:00:0d:02', '02:00:00:00:01:01', ipPacket('10.1.0.1', '10.1.0.254', 6, tcpSegment('10.1.0.1', '10.1.0.254', 80, 33000, TCP_FLAG.syn | TCP_FLAG.ack, { seq: 9 }))), 3100);
  t.match(viewFrame(out[3]!.frame), { flags: TCP_FLAG.ack, dst: '10.1.0.1' });
  host.advance(100_000);
  t.equal(out.length, 4);
});

t.test('echo requests are answered, ICMP errors are not', async (t) => {
  const { host, out } = stack();
  host.receive('cl0', ethernetFrame(MAC, '02:00:00:00:0c:fe', ipPacket('2001:db8:ff::7', '2001:db8::10', 58, icmpMessage('2001:db8:ff::7', '2001:db8::10', 128, 0, 0x770001, Buffer.from('ping')))), 0);
  t.match(viewFrame(out[0]!.frame), { type: 129, src: '2001:db8::10' });
  host.receive('cl0', ethernetFrame(MAC, '02:00:00:00:0c:fe', ipPacket('203.0.113.7', '192.0.2.10', 1, icmpMessage('203.0.113.7', '192.0.2.10', 3, 3, 0, Buffer.alloc(28)))), 0);
  t.equal(out.length, 1);
});

t.test('damaged and martian packets are dropped in silence', async (t) => {
  const { host, out } = stack();
  const good = tcpFrame('203.0.113.7', '192.0.2.10', 87, TCP_FLAG.syn);
  const badSum = Buffer.from(good);
  badSum[24]! ^= 1;
  const badL4 = Buffer.from(good);
  badL4[50]! ^= 1;
  for (const frame of [badSum, badL4, good.subarray(0, 50), tcpFrame('127.0.0.1', '192.0.2.10', 87, 2), tcpFrame('192.0.2.10', '192.0.2.10', 87, 2), tcpFrame('0.0.0.0', '192.0.2.10', 87, 2)]) host.receive('cl0', Buffer.from(frame), 0);
  t.equal(out.length, 0);
});

t.test('with ctstate INVALID dropped, a SYN still draws its RST and a stray SYN/ACK nothing', async (t) => {
  const { host, out } = stack('iptables -A INPUT -m conntrack --ctstate INVALID -j DROP');
  host.receive('cl0', tcpFrame('203.0.113.7', '192.0.2.10', 87, TCP_FLAG.syn | TCP_FLAG.ack), 0);
  t.equal(out.length, 0);
  host.receive('cl0', tcpFrame('203.0.113.8', '192.0.2.10', 87, TCP_FLAG.syn), 0);
  t.equal(out.length, 1);
});
