import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Namespaces, nextLine, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const holder = fileURLToPath(new URL('./guard-holder.js', import.meta.url));
const VIP = '192.0.2.10';

/** client 10.1.0.2 -- l0 director l1 -- 10.2.0.2 server */
class Topology {
  readonly net = new Namespaces();
  readonly client = this.net.add('c');
  readonly director = this.net.add('m');
  readonly server = this.net.add('s');

  constructor(vipOnHost: boolean, ipForward: boolean) {
    const { net } = this;
    net.link(this.client, 'c0', this.director, 'l0');
    net.link(this.director, 'l1', this.server, 's0');
    net.ip(this.client, 'addr add 10.1.0.2/24 dev c0');
    net.ip(this.director, 'addr add 10.1.0.1/24 dev l0');
    net.ip(this.director, 'addr add 10.2.0.1/24 dev l1');
    net.ip(this.server, 'addr add 10.2.0.2/24 dev s0');
    net.ip(this.client, 'route add default via 10.1.0.1');
    net.ip(this.server, 'route add default via 10.2.0.1');
    if (vipOnHost) net.ip(this.director, `addr add ${VIP}/32 dev lo`);
    net.run(this.director, 'sh', '-c', `echo ${ipForward ? 1 : 0} > /proc/sys/net/ipv4/ip_forward`);
  }

  /** How a TCP connection attempt from the client ends. */
  connect(address: string, port: number): string {
    return this.node(this.client, `const s=require('net').connect(${port},'${address}');const done=(x)=>{console.log(x);process.exit()};
      s.on('connect',()=>done('connected')).on('error',(e)=>done(e.code));setTimeout(()=>done('silence'),400)`);
  }

  sendUdp(ns: string, from: number, address: string, port: number): void {
    this.node(ns, `const s=require('dgram').createSocket('udp4');s.bind(${from},()=>s.send('from ${from}',${port},'${address}',()=>s.close()))`);
  }

  /** A listener that prints what arrives. */
  async listenUdp(ns: string, port: number): Promise<{ next(): Promise<string> }> {
    const child = this.net.start(ns, process.execPath, '-e', `require('dgram').createSocket('udp4').on('message',(m)=>console.log(String(m))).bind(${port},()=>console.log('up'))`);
    await nextLine(child);
    return { next: () => nextLine(child) };
  }

  async listenTcp(ns: string, port: number): Promise<void> {
    await nextLine(this.net.start(ns, process.execPath, '-e', `require('net').createServer((c)=>c.end()).listen(${port},()=>console.log('up'))`));
  }

  /** What the director's own stack has answered. */
  answers(): { resets: number; unreachables: number } {
    const text = this.net.run(this.director, 'nstat', '-asz', 'TcpOutRsts', 'IcmpOutDestUnreachs');
    const value = (name: string): number => Number(new RegExp(`${name}\\s+(\\d+)`).exec(text)![1]);
    return { resets: value('TcpOutRsts'), unreachables: value('IcmpOutDestUnreachs') };
  }

  node(ns: string, script: string): string {
    return this.net.run(ns, process.execPath, '-e', script).trim();
  }
}

for (const kind of ['ebpf', 'nft'] as const) {
  for (const vipOnHost of [true, false]) {
    for (const ipForward of [true, false]) {
      const title = `${kind} guard, VIP ${vipOnHost ? 'on' : 'not on'} the host, ip_forward ${ipForward ? 1 : 0}: the host is silent about what is ours and undisturbed in all else`;
      t.test(title, SLOW, async (t) => {
        const lab = new Topology(vipOnHost, ipForward);
        t.teardown(() => lab.net.close());
        const guard = lab.net.start(lab.director, process.execPath, holder, kind);
        t.match(await nextLine(guard), kind === 'ebpf' ? /eBPF/ : /nftables/);

        lab.sendUdp(lab.client, 4001, VIP, 53);
        t.equal(lab.connect(VIP, 80), 'silence');
        t.same(lab.answers(), { resets: 0, unreachables: 0 });

        await lab.listenTcp(lab.director, 2222);
        t.equal(lab.connect('10.1.0.1', 2222), 'connected', 'the director itself is reachable');
        const probes = await lab.listenUdp(lab.director, 5000);
        lab.sendUdp(lab.server, 8053, '10.2.0.1', 5000);
        t.equal(await probes.next(), 'from 8053', 'answers of a real server to the director itself arrive');

        if (ipForward) {
          const inbox = await lab.listenUdp(lab.client, 4000);
          lab.sendUdp(lab.server, 8053, '10.1.0.2', 4000);
          lab.sendUdp(lab.server, 9999, '10.1.0.2', 4000);
          t.equal(await inbox.next(), 'from 9999', 'the un-NATed answer was not forwarded, other traffic of the real server was');
        }

        guard.kill('SIGKILL');
        await once(guard, 'exit');
        if (kind === 'nft') {
          // What a killed process left behind goes when the next one starts, whatever guard that one uses.
          t.match(lab.net.run(lab.director, 'nft', 'list', 'tables'), /tsipvs/);
          const next = lab.net.start(lab.director, process.execPath, holder, 'none');
          t.match(await nextLine(next), /guard: none/);
        }
        t.equal(lab.net.run(lab.director, 'nft', 'list', 'tables').trim(), '');
        if (vipOnHost) t.equal(lab.connect(VIP, 80), 'ECONNREFUSED', 'after kill -9 the host sees its traffic again');
      });
    }
  }
}

t.test('without a guard the host answers for the VIP and forwards the answer as it is (the test above can fail)', SLOW, async (t) => {
  const lab = new Topology(true, true);
  t.teardown(() => lab.net.close());
  t.match(await nextLine(lab.net.start(lab.director, process.execPath, holder, 'none')), /turned off/);
  t.equal(lab.connect(VIP, 80), 'ECONNREFUSED');
  t.same(lab.answers(), { resets: 1, unreachables: 0 });
  const inbox = await lab.listenUdp(lab.client, 4000);
  lab.sendUdp(lab.server, 8053, '10.1.0.2', 4000);
  t.equal(await inbox.next(), 'from 8053');
});
