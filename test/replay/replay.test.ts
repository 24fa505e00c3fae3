/** Whole replays: captures made here, rules as a user writes them, and what comes out. */
import t from 'tap';
import { readCapture } from '../../lib/device/capture-reader.ts';
import { CaptureWriter } from '../../lib/device/capture-writer.ts';
import { prepareReplay, type ReplayRequest } from '../../lib/replay/prepare.ts';
import { replay, type ReplayOptions, type ReplayResult } from '../../lib/replay/replay.ts';
import type { ReplayInput } from '../../lib/replay/replay-input.ts';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import { ethernetFrame, ipPacket, tcpSegment, TCP_FLAG, udpDatagram } from '../support/frame-builder.ts';
import { viewFrame } from '../support/frame-view.ts';

const [VIP, GATEWAY, DIRECTOR_C, DIRECTOR_R] = ['192.0.2.10', '02:00:00:00:0c:fe', '02:00:00:00:0d:01', '02:00:00:00:0d:02'];
const server = (n: number): { readonly address: string; readonly mac: string } => ({ address: `10.1.0.${n}`, mac: `02:00:00:00:01:0${n}` });
const client = (n: number): string => `203.0.113.${n}`;
const RULES = { name: 'rules', text: '-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.1.0.1:80 -m\n-a -t 192.0.2.10:80 -r 10.1.0.2:80 -m\n' };

interface Seen { readonly ms: number; readonly frame: Buffer }

const tcp = (ms: number, dmac: string, smac: string, src: string, dst: string, sport: number, dport: number, flags: number): Seen =>
  ({ ms, frame: ethernetFrame(dmac, smac, ipPacket(src, dst, 6, tcpSegment(src, dst, sport, dport, flags))) });
const syn = (ms: number, n: number, port = 40_000): Seen => tcp(ms, DIRECTOR_C, GATEWAY, client(n), VIP, port, 80, TCP_FLAG.syn);

function input(name: string, frames: readonly Seen[]): ReplayInput {
  const chunks: Uint8Array[] = [];
  const writer = new CaptureWriter((bytes) => chunks.push(bytes.slice()));
  for (const { ms, frame } of frames) writer.frame(1_700_000_000 + Math.floor(ms / 1000), (ms % 1000) * 1e6, frame, 0, frame.length);
  writer.flush();
  const capture = readCapture(Buffer.concat(chunks), name);
  return { interface: name, capture, frames: capture.frames };
}

interface Run { readonly result: ReplayResult; readonly out: Readonly<Record<string, Buffer>>; readonly notes: readonly string[]; readonly traces: readonly TraceRecord[] }

async function run(inputs: readonly ReplayInput[], request: Partial<ReplayRequest> = {}, options: Partial<ReplayOptions> = {}): Promise<Run> {
  const { network, edits, notes } = await prepareReplay({ rules: RULES, inputs, ...request });
  const chunks: Record<string, Uint8Array[]> = Object.fromEntries(inputs.map((one) => [one.interface, []]));
  const traces: TraceRecord[] = [];
  const result = replay({
    inputs, network, edits, writer: (name) => new CaptureWriter((bytes) => chunks[name]!.push(bytes.slice())), onTrace: (record) => traces.push(record), ...options,
  });
  return { result, out: Object.fromEntries(Object.entries(chunks).map(([name, parts]) => [name, Buffer.concat(parts)])), notes, traces };
}

function framesOf(file: Buffer): Buffer[] {
  const { bytes, frames } = readCapture(file, 'out');
  return frames.map(({ off, len }) => Buffer.from(bytes.slice(off, off + len)));
}

/** A NAT connection as both of the director's interfaces saw it, answers included. */
function natSession(): readonly [ReplayInput, ReplayInput] {
  const rs = server(2);
  return [
    input('cl0', [syn(0, 7), tcp(3, GATEWAY, DIRECTOR_C, VIP, client(7), 80, 40_000, TCP_FLAG.syn | TCP_FLAG.ack), tcp(10, DIRECTOR_C, GATEWAY, client(7), VIP, 40_000, 80, TCP_FLAG.ack)]),
    input('rs0', [tcp(1, rs.mac, DIRECTOR_R, client(7), rs.address, 40_000, 80, TCP_FLAG.syn), tcp(2, DIRECTOR_R, rs.mac, rs.address, client(7), 80, 40_000, TCP_FLAG.syn | TCP_FLAG.ack)]),
  ];
}

t.test('a capture of both sides is merged by time, and what the director sent itself is left out', async (t) => {
  const { result, out, notes } = await run(natSession());
  t.match(result.frames, { replayed: 3, own: 2, others: 0, cut: 0, transmitted: 3, passed: 0 });
  t.same(result.picks, [{ timeMs: 0, packet: `TCP ${client(7)}:40000 > ${VIP}:80`, service: 'tcp 192.0.2.10 80', destination: '10.1.0.2:80' }]);
  t.same(notes, ['no frame shows real server 10.1.0.1; 02:00:0a:01:00:01 on rs0 is assumed']);
  const [answer] = framesOf(out['cl0']!);
  const [first, ack] = framesOf(out['rs0']!);
  t.equal(first!.subarray(0, 12).toString('hex'), `${server(2).mac}${DIRECTOR_R}`.replaceAll(':', ''), 'to the MAC that the server\'s own frames came from');
  t.equal(answer!.subarray(0, 12).toString('hex'), `${GATEWAY}${DIRECTOR_C}`.replaceAll(':', ''));
  t.match(viewFrame(first!), { dst: '10.1.0.2', src: client(7) });
  t.match(viewFrame(answer!), { dst: client(7), src: VIP });
  t.match(viewFrame(ack!), { dst: '10.1.0.2' });
  t.match(result.stats.total, { conns: 1, inPkts: 2, outPkts: 1 });
  t.match(result.connections, [{ state: 'ESTABLISHED', client: client(7), destination: '10.1.0.2' }]);
});

t.test('two runs are alike to the byte, traces and random schedulers included', async (t) => {
  const frames = Array.from({ length: 50 }, (_, n) => syn(n * 7, 1 + (n % 20), 40_000 + n));
  const rules = { name: 'rules', text: RULES.text.replace('-s rr', '-s twos') };
  const [one, two, other] = [await run([input('eth0', frames)], { rules }), await run([input('eth0', frames)], { rules }), await run([input('eth0', frames)], { rules }, { seed: 2 })];
  t.equal(one.out['eth0']!.compare(two.out['eth0']!), 0);
  t.same(JSON.stringify([one.result, one.traces]), JSON.stringify([two.result, two.traces]));
  t.equal(one.result.picks.length, 50);
  t.not(one.out['eth0']!.compare(other.out['eth0']!), 0, 'another seed, other choices');
});

t.test('the virtual clock runs timers between frames', async (t) => {
  const late = await run([input('eth0', [syn(0, 1), syn(59_000, 1), syn(59_500, 2), syn(130_000, 1)])]);
  t.same(late.result.picks.map(({ timeMs, destination }) => [timeMs, destination]), [[0, '10.1.0.2:80'], [59_500, '10.1.0.1:80'], [130_000, '10.1.0.2:80']],
    'a repeated SYN keeps its connection, one after SYN_RECV timed out is scheduled anew');
  t.equal(late.result.connections.length, 1);
  t.equal(late.result.durationMs, 130_000);
});

t.test('output frames carry the capture\'s time', async (t) => {
  const { out } = await run([input('eth0', [syn(0, 1), syn(1234, 2)])]);
  t.same(readCapture(out['eth0']!, 'out').frames.map(({ seconds, nanoseconds }) => [seconds, nanoseconds]), [[1_700_000_000, 0], [1_700_000_001, 234_000_000]]);
});

t.test('a time stamp decades later is not waited for', async (t) => {
  const { result } = await run([input('eth0', [syn(0, 1), syn(2_000_000_000_000, 2)])]);
  t.equal(result.picks.length, 2);
});

t.test('under DR on one interface, the director is who both gets and passes on packets to the VIP', async (t) => {
  const rules = { name: 'rules', text: RULES.text.replaceAll('-m\n', '-g\n') };
  const { result, out } = await run([input('eth0', [
    syn(0, 1), tcp(0.1, server(2).mac, DIRECTOR_C, client(1), VIP, 40_000, 80, TCP_FLAG.syn),
    { ms: 1, frame: ethernetFrame('ff:ff:ff:ff:ff:ff', server(2).mac, Buffer.from('0001080006040001020000000102' + '0a010002' + '000000000000' + '0a0100fe', 'hex'), 0x0806) },
    syn(2, 2),
  ])], { rules });
  t.match(result.frames, { own: 1, others: 0, transmitted: 2 });
  t.equal(framesOf(out['eth0']!)[0]!.subarray(0, 12).toString('hex'), `${server(2).mac}${DIRECTOR_C}`.replaceAll(':', ''), 'ARP told the real server\'s MAC');
});

t.test('frames for other stations are not the director\'s', async (t) => {
  const { result } = await run([input('eth0', [syn(0, 1), syn(1, 2), tcp(2, '02:00:00:00:99:99', GATEWAY, client(3), VIP, 1, 80, TCP_FLAG.syn)])]);
  t.match(result.frames, { replayed: 2, others: 1 });
});

t.test('--network decides, where it is given', async (t) => {
  const network = {
    name: 'net.json', text: JSON.stringify({
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', addresses: ['192.0.2.10/32'] }, { name: 'eth0', mac: DIRECTOR_C, addresses: ['10.1.0.254/24'] }],
      neighbours: [{ interface: 'eth0', address: '10.1.0.2', mac: '02:00:00:00:77:02' }],
    }),
  };
  const { result, out, notes } = await run([input('eth0', [syn(0, 1), syn(1, 2)])], { network });
  t.same(notes, []);
  t.equal(framesOf(out['eth0']!)[0]!.subarray(0, 6).toString('hex'), '020000007702');
  t.same(result.picks.map(({ destination }) => destination), ['10.1.0.2:80', '10.1.0.1:80']);
  t.same(result.unresolved, ['10.1.0.1']);
  t.equal(result.frames.transmitted, 1);
});

t.test('a drop has its reason, a packet of nobody\'s is passed', async (t) => {
  const rules = { name: 'rules', text: '-A -t 192.0.2.10:80 -s rr\n' };
  const { result } = await run([input('eth0', [syn(0, 1), { ms: 1, frame: ethernetFrame(DIRECTOR_C, GATEWAY, ipPacket(client(1), '192.0.2.99', 17, udpDatagram(client(1), '192.0.2.99', 1, 2, Buffer.from('x')))) }])], { rules });
  t.same(result.drops, { noDestination: 1 });
  t.same(result.picks.map(({ destination }) => destination), [null]);
  t.match(result.frames, { passed: 1, transmitted: 1 }, 'the client gets port unreachable');
});

t.test('marks and sysctls are taken', async (t) => {
  const rules = { name: 'rules', text: '-A -f 7 -s rr\n-a -f 7 -r 10.1.0.1 -m\n' };
  const marks = { name: 'marks', text: '-d 192.0.2.10 -p tcp --set-mark 7\n' };
  const frames = [tcp(0, DIRECTOR_C, GATEWAY, client(1), VIP, 40_000, 8080, TCP_FLAG.ack)];
  t.equal((await run([input('eth0', frames)], { rules, marks })).result.picks.length, 0, 'no SYN');
  const { result } = await run([input('eth0', frames)], { rules, marks, commands: [{ op: 'sysctl', name: 'sloppy_tcp', value: 1 }] });
  t.match(result.picks, [{ service: 'fwm4 7', destination: '10.1.0.1:0' }]);
});

t.test('what cannot be replayed is refused in one line', async (t) => {
  const one = input('eth0', [syn(0, 1)]);
  const refused: readonly [Partial<ReplayRequest>, RegExp][] = [
    [{ rules: { name: 'r', text: '-A -t 192.0.2.10:80\n-A -t 192.0.2.10:99999\n' } }, /^r: rules line 2: /],
    [{ rules: { name: 'r', text: '-A -t 192.0.2.10:80\n-A -t 192.0.2.10:80\n' } }, /^r: command 2: .*exists/],
    [{ marks: { name: 'm', text: '--set-mark x\n' } }, /^m line 1: /],
    [{ inputs: [one, one] }, /^two captures for interface eth0: name them/],
    [{ network: { name: 'n', text: '{' } }, /^n: not JSON/],
    [{ network: { name: 'n', text: '{"interfaces":[]}' } }, /^n: interface eth0 has a capture but is not in "interfaces"$/],
    [{ network: { name: 'n', text: '{"interfaces":[{"name":"eth0","mac":"x"}]}' } }, /^n: interfaces\[0\]\.mac is "x", not a MAC address$/],
    [{ network: { name: 'n', text: '{"interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01","adresses":[]}]}' } }, /^n: interfaces\[0\] has an unknown field "adresses" \(known: /],
    [{ network: { name: 'n', text: '{"interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01"}],"routes":[{"prefix":"0.0.0.0/0","interface":"eth9"}]}' } }, /^n: routes\[0\]\.interface is "eth9", not one of eth0$/],
  ];
  for (const [request, message] of refused) {
    await t.rejects(run([one], request), { message });
  }
});

t.test('an empty capture is replayed to nothing', async (t) => {
  const { result } = await run([input('eth0', [])]);
  t.match(result.frames, { replayed: 0, transmitted: 0 });
});
