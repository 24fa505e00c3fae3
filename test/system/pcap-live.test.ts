import { createRequire } from 'node:module';
import t from 'tap';
import { PacketDevice } from '../../lib/device/af-packet.ts';
import { PcapDevice } from '../../lib/device/pcap-live.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { enterNetworkNamespace, poll } from '../../native-shims/index.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

function missing(): string | false {
  try {
    createRequire(import.meta.url)('cap');
    return false;
  } catch {
    return 'the optional package cap is not installed';
  }
}

t.test('frames come in and go out through libpcap, in order, and our own are not heard', { ...SLOW, skip: SLOW.skip || missing() }, async (t) => {
  const net = new Namespaces();
  const [m, s] = ['m', 's'].map((name) => net.add(name)) as [string, string];
  for (const ns of [m, s]) net.run(ns, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
  net.link(m, 'l0', s, 's0');
  const macOf = (ns: string, name: string): number[] => /ether (\S+)/.exec(net.ip(ns, `link show ${name}`))![1]!.split(':').map((byte) => parseInt(byte, 16));
  enterNetworkNamespace(`/run/netns/${s}`);
  const peer = new PacketDevice('s0', { ringFrames: 60 });
  enterNetworkNamespace(`/run/netns/${m}`);
  const device = new PcapDevice('l0');
  t.teardown(() => {
    device.close();
    device.close();
    peer.close();
    net.close();
  });
  t.throws(() => new PcapDevice('nosuchif0'), { code: 'NoSuchDevice' });
  t.throws(() => new PcapDevice('lo'), { code: 'Unsupported', message: /not an Ethernet interface/ });

  const [here, there] = [macOf(m, 'l0'), macOf(s, 's0')];
  const memory = new FrameMemory(new ArrayBuffer(2048));
  const frame = (to: readonly number[], from: readonly number[], number: number): void => {
    memory.u8.fill(0);
    memory.u8.set([...to, ...from, 0x88, 0xb5, number], 130);
  };
  for (let i = 1; i <= 10; i++) {
    frame(here, there, i);
    peer.transmit(memory, 130, 60, 0);
  }
  peer.flush();
  const got: number[] = [];
  for (let tries = 0; got.length < 10 && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (poll(device.pollFds, 0)[0] === 0) continue;
    const count = device.receive(device.burst);
    for (let i = 0; i < count; i++) {
      t.equal(device.burst.off[i]! % 4, 2);
      got.push(device.burst.memory.u8[device.burst.off[i]! + 14]!);
    }
    device.recycle();
  }
  t.same(got, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

  frame(there, here, 77);
  device.transmit(memory, 130, 60, 0);
  device.transmit(memory, 130, 60, 1448);
  device.flush();
  t.same(poll(peer.pollFds, 1000), [1]);
  t.equal(peer.receive(peer.burst), 1);
  t.equal(peer.burst.memory.u8[peer.burst.off[0]! + 14], 77);
  t.match(device.counters, { received: 10, transmitted: 1, transmitDrops: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(device.receive(device.burst), 0);
});
