import t, { type Test } from 'tap';
import { PacketDevice } from '../../lib/device/af-packet.ts';
import { XdpDevice } from '../../lib/device/af-xdp.ts';
import type { Device } from '../../lib/device/device.ts';
import { receiveQueues } from '../../lib/device/ethtool.ts';
import { CHUNK_SHIFT, LONGEST_XDP_FRAME } from '../../lib/device/xdp-chunk.ts';
import { XdpFilter } from '../../lib/device/xdp-filter.ts';
import { vlanOn, whyNotXdp, whyPacket } from '../../lib/device/xdp-suitability.ts';
import { XdpUmem } from '../../lib/device/xdp-umem.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import { checksumOf, fold, pseudoSum, sumBytes } from '../../lib/wire/checksum.ts';
import { FrameMemory, HEADROOM, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';
import { enterNetworkNamespace, ifindexOf, poll } from '../../native-shims/index.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const RING = 256;
const VIP = [192, 0, 2, 10];
const macOf = (text: string): number[] => text.split(':').map((byte) => parseInt(byte, 16));

/** client c0 -- l0 [xdp] director [xdp] l1 -- s0 server; the neighbours' ends have packet devices. */
class Bench {
  readonly net = new Namespaces('xdp');
  readonly client = this.net.add('c');
  readonly director = this.net.add('m');
  readonly server = this.net.add('s');
  readonly macs = { l0: '02:00:00:00:00:10', l1: '02:00:00:00:00:11', c0: '02:00:00:00:00:20', s0: '02:00:00:00:00:21' };
  readonly filter: XdpFilter;
  readonly umem = new XdpUmem(8 * RING);
  readonly devices: XdpDevice[];
  readonly packets: PacketDevice[];
  readonly c0: PacketDevice;
  readonly s0: PacketDevice;

  constructor(queues = 1) {
    for (const ns of [this.client, this.director, this.server]) this.net.run(ns, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
    this.link('l0', 'c0', this.client, queues);
    this.link('l1', 's0', this.server, 1);
    this.c0 = this.at(this.client, () => new PacketDevice('c0', { ringFrames: 15 }));
    this.s0 = this.at(this.server, () => new PacketDevice('s0', { ringFrames: 300 }));
    enterNetworkNamespace(`/run/netns/${this.director}`);
    this.filter = new XdpFilter();
    for (const name of ['l0', 'l1'] as const) this.filter.attach({ name, ifindex: ifindexOf(name), mac: this.macs[name], mtu: 9000 }, false);
    this.announce();
    this.filter.widen([{ op: 'addService', service: { id: { kind: 'address', protocol: 'udp', address: VIP.join('.'), port: 53 }, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } }]);
    this.packets = ['l0', 'l1'].map((name) => new PacketDevice(name, { ringFrames: 15 }));
    this.devices = ['l0', 'l1'].map((name, i) => new XdpDevice(name, this.options(name, this.packets[i]!)));
  }

  options(name: string, packet: Device): ConstructorParameters<typeof XdpDevice>[1] {
    const queues = Array.from({ length: receiveQueues(name) }, (_unused, queue) => queue);
    return { umem: this.umem, ifindex: ifindexOf(name), queues, socketsFd: this.filter.socketsFd(name), packet, ringSize: RING };
  }

  link(name: 'l0' | 'l1', peer: 'c0' | 's0', ns: string, queues: number): void {
    const many = queues > 1 ? ['numrxqueues', String(queues), 'numtxqueues', String(queues)] : [];
    this.net.run(this.director, 'ip', 'link', 'add', name, 'address', this.macs[name], ...many, 'type', 'veth', 'peer', 'name', peer, 'address', this.macs[peer], 'netns', ns);
    this.net.ip(this.director, `link set ${name} up`);
    this.net.ip(ns, `link set ${peer} up`);
  }

  /** Tell the filter which interfaces there are. */
  announce(): void {
    const interfaces = (['l0', 'l1'] as const).map((name, index) => ({ index, ifindex: ifindexOf(name), name, mac: this.macs[name], mtu: 9000, up: true, addresses: [], attached: true }));
    const state: NetworkState = { interfaces, routes: [], neighbours: [], forwarding4: true, forwarding6: true };
    this.filter.widen([{ op: 'network', state }]);
  }

  at<T>(ns: string, work: () => T): T {
    enterNetworkNamespace(`/run/netns/${ns}`);
    const result = work();
    enterNetworkNamespace(`/run/netns/${this.director}`);
    return result;
  }

  close(): void {
    for (const device of [...this.devices, ...this.packets, this.c0, this.s0]) {
      device.close();
      device.close();
    }
    this.filter.close();
    this.umem.close();
    this.net.close();
  }
}

const memory = new FrameMemory(new ArrayBuffer(8192));
const OFF = HEADROOM + 2;

/** A UDP datagram to the service, with its checksum finished (or only the pseudo header's sum), in memory of no device. Returns its length. */
function datagram(bench: Bench, payload: number, options: { readonly port?: number; readonly partial?: boolean; readonly from?: string; readonly to?: string } = {}): number {
  const { u8, u16 } = memory;
  const length = 8 + payload;
  u8.fill(0);
  u8.set([...macOf(options.to ?? bench.macs.l0), ...macOf(options.from ?? bench.macs.c0), 8, 0, 0x45, 0, (20 + length) >> 8, (20 + length) & 255, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 2, ...VIP, 0x10, 0, 0, options.port ?? 53, length >> 8, length & 255], OFF);
  for (let i = 0; i < payload; i++) u8[OFF + 42 + i] = i * 7;
  u16[(OFF + 24) >> 1] = checksumOf(memory, OFF + 14, 20, 0);
  const pseudo = fold(pseudoSum(memory, 4, OFF + 26, 17, length));
  u16[(OFF + 40) >> 1] = options.partial === true ? pseudo : checksumOf(memory, OFF + 34, length, pseudo);
  return 42 + payload;
}

function send(device: Device, len: number): void {
  device.transmit(memory, OFF, len, 0);
  device.flush();
}

function taken(device: Device): number {
  const count = device.receive(device.burst);
  device.recycle();
  return count;
}

/** As a director would: the received frame now is one from l1 to s0. */
function readdress(bench: Bench, i: number): number {
  const off = bench.devices[0]!.burst.off[i]!;
  bench.umem.memory.u8.set([...macOf(bench.macs.s0), ...macOf(bench.macs.l1)], off);
  return off;
}

const bytes = (device: Device, i = 0): Uint8Array => device.burst.memory.u8.slice(device.burst.off[i]!, device.burst.off[i]! + device.burst.len[i]!);

t.test('two xdp devices between two neighbours', SLOW, async (t) => {
  const bench = new Bench();
  t.teardown(() => bench.close());
  const { c0, s0, umem } = bench;
  const [l0, l1] = bench.devices as [XdpDevice, XdpDevice];
  const [packet0] = bench.packets as [PacketDevice, PacketDevice];
  taken(l0);
  taken(l1);
  /** Fill rings are refilled by the batch. */
  const idle = umem.freeCount;
  const nothingLost = (t: Test): void => { t.equal(umem.heldCount, 0); t.ok(Math.abs(umem.freeCount - idle) < 64, `${umem.freeCount} free of ${idle}`); };

  t.test('a frame of a service arrives at 2 modulo 4 with room before it, and neither packet socket nor host get it', async (t) => {
    const len = datagram(bench, 10);
    send(c0, len);
    t.same(poll(l0.pollFds, 1000), [1]);
    t.equal(l0.receive(l0.burst), 1);
    t.equal(l0.burst.memory, l0.stolen);
    const off = l0.burst.off[0]!;
    t.equal(off % 4, 2);
    t.ok((off & 2047) >= HEADROOM + 24);
    t.same(bytes(l0), memory.u8.slice(OFF, OFF + len));
    t.equal(l0.burst.offload[0], 0);
    l0.recycle();
    t.equal(taken(packet0), 0);
    t.same(poll(l0.pollFds, 0), [0]);
    nothingLost(t);
  });

  t.test('frames of nobody, too long and tagged ones go to the packet socket', async (t) => {
    send(c0, datagram(bench, 10, { port: 54 }));
    send(c0, datagram(bench, 10, { to: '02:00:00:00:00:99' }));
    bench.net.ip(bench.client, 'link set c0 mtu 3000');
    bench.net.ip(bench.director, 'link set l0 mtu 3000');
    send(c0, datagram(bench, LONGEST_XDP_FRAME - 42));
    send(c0, datagram(bench, LONGEST_XDP_FRAME - 41));
    t.equal(l0.receive(l0.burst), 1);
    t.equal(l0.burst.len[0], LONGEST_XDP_FRAME);
    l0.recycle();
    t.equal(packet0.receive(packet0.burst), 2);
    t.same([packet0.burst.len[0], packet0.burst.len[1]], [52, LONGEST_XDP_FRAME + 1]);
    packet0.recycle();
  });

  t.test('a frame goes out of the other port from the chunk it came in, also twice, and every chunk comes back', async (t) => {
    const len = datagram(bench, 20);
    send(c0, len);
    l0.receive(l0.burst);
    const off = readdress(bench, 0);
    const chunk = off >> CHUNK_SHIFT;
    l1.transmit(umem.memory, off, len, 0);
    t.notOk(umem.isHeld(chunk), 'it was not copied');
    l1.transmit(umem.memory, off, len, 0);
    l0.recycle();
    l1.flush();
    l1.recycle();
    t.equal(s0.receive(s0.burst), 2);
    for (const i of [0, 1]) t.same(bytes(s0, i).slice(12), memory.u8.slice(OFF + 12, OFF + len));
    s0.recycle();
    nothingLost(t);
  });

  t.test('a tunnel header before it, and frames from other memory', async (t) => {
    const len = datagram(bench, 20);
    send(c0, len);
    l0.receive(l0.burst);
    const off = l0.burst.off[0]! - 60;
    umem.memory.u8.set([...macOf(bench.macs.s0), ...macOf(bench.macs.l1), 8, 0, 0x45], off);
    l1.transmit(umem.memory, off, len + 60, 0);
    datagram(bench, 20, { to: bench.macs.s0 });
    l1.transmit(memory, OFF, len, 0);
    l1.flush();
    l0.recycle();
    l1.recycle();
    t.equal(s0.receive(s0.burst), 2);
    t.same([s0.burst.len[0], s0.burst.len[1]], [len + 60, len]);
    t.same(bytes(s0).slice(72), memory.u8.slice(OFF + 12, OFF + len));
    s0.recycle();
    nothingLost(t);
  });

  for (const byKernel of [true, false]) {
    t.test(`an unfinished checksum is seen, and finished ${byKernel ? 'by the kernel' : 'by us where the kernel cannot'}`, { skip: byKernel && !umem.finishesChecksums ? 'this kernel cannot' : false }, async (t) => {
      const before = umem.finishesChecksums;
      umem.finishesChecksums = byKernel;
      const len = datagram(bench, 33, { partial: true });
      send(c0, len);
      l0.receive(l0.burst);
      t.equal(l0.burst.offload[0], OFFLOAD_PARTIAL);
      l1.transmit(umem.memory, readdress(bench, 0), len, OFFLOAD_PARTIAL);
      l1.flush();
      l0.recycle();
      umem.finishesChecksums = before;
      t.equal(s0.receive(s0.burst), 1);
      // The other end of a veth pair gets it as unfinished as the kernel may leave it.
      const wire = new FrameMemory(new ArrayBuffer(2048));
      wire.u8.set(bytes(s0), OFF);
      const unfinished = s0.burst.offload[0] === OFFLOAD_PARTIAL;
      if (!byKernel) t.notOk(unfinished);
      const sum = sumBytes(wire, OFF + 34, len - 34, unfinished ? 0 : fold(pseudoSum(wire, 4, OFF + 26, 17, len - 34)));
      if (unfinished) t.equal(wire.u16[(OFF + 40) >> 1], fold(pseudoSum(wire, 4, OFF + 26, 17, len - 34)));
      else t.equal(sum, 0xffff);
      s0.recycle();
    });
  }

  t.test('what is longer than a chunk is sent by the packet socket', async (t) => {
    bench.net.ip(bench.server, 'link set s0 mtu 3000');
    bench.net.ip(bench.director, 'link set l1 mtu 3000');
    const len = datagram(bench, 2000, { to: bench.macs.s0, from: bench.macs.l1 });
    l1.transmit(memory, OFF, len, 0);
    l1.flush();
    bench.packets[1]!.flush();
    t.equal(s0.receive(s0.burst), 1);
    t.equal(s0.burst.len[0], len);
    s0.recycle();
  });

  t.test('a full ring loses frames, says how many, and goes on afterwards', async (t) => {
    const len = datagram(bench, 10);
    const before = l0.counters.receiveDrops;
    for (let i = 0; i < RING + 70; i++) c0.transmit(memory, OFF, len, 0);
    c0.flush();
    const got = taken(l0) + taken(l0);
    t.ok(got > RING - 64, `${got} received`);
    t.equal(l0.counters.receiveDrops - before, RING + 70 - got);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) c0.transmit(memory, OFF, len, 0);
      c0.flush();
      t.equal(taken(l0), 100);
    }
    nothingLost(t);
  });

  t.test('more frames than rings hold, forwarded: none is lost, none stays', async (t) => {
    const len = datagram(bench, 10);
    const sent = l1.counters.transmitted;
    let arrived = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 200; i++) c0.transmit(memory, OFF, len, 0);
      c0.flush();
      const count = l0.receive(l0.burst);
      for (let i = 0; i < count; i++) l1.transmit(umem.memory, readdress(bench, i), l0.burst.len[i]!, l0.burst.offload[i]!);
      l0.flush();
      l1.flush();
      l0.recycle();
      l1.recycle();
      arrived += taken(s0);
    }
    t.equal(arrived, 8000);
    t.equal(l1.counters.transmitted - sent, 8000);
    nothingLost(t);
  });

  t.test('an interface that goes down and up again', async (t) => {
    bench.net.ip(bench.director, 'link set l0 down');
    for (let i = 0; i < 40; i++) taken(l0);
    t.same(poll(l0.pollFds, 0), [0], 'nothing wakes it');
    l0.transmit(memory, OFF, datagram(bench, 10, { to: bench.macs.c0, from: bench.macs.l0 }), 0);
    l0.flush();
    bench.net.ip(bench.director, 'link set l0 up');
    t.same(l0.follow(ifindexOf('l0'), [0]), []);
    send(c0, datagram(bench, 10));
    t.equal(taken(l0), 1);
    l0.flush();
    taken(c0);
    nothingLost(t);
  });

  t.test('interfaces that are made anew are followed, one and then all at once', async (t) => {
    const renew = (...names: ('l0' | 'l1')[]): void => {
      for (const name of names) bench.net.ip(bench.director, `link del ${name}`);
      for (let i = 0; i < 40; i++) { taken(l0); taken(l1); }
      t.same(poll([...l0.pollFds, ...l1.pollFds], 0), [0, 0]);
      for (const name of names) bench.link(name, name === 'l0' ? 'c0' : 's0', name === 'l0' ? bench.client : bench.server, 1);
      bench.announce();
      for (const name of names) {
        const [device, packet] = name === 'l0' ? [l0, packet0] : [l1, bench.packets[1]!];
        t.match(device.follow(ifindexOf(name), [0]), [/xdp on queue 0/]);
        packet.rebind(ifindexOf(name));
      }
      bench.at(bench.client, () => c0.rebind(ifindexOf('c0')));
      bench.at(bench.server, () => s0.rebind(ifindexOf('s0')));
    };
    const passes = (): void => {
      for (let i = 0; i < 40; i++) for (const device of [c0, s0]) taken(device);
      const len = datagram(bench, 10);
      send(c0, len);
      t.equal(l0.receive(l0.burst), 1);
      l1.transmit(umem.memory, readdress(bench, 0), len, 0);
      l1.flush();
      l0.recycle();
      l1.recycle();
      t.equal(taken(s0), 1);
    };
    renew('l0');
    passes();
    renew('l1');
    passes();
    renew('l0', 'l1');
    passes();
    l0.follow(0, []);
    t.same(l0.queues, []);
    l0.transmit(memory, OFF, 100, 0);
    t.same(l0.follow(ifindexOf('l0'), [0]), ['l0: xdp on queue 0']);
    passes();
    nothingLost(t);
  });

  t.test('after it is closed the queue can be had at once', async (t) => {
    l0.close();
    const again = new XdpDevice('l0', bench.options('l0', packet0));
    send(c0, datagram(bench, 10));
    t.equal(taken(again), 1);
    again.close();
    const other = new XdpUmem(2 * RING);
    t.throws(() => new XdpDevice('l1', { ...bench.options('l1', packet0), umem: other }), { code: 'Unsupported', message: /another AF_XDP program/ }, 'one that is in use is refused');
    other.close();
  });
});

t.test('several queues: each has a socket, and queues that come and go are followed', SLOW, async (t) => {
  const bench = new Bench(2);
  t.teardown(() => bench.close());
  const [l0] = bench.devices as [XdpDevice];
  t.same(l0.queues, [0, 1]);
  t.same(l0.follow(ifindexOf('l0'), [0]), []);
  t.same(l0.queues, [0]);
  t.same(l0.follow(ifindexOf('l0'), [0, 1]), ['l0: xdp on queues 0, 1']);
  for (let i = 0; i < 50; i++) send(bench.c0, datagram(bench, 10));
  t.equal(taken(l0), 50);
  t.equal(bench.umem.heldCount, 0);
});

t.test('which interfaces are for XDP', SLOW, async (t) => {
  const bench = new Bench();
  t.teardown(() => bench.close());
  t.match(whyPacket('l0'), /^veth: /);
  t.equal(whyPacket('lo'), null);
  t.equal(whyNotXdp('l0'), null);
  const table = 'VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\neth0.5         | 5  | eth0\n';
  t.same([vlanOn('eth0', table), vlanOn('eth0.5', table)], ['eth0.5', null]);
  bench.net.run(bench.director, 'ip', 'link', 'add', 'br0', 'type', 'bridge');
  t.match(whyNotXdp('br0'), /^bridge: /);
  t.throws(() => bench.filter.attach({ name: 'l0', ifindex: ifindexOf('l0'), mac: bench.macs.l0, mtu: 9000 }, false), { code: 'Unsupported', message: 'another XDP program is attached to it' });
  t.throws(() => bench.filter.attach({ name: 'br0', ifindex: ifindexOf('br0'), mac: bench.macs.l0, mtu: 9000 }, false), { code: 'Unsupported', message: /no native XDP/ });
  bench.filter.attach({ name: 'br0', ifindex: ifindexOf('br0'), mac: bench.macs.l0, mtu: 9000 }, true);
});
