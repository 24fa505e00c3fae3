import t from 'tap';
import { OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { addressBytes, crc32c, transportChecksum } from '../support/frame-view.ts';
import { CL0, CLIENT, CLIENT6, destination, RS0, sctpFrame, server, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';

const { syn, ack } = TCP_FLAG;

const checksumHolds = (frame: { src?: string; dst?: string; protocol?: number; l4?: Buffer }): boolean =>
  [0, 0xffff].includes(transportChecksum(addressBytes(frame.src!), addressBytes(frame.dst!), frame.protocol!, frame.l4!));

for (const family of [4, 6] as const) {
  const client = family === 4 ? CLIENT : CLIENT6;
  const vip = family === 4 ? VIP : VIP6;
  const real = server(1, family);

  t.test(`IPv${family}: a request goes to the real server's port with TTL one less and a right checksum, and its answer comes from the VIP`, async (t) => {
    const director = new TestDirector().serve(tcpService(80, {}, vip), destination(real, 8080));
    const [request] = director.send(tcpFrame(client, 40001, vip, 80, syn, { data: Buffer.from('odd') }));
    t.match(request, { kind: 'transmit', interfaceIdx: RS0, src: client, dst: real, sport: 40001, dport: 8080, ttl: 63, dmac: '02:00:00:00:01:01' });
    t.ok(checksumHolds(request!));
    const [answer] = director.send(tcpFrame(real, 8080, client, 40001, syn | ack, { ip: { ttl: 61 } }));
    t.match(answer, { kind: 'transmit', interfaceIdx: CL0, src: vip, dst: client, sport: 80, dport: 40001, ttl: 60, dmac: '02:00:00:00:0c:fe' });
    t.ok(checksumHolds(answer!));
  });

  t.test(`IPv${family}: a UDP datagram without checksum gets one`, async (t) => {
    const director = new TestDirector().serve(udpService(53, {}, vip), destination(real, 5353));
    const [request] = director.send(udpFrame(client, 40001, vip, 53, 'query', 'none'));
    t.equal(request!.dport, 5353);
    t.not(request!.l4!.readUInt16BE(6), 0);
    t.ok(checksumHolds(request!));
  });

  t.test(`IPv${family}: a wrong TCP checksum stays wrong by as much`, async (t) => {
    const director = new TestDirector().serve(tcpService(80, {}, vip), destination(real, 80));
    const [request] = director.send(tcpFrame(client, 40001, vip, 80, syn, { badChecksum: true }));
    t.not(checksumHolds(request!), true);
  });

  t.test(`IPv${family}: a partial checksum follows the addresses only`, async (t) => {
    const director = new TestDirector().serve(tcpService(80, {}, vip), destination(real, 8080));
    const partial = (src: string, dst: string, length: number): number => ~transportChecksum(addressBytes(src), addressBytes(dst), 6, Buffer.alloc(length)) & 0xffff;
    const frame = tcpFrame(client, 40001, vip, 80, syn);
    const l4 = family === 4 ? 34 : 54;
    frame.writeUInt16BE(partial(client, vip, frame.length - l4), l4 + 16);
    const [request] = director.sendBy(CL0, OFFLOAD_PARTIAL, frame);
    t.equal(request!.offload, OFFLOAD_PARTIAL);
    t.equal(request!.l4!.readUInt16BE(16) % 0xffff, partial(client, real, frame.length - l4) % 0xffff);
  });

  t.test(`IPv${family}: an answer inverts its request byte for byte`, async (t) => {
    const director = new TestDirector().serve(tcpService(80, {}, vip), destination(real, 8080));
    for (let port = 1024; port < 1324; port++) {
      const data = Buffer.alloc(port % 17, port & 0xff);
      const sent = tcpFrame(client, port, vip, 80, syn, { seq: port * 77777, data });
      const [request] = director.send(sent);
      const [answer] = director.send(tcpFrame(real, 8080, client, port, syn | ack, { seq: 5, data }));
      const straight = tcpFrame(vip, 80, client, port, syn | ack, { seq: 5, data, ip: { ttl: 63 } });
      t.same(answer!.bytes.subarray(14), straight.subarray(14));
      t.same(request!.bytes.subarray(14), tcpFrame(client, port, real, 8080, syn, { seq: port * 77777, data, ip: { ttl: 63 } }).subarray(14));
    }
  });
}

t.test('SCTP gets a new CRC32c when a port changes', async (t) => {
  const director = new TestDirector().serve(service({ kind: 'address', protocol: 'sctp', address: VIP, port: 80 }), destination(server(1), 8080));
  const [request] = director.send(sctpFrame(CLIENT, 40001, VIP, 80, 1));
  t.match(request, { dst: server(1), dport: 8080 });
  const packet = Buffer.from(request!.l4!);
  const written = packet.readUInt32LE(8);
  packet.writeUInt32LE(0, 8);
  t.equal(written, crc32c(packet));
});

t.test('a computed UDP checksum of zero is sent as all ones', async (t) => {
  const director = new TestDirector().serve(udpService(53), destination(server(1), 53));
  let found = 0;
  for (let word = 0; word < 0x10000 && found === 0; word += 1) {
    const straight = udpFrame(CLIENT, 40001, server(1), 53, String.fromCharCode(word & 0x7f, (word >> 7) & 0x7f));
    if (straight.readUInt16BE(40) !== 0xffff) continue;
    found++;
    const data = straight.subarray(42).toString('latin1');
    const [request] = director.send(udpFrame(CLIENT, 40001, VIP, 53, data));
    t.equal(request!.l4!.readUInt16BE(6), 0xffff);
  }
  t.equal(found, 1);
});

t.test('two virtual services with one real server: an answer belongs to the connection made last', async (t) => {
  const director = new TestDirector().serve(tcpService(80), destination(server(1), 80)).serve(tcpService(80, {}, '192.0.2.11'), destination(server(1), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  director.send(tcpFrame(CLIENT, 40001, '192.0.2.11', 80, syn));
  t.equal(director.send(tcpFrame(server(1), 80, CLIENT, 40001, syn | ack))[0]!.src, '192.0.2.11');
});

t.test('with forwarding off an answer goes nowhere, a request does', async (t) => {
  const director = new TestDirector({ forwarding: false }).serve(tcpService(80), destination(server(1), 80));
  t.equal(director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn))[0]!.kind, 'transmit');
  t.same(director.send(tcpFrame(server(1), 80, CLIENT, 40001, syn | ack)), []);
  t.same(director.drops(), { forwardingOff: 1 });
});
