import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runTsipvsadm, type TsipvsadmResult } from '../../cli/run-tsipvsadm.ts';
import { filesResolver } from '../../lib/config/ipvsadm/name-resolver.ts';
import type { ApiCaller, ApiMethod, ApiMethods } from '../../lib/control/api/message.ts';
import { Controller } from '../../lib/control/controller.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { NetworkInterface } from '../../lib/model/network-state.ts';
import { ZERO_STATS, type ConnectionRecord } from '../../lib/model/stats.ts';
import { goldenRoot } from '../support/golden-root.ts';
import { RecordingLink } from '../support/recording-link.ts';

const names = filesResolver(readFileSync(join(goldenRoot(), 'env/hosts'), 'utf8'), readFileSync(join(goldenRoot(), 'env/services'), 'utf8'));

/** A director without packets, and a tsipvsadm that talks to it. */
class Director implements ApiCaller {
  readonly link = new RecordingLink();
  readonly table = new ServiceTable();
  readonly calls: ApiMethod[] = [];
  readonly #controller = new Controller({
    table: this.table, link: this.link, info: () => ({ version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], workers: null, connTabSize: 4096, uptimeSec: 0 }),
  });

  call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]> {
    this.calls.push(method);
    return this.#controller.call(method, params);
  }

  run(argv: readonly string[], stdin = ''): Promise<TsipvsadmResult> {
    return runTsipvsadm({ argv, stdin: async () => stdin, names, api: this });
  }

  /** A command line without the program's name, for what must work. */
  async ok(t: Pick<Test, 'same'>, line: string, stdin = ''): Promise<string> {
    const { stdout, stderr, code } = await this.run(['ipvsadm', ...line.split(' ')], stdin);
    t.same([stderr, code], ['', 0], line);
    return stdout;
  }
}

t.test('what was asked of the real ipvsadm besides the recordings: odd spellings, the order of checks, -R, the wrapper scripts', async (t) => {
  interface Step { argv?: string[]; cmd?: string; stdin?: string; stdout: string; stderr: string; code: number }
  const { steps } = JSON.parse(readFileSync(join(goldenRoot(), 'asked/cli/cli-asked.json'), 'utf8')) as { steps: Step[] };
  const director = new Director();
  const device = (name: string, mtu: number, addresses: string[], up = true): Omit<NetworkInterface, 'index'> => ({ ifindex: 0, name, mac: '', mtu, up, addresses, attached: false });
  const useDevices = (...devices: Omit<NetworkInterface, 'index'>[]): void => {
    const interfaces = devices.map((one, index) => ({ ...one, index }));
    director.table.useNetwork({ interfaces, routes: [], neighbours: [], forwarding4: true, forwarding6: true });
  };
  const loopback = device('lo', 65536, ['127.0.0.1/8', '::1/128']);
  useDevices(loopback);
  for (const [index, { argv, stdin, stdout, stderr, code }] of steps.entries()) {
    if (argv === undefined) useDevices(loopback, device('dum0', 9000, ['10.9.0.1/24']), device('dum1', 1400, []), device('dum2', 1500, [], false));
    else t.same(await director.run(argv, stdin), { stdout, stderr, code }, `${index}: ${argv.join(' ')}`);
  }
});

t.test('the examples of the manual page work', async (t) => {
  const director = new Director();
  await director.ok(t, '-A -t 207.175.44.110:80 -s rr');
  for (const n of [1, 2, 3, 4, 5]) await director.ok(t, `-a -t 207.175.44.110:80 -r 192.168.10.${n}:80 -m`);
  await director.ok(t, '-A -f 1 -s rr');
  for (const n of [1, 2]) await director.ok(t, `-a -f 1 -r 192.168.10.${n}:0 -m`);
  await director.ok(t, '-A -t [2001:db8::80]:80 -s rr');
  await director.ok(t, '-a -t [2001:db8::80]:80 -r [2001:db8::a0a0]:80 -m');
  await director.ok(t, '-R', '\n-A -t 207.175.44.111:80 -s rr\n-a -t 207.175.44.111:80 -r 192.168.10.1:80 -i --tun-type gue --tun-port 6080 --tun-csum\n');
  t.equal(director.table.services().length, 4);
});

t.test('ten thousand rules travel in one request and are refused by one line each', async (t) => {
  const director = new Director();
  const rules = ['-A -t 192.0.2.10:80', ...Array.from({ length: 9999 }, (_, n) => `-a -t 192.0.2.10:80 -r 10.${n >> 16}.${(n >> 8) & 255}.${n & 255} -m -w ${n}`)];
  await director.ok(t, '-R', `${rules.join('\n')}\n`);
  t.same(director.calls, ['apply']);
  const { stderr, code } = await director.run(['ipvsadm', '-R'], `${rules.join('\n')}\n`);
  t.equal(code, 255);
  t.equal(stderr, `Service already exists\n${'Destination already exists\n'.repeat(9999)}`);
});

t.test('listings inside -R show what the lines before them did', async (t) => {
  const director = new Director();
  t.equal(await director.ok(t, '-R', '-A -t 192.0.2.10:80\n-S -n\n-D -t 192.0.2.10:80\n-S -n\n-A -f 1\n-S -n'), '-A -t 192.0.2.10:80 -s wlc\n-A -f 1 -s wlc\n');
});

t.test('ipvsadm-restore replaces the table', async (t) => {
  const director = new Director();
  await director.ok(t, '-A -f 9');
  t.match(await director.run(['/usr/sbin/ipvsadm-restore'], '# saved\n-A -f 1\n'), { code: 0, stderr: '' });
  t.equal((await director.run(['tsipvsadm-save', '-n'])).stdout, '-A -f 1 -s wlc\n');
});

t.test('--json gives every listing as the API has it', async (t) => {
  const director = new Director();
  const connection: ConnectionRecord = {
    family: 4, protocol: 6, state: 'ESTABLISHED', expiresSec: 899, client: '203.0.113.7', clientPort: 40001, virtual: '192.0.2.10', virtualPort: 80,
    destination: '10.1.0.1', destinationPort: 80, template: false, method: 'masq', pe: null, peData: null,
  };
  director.link.records = [connection];
  await director.ok(t, '-A -t 192.0.2.10:80 -s rr');
  await director.ok(t, '-a -t 192.0.2.10:80 -r 10.1.0.1 -m');
  t.match(JSON.parse(await director.ok(t, '-L --json')), { services: [{
    service: { id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, scheduler: 'rr' }, run: { stats: ZERO_STATS },
    destinations: [{ destination: { address: '10.1.0.1', port: 80, method: 'masq', weight: 1 }, run: { activeConns: 0, stats: ZERO_STATS } }],
  }] });
  t.same(JSON.parse(await director.ok(t, '-Lc --json')), { connections: [connection] });
  t.same(JSON.parse(await director.ok(t, '-L --timeout --json')), { timeouts: { tcp: 900, tcpFin: 120, udp: 300 } });
  t.same(JSON.parse(await director.ok(t, '-L --daemon --json')), { daemons: [] });
});

t.test('without a daemon: one line that names the socket; as ipvsadm its own two lines follow', async (t) => {
  const api = new LvsError('NotRunning', 'no director is running: no tsipvsd listens at /x (start one with: tsipvsd --socket /x)');
  const run = (name: string, word = '-L'): Promise<TsipvsadmResult> => runTsipvsadm({ argv: [name, word], stdin: async () => '', names, api });
  t.same(await run('tsipvsadm'), { stdout: '', stderr: `${api.message}\n`, code: 2 });
  t.match(await run('tsipvsadm', '--help'), { stdout: /^ipvsadm v1\.31 .*\nUsage:\n  tsipvsadm -A/, stderr: '', code: 0 }, 'help needs no daemon');
  t.equal((await run('ipvsadm', '-h')).code, 2, 'except for ipvsadm');
  const { stderr, code } = await run('ipvsadm');
  t.equal(stderr, `${api.message}\nCan't initialize ipvs: Protocol not available\nAre you sure that IP Virtual Server is built in the kernel or as module?\n`);
  t.equal(code, 2);
});

t.test('a daemon that ends in mid-command is reported, not thrown', async (t) => {
  const api: ApiCaller = { call: () => Promise.reject(new LvsError('NotRunning', 'tsipvsd at /x closed the connection')) };
  t.same(await runTsipvsadm({ argv: ['ipvsadm', '-C'], stdin: async () => '', names, api }), { stdout: '', stderr: 'tsipvsd at /x closed the connection\n', code: 2 });
});

t.test('a refusal that the kernel has no words for speaks for itself', async (t) => {
  const director = new Director();
  director.table.useNetwork({ interfaces: [], routes: [], neighbours: [], forwarding4: true, forwarding6: true });
  await director.ok(t, '-A -t 192.0.2.10:80');
  const { stderr, code } = await director.run(['ipvsadm', '-a', '-t', '192.0.2.10:80', '-r', '192.0.2.10:8080', '-m']);
  t.match(stderr, /^192\.0\.2\.10 is the virtual service itself and no address of this host: .*\n$/);
  t.equal(code, 255);
});
