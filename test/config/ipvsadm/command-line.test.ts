import fc from 'fast-check';
import t from 'tap';
import { parseCommandLine } from '../../../lib/config/ipvsadm/command-line.ts';
import { filesResolver } from '../../../lib/config/ipvsadm/name-resolver.ts';
import { UsageError } from '../../../lib/config/ipvsadm/usage-error.ts';

const names = filesResolver('192.0.2.10 www\n10.1.0.1 rs1\n', 'http 80/tcp\ndomain 53/udp\n');
const parse = (line: string): Promise<unknown> => parseCommandLine(line.split(' '), 'ipvsadm', names);

async function refused(line: string): Promise<{ message: string; status: number; endsRun: boolean }> {
  try {
    await parse(line);
  } catch (error) {
    if (error instanceof UsageError) return { message: error.message, status: error.exitStatus, endsRun: error.endsRun };
    throw error;
  }
  return { message: 'accepted', status: 0, endsRun: false };
}

t.test('a service with every option', async (t) => {
  t.same(await parse('-A -u www:domain -s sh -b sh-port,sh-fallback -p 600 -M 255.255.0.0 --pe sip -o'), {
    kind: 'command', command: { op: 'addService', service: {
      id: { kind: 'address', protocol: 'udp', address: '192.0.2.10', port: 53 }, scheduler: 'sh', schedFlags: 3, persistenceSec: 600, persistenceMask: '255.255.0.0', persistenceEngine: 'sip', onePacket: true,
    } },
  });
});

t.test('a server with every option', async (t) => {
  t.same(await parse('-a -t [2001:db8::10]:80 -r rs1:8080 -i --tun-type gue --tun-port 6080 --tun-remcsum -w 7 -x 9 -y 3'), {
    kind: 'command', command: { op: 'addDestination', id: { kind: 'address', protocol: 'tcp', address: '2001:db8::10', port: 80 }, destination: {
      address: '10.1.0.1', port: 80, method: 'tunnel', tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' }, weight: 7, upperThreshold: 9, lowerThreshold: 3,
    } },
  });
});

t.test('defaults: wlc, direct routing, weight 1, persistence 360 s, whole addresses', async (t) => {
  t.match(await parse('-A -f 4294967295 -p'), { command: { service: { id: { fwmark: 4294967295, family: 4 }, scheduler: 'wlc', persistenceSec: 360, persistenceMask: '255.255.255.255', persistenceEngine: null } } });
  t.match(await parse('-A -f 1 -6'), { command: { service: { id: { family: 6 }, persistenceMask: '128' } } });
  t.match(await parse('-a -f 1 -r 10.1.0.1'), { command: { destination: { port: 0, method: 'route', weight: 1, tunnel: { type: 'ipip' } } } });
});

t.test('the server\'s port is the service\'s, except with masquerading', async (t) => {
  t.match(await parse('-a -t www:http -r rs1:8080 -g'), { command: { destination: { port: 80 } } });
  t.match(await parse('-a -t www:http -r rs1:8080 -m'), { command: { destination: { port: 8080 } } });
  t.match(await parse('-a -t www:http -r rs1 -m'), { command: { destination: { port: 80 } } });
  t.match(await parse('-a -r 10.1.0.1 -m -t www:http'), { command: { destination: { port: 0 } } }, '-r before -t does not know the port yet');
  t.match(await parse('-d -t www:http -r rs1:8080'), { command: { op: 'deleteDestination', port: 8080 } });
});

t.test('which mistake is reported first', async (t) => {
  const cases: [string, string, number][] = [
    ['-A -t www:http -n -w x', 'illegal weight specified', 2],
    ['-A -t www:http -n extra', 'unexpected argument extra', 2],
    ['-A extra -b sh-port', 'unexpected argument extra', 2],
    ['-A -b sh-port', 'incompatible scheduler flag `sh-port\'', 2],
    ['-A -n -w 5', 'Illegal \'numeric\' option with the \'add-service\' command', 2],
    ['-A -w 5', 'You need to supply the \'service-address\' option for the \'add-service\' command', 2],
    ['-A -t www:0 -o', 'Zero port specified for non-persistent service', 2],
    ['-a -t www:http -r [2001:db8::1]:80 -m --tun-type gre', 'Different address family is allowed only for tunneling servers', 2],
    ['-a -t www:http -r rs1 -m --tun-type gue', 'Tunnel options conflict with forward method', 2],
    ['-a -t www:http -r rs1 -i --tun-type gue --tun-csum --tun-nocsum', 'You need to supply the \'tun-port\' option for the \'gue\' tunnel type', 2],
    ['-L -c --timeout --stats', 'The option \'timeout\' conflicts with the \'connection\' option in the \'list\' command', 2],
    ['--set abc 1', '--set option requires 3 timeout values', 2],
    ['--start-daemon master --stop-daemon master', 'invalid option `master\'', 2],
    ['-A -t www:http -q', '-q: unknown option', 255],
    ['-q', 'Try `ipvsadm -h\' or \'ipvsadm --help\' for more information.', 255],
    ['-n -L', 'Try `ipvsadm -h\' or \'ipvsadm --help\' for more information.', 255],
  ];
  for (const [line, message, status] of cases) t.match(await refused(line), { message, status }, line);
});

t.test('inside -R an unknown option fails its line only, wrong usage ends the run', async (t) => {
  t.equal((await refused('-A -t www:http -q')).endsRun, false);
  t.equal((await refused('-A -t www:http -n')).endsRun, true);
  t.equal((await refused('-q')).endsRun, true);
});

t.test('every listing takes --json, nothing else does', async (t) => {
  for (const line of ['-L --json', '-L -c --json', '-L --timeout --json', '-L --daemon --json', '-Ln --stats --json -t www:http']) t.match(await parse(line), { kind: 'list' });
  t.equal((await refused('-S --json')).message, 'Illegal \'json\' option with the \'save\' command');
  t.equal((await refused('-A -t www:http --json')).message, 'Illegal \'json\' option with the \'add-service\' command');
});

t.test('no line of words makes it fail otherwise than with a usage error', async (t) => {
  const words = ['-A', '-E', '-D', '-a', '-e', '-d', '-L', '-S', '-Z', '-C', '-R', '--set', '--start-daemon', 'master', '--stop-daemon', '-t', '-u', '-f', '-6', '-r', '-s', '-p', '-M', '-b', '-o', '-m', '-i', '-g', '-w',
    '-x', '-y', '-n', '-c', '--stats', '--tun-type', 'gue', '--tun-port', '--pe', '--syncid', '--mcast-group', '192.0.2.10:80', '[2001:db8::1]:80', '[::1', 'www:http', '1', '0', '-1', '', '-', '--', '--x=', '224.0.0.1', 'rr', '\0', 'ü:80'];
  const line = fc.tuple(fc.constantFrom(...words.slice(0, 13)), fc.array(fc.oneof({ arbitrary: fc.constantFrom(...words), weight: 20 }, { arbitrary: fc.string(), weight: 1 }), { maxLength: 10 }));
  await fc.assert(fc.asyncProperty(line, async ([first, rest]) => {
    try {
      await parseCommandLine([first, ...rest], 'ipvsadm', names);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }), { numRuns: 2000 });
  t.pass();
});
