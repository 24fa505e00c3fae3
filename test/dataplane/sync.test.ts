import t from 'tap';
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { readSyncMessage } from '../../lib/dataplane/sync-message.ts';
import type { SyncDaemon } from '../../lib/model/control-command.ts';
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { FrameBurst, FrameMemory, type FrameSink, HEADROOM } from '../../lib/wire/frame.ts';
import { destination, DEVICE_MACS, service } from '../fuzz/director-with-everything.ts';
import { ethernetFrame, ipPacket, TCP_FLAG, tcpSegment, udpDatagram } from '../support/frame-builder.ts';
import { addressBytes, transportChecksum, viewFrame } from '../support/frame-view.ts';
import { HostNetwork } from '../support/host-network.ts';

const CLIENT = '203.0.113.7';
const VIP = '192.0.2.10';
const ID: ServiceId = { kind: 'address', protocol: 'tcp', address: VIP, port: 80 };
const DAEMON: Omit<SyncDaemon, 'role'> = { interface: 'rs0', syncId: 5, maxLength: 1472, group: '224.0.0.81', port: 8848, ttl: 3 };

class Director implements FrameSink {
  readonly dataplane = new Dataplane({ maxConnections: 1024, random: () => 0.5 });
  readonly sent: { interfaceIdx: number; frame: Buffer }[] = [];
  nowMs = 0;

  constructor(...edits: TableEdit[]) {
    const network = new HostNetwork({
      devices: { cl0: { mac: DEVICE_MACS[0], mtu: 1500, addrs: ['198.51.100.1/24', '192.0.2.10/32'] }, rs0: { mac: DEVICE_MACS[1], mtu: 1500, addrs: ['10.1.0.254/24', '2001:db8:1::fe/64', 'fe80::d:2/64'] } },
      routes: ['default via 198.51.100.254 dev cl0'], neigh: [['198.51.100.254', '02:00:00:00:0c:fe', 'cl0'], ['10.1.0.1', '02:00:00:00:01:01', 'rs0'], ['10.1.0.2', '02:00:00:00:01:02', 'rs0']], forwarding: true,
    });
    for (const edit of [{ op: 'network', state: network.state() } as const, ...edits]) this.dataplane.edit(edit, 0);
  }
  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number): void { this.sent.push({ interfaceIdx, frame: Buffer.from(memory.u8.subarray(off, off + len)) }); }
  pass(): void {}
  deliver(): void {}
  resolve(): void {}

  frame(interfaceIdx: number, bytes: Buffer): void {
    const burst = new FrameBurst(new FrameMemory(new ArrayBuffer(4096)));
    burst.memory.u8.set(bytes, HEADROOM + 2);
    burst.off[0] = HEADROOM + 2;
    burst.len[0] = bytes.length;
    burst.count = 1;
    this.dataplane.burst(interfaceIdx, burst, this, this.nowMs);
  }
  client(flags: number, port = 40_001): void {
    this.frame(0, ethernetFrame(DEVICE_MACS[0], '02:00:00:00:0c:fe', ipPacket(CLIENT, VIP, 6, tcpSegment(CLIENT, VIP, port, 80, flags))));
  }
  wait(seconds: number): void {
    for (const end = this.nowMs + seconds * 1000; this.nowMs < end;) this.nowMs = Math.min(end, this.nowMs + Math.max(1, this.dataplane.advance(this, this.nowMs)));
    this.dataplane.advance(this, this.nowMs);
  }
  messages(): Buffer[] {
    return this.sent.filter(({ frame }) => frame[0]! & 1).map(({ frame }) => frame);
  }
  records(): ConnectionRecord[] {
    const out: ConnectionRecord[] = [];
    this.dataplane.connections(0, 1000, out, this.nowMs);
    return out;
  }
}

const master: TableEdit = { op: 'daemons', master: { ...DAEMON, role: 'master' }, backup: null };
const backup: TableEdit = { op: 'daemons', master: null, backup: { ...DAEMON, role: 'backup' } };
const withService: TableEdit[] = [{ op: 'addService', service: service(ID) }, { op: 'addDestination', id: ID, destination: destination('10.1.0.1', 80, 'masq') }];

function establish(director: Director, port = 40_001): void {
  director.client(TCP_FLAG.syn, port);
  for (let n = 0; n < 3; n++) director.client(TCP_FLAG.ack, port);
}

t.test('a connection is told at its third packet, in one multicast frame, two seconds later', async (t) => {
  const director = new Director(...withService, master);
  director.client(TCP_FLAG.syn);
  director.client(TCP_FLAG.ack);
  director.wait(5);
  t.equal(director.messages().length, 0, 'two packets are not worth telling');
  director.client(TCP_FLAG.ack);
  director.wait(1.5);
  t.equal(director.messages().length, 0);
  director.wait(2);
  const [frame] = director.messages();
  const view = viewFrame(frame!);
  t.match(view, { dmac: '01:00:5e:00:00:51', smac: DEVICE_MACS[1], src: '10.1.0.254', dst: '224.0.0.81', ttl: 3, dport: 8848 });
  t.equal(transportChecksum(addressBytes(view.src!), addressBytes(view.dst!), 17, view.l4!), 0);
  t.match(readSyncMessage(view.l4!.subarray(8), 5), [{ clientPort: 40_001, virtualPort: 80, destinationPort: 80, state: 1, timeoutSec: 900 }]);
});

t.test('states that end a connection are told at once, and every fiftieth packet after the third', async (t) => {
  const director = new Director(...withService, master);
  establish(director);
  director.client(TCP_FLAG.fin | TCP_FLAG.ack);
  for (let n = 0; n < 60; n++) director.client(TCP_FLAG.ack);
  director.wait(4);
  const states = director.messages().flatMap((f) => readSyncMessage(viewFrame(f).l4!.subarray(8), 0)).map((r) => r.state);
  t.same(states, [1, 7, 7], 'ESTABLISHED, CLOSE_WAIT, and again at packet 53');
});

t.test('a backup takes over: the same connection, the same server, without its own scheduler being asked', async (t) => {
  const first = new Director(...withService, master);
  establish(first);
  first.wait(4);
  const second = new Director({ op: 'addService', service: service(ID) }, { op: 'addDestination', id: ID, destination: destination('10.1.0.1', 80, 'masq') },
    { op: 'addDestination', id: ID, destination: destination('10.1.0.2', 80, 'masq') }, backup);
  second.nowMs = first.nowMs;
  for (const frame of first.messages()) second.frame(1, frame);
  t.match(second.records(), [{ state: 'ESTABLISHED', destination: '10.1.0.1', synced: true }]);
  t.match(second.dataplane.stats().services[0]!.destinations.find((d) => d.address === '10.1.0.1'), { activeConns: 1, inactiveConns: 0 });
  second.client(TCP_FLAG.ack);
  t.match(viewFrame(second.sent.at(-1)!.frame), { dst: '10.1.0.1', protocol: 6 });
});

t.test('without a service the entry is kept and counts for nobody; with another syncid or interface there is none', async (t) => {
  const first = new Director(...withService, master);
  establish(first);
  first.wait(4);
  const [frame] = first.messages();
  const bare = new Director(backup);
  bare.frame(1, frame!);
  t.match(bare.records(), [{ destination: '10.1.0.1', state: 'ESTABLISHED' }]);
  bare.wait(1000);
  t.equal(bare.records().length, 0, 'and it ends with its timeout');
  const other = new Director({ op: 'daemons', master: null, backup: { ...DAEMON, role: 'backup', syncId: 6 } });
  other.frame(1, frame!);
  const elsewhere = new Director(backup);
  elsewhere.frame(0, frame!);
  t.same([other.records(), elsewhere.records()], [[], []]);
});

t.test('a damaged datagram to the group makes nothing', async (t) => {
  const director = new Director(backup);
  const message = Buffer.from('0005002c010100000006002400000000000' + '19c41005000500000000000000384cb007107c000020a0a010001', 'hex');
  const send = (datagram: Buffer): void => director.frame(1, ethernetFrame('01:00:5e:00:00:51', '02:00:00:00:0d:99', ipPacket('10.1.0.253', '224.0.0.81', 17, datagram, { ttl: 1 })));
  send(udpDatagram('10.1.0.253', '224.0.0.81', 49_000, 8848, message, 'bad'));
  send(udpDatagram('10.1.0.253', '224.0.0.81', 49_000, 8849, message));
  t.equal(director.records().length, 0);
  send(udpDatagram('10.1.0.253', '224.0.0.81', 49_000, 8848, message));
  t.equal(director.records().length, 1);
});

t.test('an IPv6 group is spoken to from the address of its scope, with a checksum, and understood', async (t) => {
  for (const [group, source, mac] of [['ff02::81', 'fe80::d:2', '33:33:00:00:00:81'], ['ff05::81', '2001:db8:1::fe', '33:33:00:00:00:81']] as const) {
    const first = new Director(...withService, { op: 'daemons', master: { ...DAEMON, group, role: 'master' }, backup: null });
    establish(first);
    first.wait(4);
    const view = viewFrame(first.messages()[0]!);
    t.match(view, { dmac: mac, src: source, dst: group });
    t.equal(transportChecksum(addressBytes(source), addressBytes(group), 17, view.l4!), 0);
    const second = new Director({ op: 'daemons', master: null, backup: { ...DAEMON, group, role: 'backup' } });
    second.frame(1, first.messages()[0]!);
    t.equal(second.records().length, 1);
  }
});

t.test('a master that stops says no more', async (t) => {
  const director = new Director(...withService, master);
  establish(director);
  director.dataplane.edit({ op: 'daemons', master: null, backup: null }, director.nowMs);
  director.wait(10);
  t.equal(director.messages().length, 0);
});
