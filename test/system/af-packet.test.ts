import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PacketDevice } from '../../lib/device/af-packet.ts';
import { FrameMemory, MAX_BURST } from '../../lib/wire/frame.ts';
import { enterNetworkNamespace, ifindexOf, poll, receive } from '../../native-shims/index.ts';
import { Namespaces, nextLine, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const bridgeProgram = fileURLToPath(new URL('./device-bridge.js', import.meta.url));

interface Seen { frames: number; partial: number; superFrames: number; largest: number; misaligned: number; counters: { transmitDrops: number; receiveDrops: number }[] }

/** client c0 -- l0 [bridge] l1 -- s0 server; returns hash sent, hash received, receiver's checksum errors, what the bridge saw. */
async function download(offloads: 'on' | 'off', mode: string[]): Promise<{ sent: string; got: string; errors: string; seen: Seen }> {
  const net = new Namespaces();
  const directory = mkdtempSync(join(tmpdir(), 'dev-packet-'));
  try {
    const [client, middle, server] = ['c', 'm', 's'].map((name) => net.add(name)) as [string, string, string];
    net.link(client, 'c0', middle, 'l0');
    net.link(middle, 'l1', server, 's0');
    net.ip(client, 'addr add 10.77.0.1/24 dev c0');
    net.ip(server, 'addr add 10.77.0.2/24 dev s0');
    // A device only takes frames sent to it, so each port bears the address of the host behind the other.
    const mac = (ns: string, name: string): string => /link\/ether (\S+)/.exec(net.ip(ns, `link show ${name}`))![1]!;
    const [clientMac, serverMac] = [mac(client, 'c0'), mac(server, 's0')];
    net.ip(middle, `link set l1 address ${clientMac}`);
    net.ip(middle, `link set l0 address ${serverMac}`);
    if (offloads === 'off') {
      // The kernel must finish every checksum and segment every super-frame that we send here, and the receivers verify.
      for (const name of ['l0', 'l1']) net.run(middle, 'ethtool', '-K', name, 'tx', 'off', 'tso', 'off', 'gso', 'off');
    }
    const bridge = net.start(middle, process.execPath, bridgeProgram, 'l0', 'l1', ...mode);
    if ((await nextLine(bridge)) !== 'ready') throw new Error('bridge not ready');
    const file = join(directory, 'data');
    const data = randomBytes(24 * 1024 * 1024);
    writeFileSync(file, data);
    const serve = `const s=require('net').createServer((c)=>require('fs').createReadStream(process.argv[1]).pipe(c)).listen(7000,()=>console.log('up'))`;
    if ((await nextLine(net.start(server, process.execPath, '-e', serve, file))) !== 'up') throw new Error('server not up');
    const fetch = `const h=require('crypto').createHash('sha256');require('net').connect(7000,'10.77.0.2').on('data',(d)=>h.update(d)).on('end',()=>console.log(h.digest('hex')))`;
    const got = (await nextLine(net.start(client, process.execPath, '-e', fetch))).trim();
    const errors = net.run(client, 'nstat', '-asz', 'TcpInCsumErrors').match(/TcpInCsumErrors\s+(\d+)/)![1]!;
    const line = nextLine(bridge);
    net.run(middle, 'kill', '-TERM', String(bridge.pid));
    const seen = JSON.parse(await line) as Seen;
    await once(bridge, 'exit');
    return { sent: createHash('sha256').update(data).digest('hex'), got, errors, seen };
  } finally {
    net.close();
    rmSync(directory, { recursive: true });
  }
}

t.test('super-frames and partial checksums pass through the ring as they are, and the receiver gets every byte', SLOW, async (t) => {
  const { sent, got, errors, seen } = await download('on', []);
  t.equal(got, sent);
  t.equal(errors, '0');
  t.ok(seen.superFrames > 0, 'super-frames were seen');
  t.ok(seen.partial > 0, 'partial checksums were seen');
  t.ok(seen.largest > 60000, `largest frame ${seen.largest}`);
  t.equal(seen.misaligned, 0);
  t.same(seen.counters.map((c) => [c.transmitDrops, c.receiveDrops]), [[0, 0], [0, 0]]);
});

t.test('where the interface can neither segment nor sum, the kernel does both for us, correctly', SLOW, async (t) => {
  const { sent, got, errors, seen } = await download('off', []);
  t.equal(got, sent);
  t.equal(errors, '0');
  t.ok(seen.superFrames > 0, 'super-frames were seen');
});

t.test('frames from memory without an address are copied and arrive whole', SLOW, async (t) => {
  const { sent, got, errors } = await download('on', ['copy']);
  t.equal(got, sent);
  t.equal(errors, '0');
});

t.test('two devices on one veth pair', SLOW, async (t) => {
  const net = new Namespaces();
  const [m, s] = ['m', 's'].map((name) => net.add(name)) as [string, string];
  // No router solicitations and the like: only our own frames.
  for (const ns of [m, s]) net.run(ns, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
  net.link(m, 'l0', s, 's0');
  const macOf = (ns: string, name: string): number[] => /ether (\S+)/.exec(net.ip(ns, `link show ${name}`))![1]!.split(':').map((byte) => parseInt(byte, 16));
  enterNetworkNamespace(`/run/netns/${s}`);
  const there = new PacketDevice('s0', { ringFrames: 60 });
  enterNetworkNamespace(`/run/netns/${m}`);
  const here = new PacketDevice('l0', { ringFrames: 65 });
  t.teardown(() => {
    for (const device of [here, there]) {
      device.close();
      device.close();
    }
    net.close();
  });
  const memory = new FrameMemory(new ArrayBuffer(8192));
  const send = (device: PacketDevice, destination: readonly number[], rest: readonly number[], len = 60): void => {
    memory.u8.fill(0);
    memory.u8.set([...destination, 2, 0, 0, 0, 0, 9, ...rest], 130);
    device.transmit(memory, 130, len, 0);
  };
  const IPV4 = [8, 0, 0x45];
  const taken = (device: PacketDevice): number => {
    const count = device.receive(device.burst);
    device.recycle();
    return count;
  };

  t.test('the ring is as long as asked for, in whole blocks', async (t) => {
    t.same([here.ringFrames, there.ringFrames], [128, 64]);
    t.equal(here.ifindex, ifindexOf('l0'));
  });

  t.test('a frame arrives as it was sent, at 2 modulo 4, and not at its sender', async (t) => {
    send(here, macOf(s, 's0'), [...IPV4, 1, 2, 3]);
    here.flush();
    t.same(poll(there.pollFds, 1000), [1]);
    t.equal(there.receive(there.burst), 1);
    const off = there.burst.off[0]!;
    t.equal(off % 4, 2);
    t.same([there.burst.len[0], there.burst.offload[0]], [60, 0]);
    t.same(there.burst.memory.u8.slice(off, off + 60), memory.u8.slice(130, 190));
    there.recycle();
    t.equal(taken(here), 0);
  });

  t.test('frames for other stations and for VLAN interfaces are left alone, priority-tagged and broadcast ones are not', async (t) => {
    net.ip(s, 'link set s0 promisc on');
    send(here, [2, 0, 0, 0, 0, 77], IPV4);
    send(here, macOf(s, 's0'), [0x81, 0, 0, 5, ...IPV4]);
    send(here, macOf(s, 's0'), [0x81, 0, 0x20, 0, ...IPV4]);
    send(here, [255, 255, 255, 255, 255, 255], [8, 6]);
    here.flush();
    t.equal(there.receive(there.burst), 2);
    t.equal(there.burst.len[0], 56, 'the tag is off');
    there.recycle();
  });

  t.test('a frame above the MTU is refused and counted, the one behind it is sent', async (t) => {
    const before = here.counters.transmitDrops;
    send(here, macOf(s, 's0'), IPV4, 3000);
    send(here, macOf(s, 's0'), IPV4);
    here.flush();
    t.equal(here.counters.transmitDrops - before, 1);
    t.equal(taken(there), 1);
  });

  t.test('a full ring loses frames, says how many, and goes on afterwards', async (t) => {
    const to = macOf(s, 's0');
    for (let i = 0; i < 100; i++) send(here, to, IPV4);
    here.flush();
    t.equal(there.receive(there.burst), 64);
    t.equal(there.receive(there.burst), 0, 'frames in use are not handed out twice');
    t.equal(there.counters.receiveDrops, 36);
    there.recycle();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 40; i++) send(here, to, IPV4);
      here.flush();
      t.equal(taken(there), 40);
    }
  });

  t.test('frames longer than a slot of the ring arrive whole, in their order among the others, however many wait', async (t) => {
    net.ip(m, 'link set l0 mtu 9000');
    net.ip(s, 'link set s0 mtu 9000');
    const to = macOf(s, 's0');
    const lengths = Array.from({ length: 45 }, (_unused, i) => (i % 4 === 0 ? 60 + i : 1823 + 140 * i));
    lengths.forEach((len, i) => send(here, i % 7 === 3 ? [2, 0, 0, 0, 0, 77] : to, [...IPV4, i], len));
    here.flush();
    const got: number[][] = [];
    for (let count = there.receive(there.burst); count > 0; count = there.receive(there.burst)) {
      const { off, len, memory: { u8 } } = there.burst;
      for (let i = 0; i < count; i++) {
        t.equal(off[i]! % 4, 2);
        t.ok(u8.subarray(off[i]! + 20, off[i]! + len[i]!).every((byte) => byte === 0), 'nothing of another frame');
        got.push([u8[off[i]! + 15]!, len[i]!]);
      }
      there.recycle();
    }
    t.same(got, lengths.map((len, i) => [i, len]).filter(([i]) => i! % 7 !== 3));
    t.equal(there.counters.receiveDrops, 36, 'none lost beside those of the full ring');
    for (const [ns, name] of [[m, 'l0'], [s, 's0']] as const) net.ip(ns, `link set ${name} mtu 1500`);
  });

  t.test('should a long frame be missing where the ring announces it, those that come later are whole', async (t) => {
    for (const [ns, name] of [[m, 'l0'], [s, 's0']] as const) net.ip(ns, `link set ${name} mtu 9000`);
    const to = macOf(s, 's0');
    const before = there.counters.receiveDrops;
    for (let i = 0; i < 3; i++) send(here, to, [...IPV4, i], 4000 + i);
    here.flush();
    t.equal(receive(there.pollFds[0]!, new Uint8Array(8192)), 4010, 'somebody reads one away');
    send(here, to, [...IPV4, 9]);
    here.flush();
    t.equal(there.receive(there.burst), 1);
    t.equal(there.burst.len[0], 60, 'the short one is left');
    there.recycle();
    t.equal(there.counters.receiveDrops - before, 3);
    for (let i = 0; i < 3; i++) send(here, to, [...IPV4, i], 5000 + i);
    here.flush();
    t.equal(there.receive(there.burst), 3);
    t.same([...there.burst.len.subarray(0, 3)], [5000, 5001, 5002]);
    there.recycle();
    for (const [ns, name] of [[m, 'l0'], [s, 's0']] as const) net.ip(ns, `link set ${name} mtu 1500`);
  });

  t.test('more frames than a send queue holds all go out', async (t) => {
    const before = here.counters.transmitted;
    for (let i = 0; i < 3 * MAX_BURST; i++) send(here, [2, 0, 0, 0, 0, 77], IPV4, 1514);
    here.flush();
    t.equal(here.counters.transmitted - before, 3 * MAX_BURST);
    taken(there);
  });

  t.test('a link that goes down does not keep poll awake, and works when it is up again', async (t) => {
    const settle = (): void => { for (let i = 0; i < 40; i++) taken(here); };
    settle();
    net.ip(m, 'link set l0 down');
    t.not(poll(here.pollFds, 0)[0], 0, 'it wakes poll once');
    settle();
    t.same(poll(here.pollFds, 0), [0]);
    net.ip(m, 'link set l0 up');
    taken(here);
    send(there, macOf(m, 'l0'), IPV4);
    there.flush();
    t.equal(taken(here), 1);
  });

  t.test('an interface that was made anew is followed', async (t) => {
    net.ip(m, 'link del l0');
    for (let i = 0; i < 40; i++) taken(here);
    t.same(poll(here.pollFds, 0), [0]);
    net.link(m, 'l0', s, 's0');
    t.equal(here.rebind(9999), false);
    t.equal(here.rebind(ifindexOf('l0')), true);
    enterNetworkNamespace(`/run/netns/${s}`);
    there.rebind(ifindexOf('s0'));
    enterNetworkNamespace(`/run/netns/${m}`);
    while (taken(there) > 0);
    send(here, macOf(s, 's0'), IPV4);
    here.flush();
    t.equal(taken(there), 1);
    t.equal(here.ifindex, ifindexOf('l0'));
  });

  t.test('what cannot be opened is refused in one line', async (t) => {
    t.throws(() => new PacketDevice('nosuchif0'), { code: 'NoSuchDevice', message: 'no interface named nosuchif0: "ip link" lists them' });
    t.throws(() => new PacketDevice('lo'), { code: 'Unsupported', message: /^lo is not an Ethernet interface/ });
  });
});
