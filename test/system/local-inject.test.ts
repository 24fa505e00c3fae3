import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Namespaces, nextLine, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const program = fileURLToPath(new URL('./local-node.js', import.meta.url));
const BYTES = 8 * 1024 * 1024;

/** Client sends and receives BYTES over TCP through address:port; what it got back is compared with what it sent. */
const echoClient = (address: string, port: number): string => `const c=require('crypto'),d=c.randomBytes(${BYTES}),h=(b)=>c.createHash('sha256').update(b).digest('hex');
  let got=[],n=0;const s=require('net').connect(${port},'${address}',()=>s.write(d));
  s.on('data',(x)=>{got.push(x);n+=x.length;if(n===d.length){console.log(h(Buffer.concat(got))===h(d)?'same':'different');s.end()}}).on('error',(e)=>console.log(e.code));`;
const echoServer = (port: number): string => `require('net').createServer((c)=>c.pipe(c)).listen(${port},()=>console.log('up'))`;

for (const [what, rpFilter] of [['', 0], [', with strict reverse-path filtering on the host', 1]] as const) {
  t.test(`the local node gets frames through the host's stack, and a NAT local node's answers come back${what}`, SLOW, async (t) => {
    const net = new Namespaces();
    t.teardown(() => net.close());
    const [client, director] = ['c', 'm'].map((name) => net.add(name)) as [string, string];
    net.link(client, 'c0', director, 'l0');
    net.ip(client, 'addr add 10.1.0.2/24 dev c0');
    net.ip(client, 'route add default via 10.1.0.1');
    net.ip(director, 'addr add 10.1.0.1/24 dev l0');
    net.ip(director, 'addr add 192.0.2.10/32 dev lo');
    net.run(director, 'sh', '-c', `echo ${rpFilter} > /proc/sys/net/ipv4/conf/all/rp_filter`);
    const mac = /link\/ether (\S+)/.exec(net.ip(client, 'link show c0'))![1]!;
    const local = net.start(director, process.execPath, program, mac);
    t.equal(await nextLine(local), 'ready');
    for (const port of [80, 9000]) await nextLine(net.start(director, process.execPath, '-e', echoServer(port)));

    t.equal(await nextLine(net.start(client, process.execPath, '-e', echoClient('192.0.2.10', 80))), 'same', 'through the VIP');
    t.equal(await nextLine(net.start(client, process.execPath, '-e', echoClient('10.1.0.1', 9000))), 'same', 'answers of the real server on the host');
    t.match(net.run(director, 'nstat', '-asz', 'TcpInCsumErrors'), /TcpInCsumErrors\s+0/);
    t.match(net.run(client, 'nstat', '-asz', 'TcpInCsumErrors'), /TcpInCsumErrors\s+0/);

    const line = nextLine(local);
    local.kill('SIGTERM');
    const seen = JSON.parse(await line) as { delivered: number; redirected: number; superFramesIn: number; superFramesOut: number };
    t.ok(seen.delivered > 100 && seen.redirected > 50, JSON.stringify(seen));
    t.ok(seen.superFramesIn > 0 && seen.superFramesOut > 0, 'super-frames went both ways');
    await once(local, 'exit');
    t.notMatch(net.ip(director, 'link'), /tsipvs0/, 'the interface is gone with the process');
  });
}
