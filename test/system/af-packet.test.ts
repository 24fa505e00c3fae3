import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Namespaces, nextLine, skipReason } from './device-namespaces.ts';

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

t.test('super-frames and partial checksums pass through the ring as they are, and the receiver gets every byte', { skip: skipReason }, async (t) => {
  const { sent, got, errors, seen } = await download('on', []);
  t.equal(got, sent);
  t.equal(errors, '0');
  t.ok(seen.superFrames > 0, 'super-frames were seen');
  t.ok(seen.partial > 0, 'partial checksums were seen');
  t.ok(seen.largest > 60000, `largest frame ${seen.largest}`);
  t.equal(seen.misaligned, 0);
  t.same(seen.counters.map((c) => [c.transmitDrops, c.receiveDrops]), [[0, 0], [0, 0]]);
});

t.test('where the interface can neither segment nor sum, the kernel does both for us, correctly', { skip: skipReason }, async (t) => {
  const { sent, got, errors, seen } = await download('off', []);
  t.equal(got, sent);
  t.equal(errors, '0');
  t.ok(seen.superFrames > 0, 'super-frames were seen');
});

t.test('frames from memory without an address are copied and arrive whole', { skip: skipReason }, async (t) => {
  const { sent, got, errors } = await download('on', ['copy']);
  t.equal(got, sent);
  t.equal(errors, '0');
});
