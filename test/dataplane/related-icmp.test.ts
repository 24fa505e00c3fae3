import t from 'tap';
import fc from 'fast-check';
import { answerUnresolved, handleIcmpError, type RelatedConnections } from '../../lib/dataplane/related-icmp.ts';
import type { Packet } from '../../lib/dataplane/packet.ts';
import { DELIVER, DROP as DROPPED, PASS, TRANSMIT, type Verdict } from '../../lib/dataplane/verdict.ts';
import type { TunnelType } from '../../lib/model/destination.ts';
import { formatAddress, portsWord, swap16 } from '../../lib/wire/address.ts';
import { internetChecksum, viewFrame, addressBytes, transportChecksum } from '../support/frame-view.ts';
import { icmpMessage, ipPacket, ipv4Packet, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { CLIENT, CLIENT6, dropsOf, packetOf, pathWorld, RIP, RIP6, RIP_MAC, routeTo, stdNetwork, VIP, VIP6, words } from './path-fixture.ts';

const ROUTER = '198.51.100.99';
const ROUTER6 = '2001:db8:c::99';
const CLIENT_PORT = 40001;
const VIRTUAL_PORT = 80;
const SERVER_PORT = 8080;

/** One connection, number 0: client:40001 -> VIP:80 -> RIP:8080. */
class OneConnection implements RelatedConnections {
  readonly counted: string[] = [];
  readonly forwarded: Packet[] = [];
  nat = true;
  tunnel: TunnelType = 'ipip';
  hop: number;
  readonly client: string;
  readonly vip: string;
  readonly rip: string;

  constructor(client: string, vip: string, rip: string, hop: number) {
    this.client = client;
    this.vip = vip;
    this.rip = rip;
    this.hop = hop;
  }

  #is(q: Packet, from: string, fromPort: number, to: string, toPort: number): number {
    const source = formatAddress(q.family, q.s0, q.s1, q.s2, q.s3);
    const destination = formatAddress(q.family, q.d0, q.d1, q.d2, q.d3);
    return source === from && destination === to && q.ports === portsWord(fromPort, toPort) && (q.protocol === 6 || q.protocol === 17) ? 0 : -1;
  }

  byRequest(q: Packet): number { return this.#is(q, this.client, CLIENT_PORT, this.vip, VIRTUAL_PORT); }
  byAnswer(q: Packet): number { return this.#is(q, this.vip, VIRTUAL_PORT, this.client, CLIENT_PORT); }
  endIfOnePacket(): void {}
  byTranslated(q: Packet): number { return this.nat ? this.#is(q, this.client, CLIENT_PORT, this.rip, SERVER_PORT) : -1; }
  schedule(q: Packet): number { return this.#is(q, this.vip, VIRTUAL_PORT, this.client, 40006); }
  isNat(): boolean { return this.nat; }
  virtualAddress(_c: number, out: Int32Array): void { out.set(words(this.vip)); }
  virtualPort(): number { return swap16(VIRTUAL_PORT); }
  destinationAddress(_c: number, out: Int32Array): void { out.set(words(this.rip)); }
  destinationPort(): number { return swap16(SERVER_PORT); }
  nextHop(): number { return this.hop; }
  forward(_c: number, p: Packet): Verdict {
    this.forwarded.push(p);
    return TRANSMIT;
  }
  countIn(_c: number, bytes: number): void { this.counted.push(`in ${bytes}`); }
  countOut(_c: number, bytes: number): void { this.counted.push(`out ${bytes}`); }
  hasTunnel(family: 4 | 6, w0: number, _w1: number, _w2: number, _w3: number, type: TunnelType, port: number): boolean {
    return family === 4 && formatAddress(4, w0, 0, 0, 0) === this.rip && type === this.tunnel && (type !== 'gue' || swap16(port) === 6080);
  }
}

function icmp(from: string, to: string, type: number, code: number, quoted: Buffer, rest = 0, ttl = 64): Buffer {
  return ipPacket(from, to, from.includes(':') ? 58 : 1, icmpMessage(from, to, type, code, rest, quoted), { ttl, dontFragment: false });
}

const QUOTE_DATA = Buffer.from('some bytes of payload');
const [REQUEST, REQUEST6] = [[CLIENT, RIP], [CLIENT6, RIP6]].map(([c, r]) => ipPacket(c!, r!, 17, udpDatagram(c!, r!, CLIENT_PORT, SERVER_PORT, QUOTE_DATA), { ttl: 63 }));
const [ANSWER, ANSWER6] = [[VIP, CLIENT], [VIP6, CLIENT6]].map(([v, c]) => ipPacket(v!, c!, 6, tcpSegment(v!, c!, VIRTUAL_PORT, CLIENT_PORT, 24, { data: QUOTE_DATA }), { ttl: 60 }));

for (const [family, client, vip, rip, request, kinds] of [[4, CLIENT, VIP, RIP, REQUEST!, [[3, 3], [11, 0], [4, 0], [3, 4]]], [6, CLIENT6, VIP6, RIP6, REQUEST6!, [[1, 4], [2, 0], [3, 0], [4, 0]]]] as const) {
  t.test(`IPv${family}: an error from a NAT real server, or a router behind it, comes from the VIP about the VIP`, async (t) => {
    for (const [type, code] of kinds) {
      for (const from of [rip, family === 4 ? '10.1.0.200' : '2001:db8:1::200']) {
        const { network, sink, ctx } = pathWorld();
        const connection = new OneConnection(client, vip, rip, routeTo(network, rip));
        const ip = icmp(from, client, type, code, request, 1400);
        t.equal(handleIcmpError(packetOf(ip, 1), connection, ctx), TRANSMIT);
        const [out] = sink.take();
        const header = family === 4 ? 20 : 40;
        t.equal(out!.length, ip.length);
        t.equal(out![family === 4 ? 8 : 7], 63);
        const quoted = out!.subarray(header + 8);
        const expectedQuote = Buffer.from(request);
        addressBytes(vip).copy(expectedQuote, family === 4 ? 16 : 24);
        expectedQuote.writeUInt16BE(VIRTUAL_PORT, header + 2);
        if (family === 4) {
          t.equal(internetChecksum(out!.subarray(0, 20)), 0);
          t.equal(internetChecksum(out!.subarray(20)), 0);
          expectedQuote.writeUInt16BE(0, 10);
          expectedQuote.writeUInt16BE(internetChecksum(expectedQuote.subarray(0, 20)), 10);
        } else {
          t.equal(transportChecksum(addressBytes(vip), addressBytes(client), 58, out!.subarray(40)), 0);
        }
        t.ok(quoted.equals(expectedQuote), 'all of the quote but address and port as it was');
        t.ok(out!.subarray(family === 4 ? 12 : 8).subarray(0, family === 4 ? 4 : 16).equals(addressBytes(vip)));
        t.same(connection.counted, [`out ${ip.length}`]);
      }
    }
  });
}

for (const [family, client, vip, rip, answer, router] of [[4, CLIENT, VIP, RIP, ANSWER!, ROUTER], [6, CLIENT6, VIP6, RIP6, ANSWER6!, ROUTER6]] as const) {
  const type = family === 4 ? 3 : 2;
  t.test(`IPv${family}: an error from the client's side about the VIP's packets goes to the NAT real server as its own`, async (t) => {
    const { network, sink, ctx } = pathWorld();
    const connection = new OneConnection(client, vip, rip, routeTo(network, rip));
    const ip = icmp(router, vip, type, 4, answer, 1300);
    t.equal(handleIcmpError(packetOf(ip), connection, ctx), TRANSMIT);
    const { frame } = sink.sent[0]!;
    t.match(viewFrame(frame), { dmac: RIP_MAC, src: router, dst: rip, ttl: 63 });
    const out = frame.subarray(14);
    const header = family === 4 ? 20 : 40;
    const quoted = out.subarray(header + 8);
    t.ok(quoted.subarray(family === 4 ? 12 : 8, family === 4 ? 16 : 24).equals(addressBytes(rip)));
    t.equal(quoted.readUInt16BE(header), SERVER_PORT);
    t.ok(quoted.subarray(header + 2).equals(answer.subarray(header + 2)));
    if (family === 4) {
      t.equal(internetChecksum(quoted.subarray(0, 20)), 0);
      t.equal(internetChecksum(out.subarray(20)), 0);
    } else {
      t.equal(transportChecksum(addressBytes(router), addressBytes(rip), 58, out.subarray(40)), 0);
    }
    t.same(connection.counted, [`in ${ip.length}`]);
  });

  t.test(`IPv${family}: without NAT it goes whole by the connection's own way`, async (t) => {
    const { ctx, sink } = pathWorld();
    const connection = new OneConnection(client, vip, rip, 0);
    connection.nat = false;
    const ip = icmp(router, vip, type, 4, answer, 1300);
    t.equal(handleIcmpError(packetOf(ip), connection, ctx), TRANSMIT);
    t.equal(connection.forwarded.length, 1);
    t.equal(sink.sent.length, 0);
    t.equal(handleIcmpError(packetOf(ip, -1), connection, ctx), PASS, 'but what the director itself sends is left alone');
  });
}

t.test('what is about nothing of ours is passed unchanged', async (t) => {
  const { network, ctx } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, routeTo(network, RIP));
  const unknown = ipPacket(VIP, CLIENT, 6, tcpSegment(VIP, CLIENT, VIRTUAL_PORT, 40006, 16));
  for (const [what, ip] of [
    ['another flow', icmp(ROUTER, VIP, 3, 1, unknown)],
    ['redirect', icmp(ROUTER, VIP, 5, 1, ANSWER!)], ['parameter problem', icmp(ROUTER, VIP, 12, 0, ANSWER!)],
    ['echo', icmp(CLIENT, VIP, 8, 0, Buffer.alloc(8))],
    ['a quote cut before the ports end', icmp(ROUTER, VIP, 3, 1, ANSWER!.subarray(0, 23))],
    ['a quote cut in its header', icmp(ROUTER, VIP, 3, 1, ANSWER!.subarray(0, 19))],
    ['no quote', icmp(ROUTER, VIP, 3, 1, Buffer.alloc(0))],
    ['a quoted later fragment', icmp(ROUTER, VIP, 3, 1, ipv4Packet(VIP, CLIENT, 6, ANSWER!.subarray(20), { fragmentOff: 8 }))],
    ['IPv6 quoted in ICMP', icmp(ROUTER, VIP, 3, 1, ANSWER6!)], ['IPv4 quoted in ICMPv6', icmp(ROUTER6, VIP6, 1, 0, ANSWER!)],
  ] as const) {
    const p = packetOf(ip);
    t.equal(handleIcmpError(p, connection, ctx), PASS, what);
    t.ok(Buffer.from(p.memory.u8.subarray(p.l3Off, p.l3End)).equals(ip));
  }
  t.same(connection.counted, []);
  ctx.sysctl.schedule_icmp = 1;
  t.equal(handleIcmpError(packetOf(icmp(ROUTER, VIP, 3, 1, unknown)), connection, ctx), TRANSMIT, 'unless schedule_icmp makes a connection for it');
});

t.test('a quote cut right behind its ports is enough', async (t) => {
  const { network, sink, ctx } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, routeTo(network, RIP));
  t.equal(handleIcmpError(packetOf(icmp(ROUTER, VIP, 3, 4, ANSWER!.subarray(0, 24), 1300)), connection, ctx), TRANSMIT);
  t.equal(sink.take()[0]!.readUInt16BE(48), SERVER_PORT);
});

t.test('wrong checksums, no forwarding, hop limits: dropped with a reason', async (t) => {
  const { network, sink, ctx, drops } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, routeTo(network, RIP));
  const bad = icmp(ROUTER, VIP, 3, 1, ANSWER!);
  bad[22]! ^= 0x55;
  t.equal(handleIcmpError(packetOf(bad), connection, ctx), DROPPED);
  t.same(dropsOf(drops), { badChecksum: 1 });
  t.equal(handleIcmpError(packetOf(icmp(RIP, CLIENT, 3, 3, REQUEST!, 0, 1), 1), connection, ctx), DROPPED);
  t.same(dropsOf(drops), { badChecksum: 1, ttlExceeded: 1 });
  t.equal(sink.sent.length, 0, 'errors are not answered');
  network.apply({ ...stdNetwork(), forwarding4: false });
  t.equal(handleIcmpError(packetOf(icmp(RIP, CLIENT, 3, 3, REQUEST!), 1), connection, ctx), DROPPED);
  t.same(dropsOf(drops), { badChecksum: 1, ttlExceeded: 1, forwardingOff: 1 });
});

t.test('to a destination that is the director itself it is delivered', async (t) => {
  const { ctx } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, -1);
  const p = packetOf(icmp(ROUTER, VIP, 3, 1, ANSWER!));
  t.equal(handleIcmpError(p, connection, ctx), DELIVER);
  t.equal(p.memory.u8[p.l3Off + 8], 64, 'TTL untouched');
});

t.test('errors from inside a tunnel reach the client as errors about its own packet', async (t) => {
  const inner = ipPacket(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, CLIENT_PORT, VIRTUAL_PORT, 24, { data: Buffer.alloc(1000, 0x44) }), { ttl: 63, ident: 0x1111 });
  const gue = Buffer.concat([Buffer.from([0x90, 0, 0x17, 0xc0, 0, 0, 0, 0, 0, 4, 0, 0]), inner]);
  gue.writeUInt16BE(gue.length, 4);
  for (const [type, outer, overhead] of [
    ['ipip', ipv4Packet('10.1.0.254', RIP, 4, inner), 20],
    ['gre', ipv4Packet('10.1.0.254', RIP, 47, Buffer.concat([Buffer.from('00000800', 'hex'), inner])), 24],
    ['gue', ipv4Packet('10.1.0.254', RIP, 17, gue), 32],
  ] as const) {
    const { network, sink, ctx } = pathWorld();
    const connection = new OneConnection(CLIENT, VIP, RIP, 0);
    connection.nat = false;
    connection.tunnel = type;
    const from = (mtu: number): Buffer => icmp('10.1.0.200', '10.1.0.254', 3, 4, outer, mtu);
    routeTo(network, RIP);
    t.equal(handleIcmpError(packetOf(from(900), 1), connection, ctx), TRANSMIT);
    const [first] = sink.take();
    t.ok(first!.subarray(12, 20).equals(Buffer.concat([addressBytes(VIP), addressBytes(CLIENT)])));
    t.same([first![20], first![21], first!.readUInt32BE(24)], [3, 4, 1500 - overhead], 'the first report still has the old MTU');
    t.ok(first!.subarray(28).equals(inner.subarray(0, 548)));
    t.same(connection.counted, [`out ${inner.length}`, 'out 576']);
    t.equal(network.mtuOf(routeTo(network, RIP)), 900, 'but it is learnt');
    t.equal(handleIcmpError(packetOf(from(600), 1), connection, ctx), TRANSMIT);
    t.equal(sink.take()[0]!.readUInt32BE(24), 600 - overhead);
    t.equal(handleIcmpError(packetOf(icmp('10.1.0.200', '10.1.0.254', 11, 0, outer), 1), connection, ctx), TRANSMIT);
    t.same([...sink.take()[0]!.subarray(20, 22)], [11, 0]);
    connection.tunnel = type === 'ipip' ? 'gre' : 'ipip';
    t.equal(handleIcmpError(packetOf(from(600), 1), connection, ctx), PASS, 'not a tunnel of ours');
  }
});

t.test('a client that sends without DF is not told an MTU it cannot use', async (t) => {
  const { sink, ctx, drops } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, 0);
  const inner = ipPacket(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, CLIENT_PORT, VIRTUAL_PORT, 24), { dontFragment: false });
  t.equal(handleIcmpError(packetOf(icmp('10.1.0.200', '10.1.0.254', 3, 4, ipv4Packet('10.1.0.254', RIP, 4, inner), 900), 1), connection, ctx), DROPPED);
  t.same([sink.sent.length, dropsOf(drops)], [0, { icmpUnsupported: 1 }]);
});

t.test('quotes that lie about their lengths never throw or write beyond the packet', async (t) => {
  const { network, sink, ctx } = pathWorld();
  const connection = new OneConnection(CLIENT, VIP, RIP, routeTo(network, RIP));
  fc.assert(fc.property(fc.constantFrom(ANSWER!, ANSWER6!, REQUEST!, REQUEST6!), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }), fc.nat(80), fc.constantFrom(3, 11, 1, 2), (quote, changes, length, type) => {
    const quoted = Buffer.from(quote).subarray(0, length);
    for (const [at, value] of changes) if (at < quoted.length) quoted[at] = value;
    const six = quote === ANSWER6 || quote === REQUEST6;
    const ip = icmp(six ? ROUTER6 : ROUTER, six ? VIP6 : VIP, type, 4, quoted, 1300);
    const p = packetOf(ip);
    p.memory.u8.fill(0x5a, p.l3End);
    handleIcmpError(p, connection, ctx);
    sink.sent.length = 0;
    return p.memory.u8.subarray(p.l3End).every((byte) => byte === 0x5a);
  }), { numRuns: 1000 });
});

t.test('a request whose real server never answers address resolution: the client learns it from the VIP', async (t) => {
  for (const [client, vip, rip, kind] of [[CLIENT, VIP, RIP, [3, 1]], [CLIENT6, VIP6, RIP6, [1, 3]]] as const) {
    const { network, sink, ctx } = pathWorld();
    const connection = new OneConnection(client, vip, rip, routeTo(network, rip));
    const header = client === CLIENT ? 20 : 40;
    const translated = packetOf(ipPacket(client, rip, 6, tcpSegment(client, rip, CLIENT_PORT, SERVER_PORT, 2), { ttl: 63 }));
    const original = ipPacket(client, vip, 6, tcpSegment(client, vip, CLIENT_PORT, VIRTUAL_PORT, 2), { ttl: 63 });
    const checksum = Buffer.from(translated.memory.u8.subarray(translated.l4Off + 16, translated.l4Off + 18));
    answerUnresolved(translated.memory, translated.l3Off, translated.l3End, connection, ctx);
    const [nat] = sink.take();
    t.same([nat![header], nat![header + 1]], kind);
    t.ok(nat!.subarray(header === 20 ? 12 : 8, header === 20 ? 16 : 24).equals(addressBytes(vip)));
    checksum.copy(original, header + 16);
    t.ok(nat!.subarray(header + 8).equals(original), 'what the client sent, but for the transport checksum');
    t.same(connection.counted, [`out ${nat!.length}`]);

    connection.nat = false;
    const whole = packetOf(original);
    answerUnresolved(whole.memory, whole.l3Off, whole.l3End, connection, ctx);
    const [direct] = sink.take();
    t.ok(direct!.subarray(header === 20 ? 12 : 8, header === 20 ? 16 : 24).equals(addressBytes(client === CLIENT ? '198.51.100.1' : vip)), 'direct routing, as recorded');
    const tunnel = packetOf(ipPacket(client === CLIENT ? '10.1.0.254' : '2001:db8:1::fe', rip, client === CLIENT ? 4 : 41, original));
    answerUnresolved(tunnel.memory, tunnel.l3Off, tunnel.l3End, connection, ctx);
    t.same(sink.take(), [], 'nothing about the director\'s own tunnel packets');
  }
});
