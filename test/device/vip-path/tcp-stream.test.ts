/** The client's end of TCP: segments in, segments out. The peer is written by hand, so that it can misbehave. */
import t from 'tap';
import { ACK, echoPacket, FIN, PSH, readPacket, RST, SYN, tcpPacket, udpPacket, type Ends, type TcpSegment } from '../../../lib/device/vip-path/packets.ts';
import { TcpStream } from '../../../lib/device/vip-path/tcp-stream.ts';

const START = 0xfffffff0;
const PEER = 1000;
const NONE = new Uint8Array(0);

class Peer {
  readonly sent: TcpSegment[] = [];
  released = 0;
  readonly stream = new TcpStream({ initialSequence: START, send: (segment) => void this.sent.push(segment), released: () => void this.released++ });
  error: NodeJS.ErrnoException | null = null;

  constructor() {
    this.stream.on('error', (error) => (this.error = error));
  }

  say(flags: number, seq: number, ack: number, text = ''): void {
    this.stream.receive({ flags, seq, ack: ack >>> 0, window: 65_535, payload: Buffer.from(text) });
  }

  /** What was sent since the last look. */
  take(): { flags: number; seq: number; ack: number; text: string }[] {
    return this.sent.splice(0).map(({ flags, seq, ack, payload }) => ({ flags, seq, ack, text: Buffer.from(payload).toString() }));
  }

  static connected(): Peer {
    const peer = new Peer();
    peer.stream.open();
    peer.say(SYN | ACK, PEER, START + 1);
    peer.take();
    return peer;
  }
}

t.test('opens, sends, receives in order, and ends with the peer', async (t) => {
  const peer = new Peer();
  let connected = false;
  peer.stream.once('connect', () => (connected = true));
  peer.stream.open();
  t.match(peer.sent, [{ flags: SYN, seq: START, mss: 1360 }]);
  peer.take();
  peer.say(SYN | ACK, PEER, START + 1);
  t.ok(connected);
  t.same(peer.take(), [{ flags: ACK, seq: START + 1, ack: PEER + 1, text: '' }]);
  peer.stream.write('x'.repeat(1400));
  t.same(peer.take().map(({ flags, seq, text }) => [flags, seq, text.length]), [[ACK | PSH, START + 1, 1360], [ACK | PSH, (START + 1361) >>> 0, 40]]);
  const received: string[] = [];
  peer.stream.on('data', (chunk: Buffer) => void received.push(chunk.toString()));
  let ended = false;
  peer.stream.on('end', () => (ended = true));
  peer.say(ACK, PEER + 4, START + 1401, 'late');
  t.same(peer.take(), [{ flags: ACK, seq: (START + 1401) >>> 0, ack: PEER + 1, text: '' }], 'what came out of order is asked for again');
  peer.say(ACK, PEER + 1, START + 1401, 'one');
  peer.say(ACK, PEER + 1, START + 1401, 'one');
  peer.say(ACK | FIN, PEER + 4, START + 1401, 'two');
  t.same(peer.take().map(({ ack }) => ack), [PEER + 4, PEER + 4, PEER + 8]);
  await new Promise((resolve) => setImmediate(resolve));
  t.same([received.join(), ended], ['one,two', true]);
  peer.stream.destroy();
  t.same(peer.take(), [{ flags: FIN | ACK, seq: (START + 1401) >>> 0, ack: PEER + 8, text: '' }], 'no reset for a peer that has ended');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(peer.released, 1);
});

t.test('refused, reset, and given up: an error with its code', async (t) => {
  const refused = new Peer();
  refused.stream.open();
  refused.say(RST | ACK, 0, START + 7);
  t.notOk(refused.stream.destroyed, 'a reset for something else is not meant for us');
  refused.say(RST | ACK, 0, START + 1);
  const reset = Peer.connected();
  reset.say(RST, PEER + 9, 0);
  t.notOk(reset.stream.destroyed, 'nor is one beside the window');
  reset.say(RST, PEER + 1, 0);
  const left = Peer.connected();
  left.stream.destroy();
  t.match(left.take(), [{ flags: RST | ACK, seq: (START + 1) >>> 0 }], 'the peer is told when we leave');
  await new Promise((resolve) => setImmediate(resolve));
  t.same([refused.error?.code, reset.error?.code, left.error], ['ECONNREFUSED', 'ECONNRESET', null]);
});

t.test('a peer that still has the last connection of this port is told, and asked again', async (t) => {
  const peer = new Peer();
  peer.stream.open();
  peer.take();
  peer.say(ACK, 77, 4321);
  t.same(peer.take(), [{ flags: RST, seq: 4321, ack: 0, text: '' }, { flags: SYN, seq: START, ack: 0, text: '' }]);
  peer.say(SYN | ACK, PEER, START + 1);
  t.match(peer.take(), [{ flags: ACK }]);
  peer.stream.destroy();
});

t.test('what is not acknowledged is sent again, and what is written before the connection waits for it', async (t) => {
  const peer = new Peer();
  peer.stream.open();
  peer.stream.write('early');
  t.equal(peer.take().length, 1);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  t.match(peer.take(), [{ flags: SYN, seq: START }]);
  peer.say(SYN | ACK, PEER, START + 1);
  t.match(peer.take(), [{ flags: ACK, text: '' }, { flags: ACK | PSH, text: 'early' }]);
  peer.stream.destroy();
});

t.test('packets are what they are read back as; others are nothing', async (t) => {
  for (const [source, destination] of [[[10, 0, 0, 1], [10, 0, 0, 2]], [Array.from({ length: 16 }, (_, n) => n), Array.from({ length: 16 }, (_, n) => 99 - n)]] as const) {
    const ends: Ends = { source: Uint8Array.from(source), destination: Uint8Array.from(destination), sourcePort: 40_000, destinationPort: 80 };
    const segment: TcpSegment = { seq: 7, ack: 9, flags: SYN, window: 500, payload: Buffer.from('abc'), mss: 1360 };
    t.match(readPacket(tcpPacket(ends, segment)), { kind: 'tcp', ports: [40_000, 80], segment: { seq: 7, ack: 9, flags: SYN, window: 500, payload: Buffer.from('abc') } });
    t.match(readPacket(udpPacket(ends, Buffer.from('hi'))), { kind: 'udp', ports: [40_000, 80], payload: Buffer.from('hi') });
    const request = echoPacket(ends, 40_000);
    t.equal(readPacket(request), null, 'an echo request is no answer');
    request[source.length === 16 ? 40 : 20] = source.length === 16 ? 129 : 0;
    t.same(readPacket(request), { kind: 'echo', key: 40_000 });
    const quoted = udpPacket(ends, NONE);
    const error = Buffer.concat([request.subarray(0, source.length === 16 ? 48 : 28), quoted, Buffer.alloc(16)]);
    error[source.length === 16 ? 40 : 20] = source.length === 16 ? 1 : 3;
    t.same(readPacket(error), { kind: 'unreachable', ports: [80, 40_000] });
    for (let cut = 0; cut < quoted.length; cut++) t.equal(readPacket(Buffer.concat([quoted.subarray(0, cut)])), null);
  }
});
