import fc from 'fast-check';
import t from 'tap';
import { formatRules, parseRules, type RuledService, ruleWords } from '../../lib/config/rules.ts';
import type { Destination, Tunnel } from '../../lib/model/destination.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';

t.test('a rules file becomes commands; comments, blank lines and the program\'s name are skipped', async (t) => {
  const commands = await parseRules('# a comment\n\n-A -t 192.0.2.10:80 -s wrr -p 600 -M 255.255.255.0\r\nipvsadm -a -t 192.0.2.10:80 -r 10.1.0.1:8080 -m -w 3\n  --set 1 2 3\n-C');
  t.match(commands, [
    { op: 'addService', service: { id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, scheduler: 'wrr', persistenceSec: 600, persistenceMask: '255.255.255.0' } },
    { op: 'addDestination', destination: { address: '10.1.0.1', port: 8080, method: 'masq', weight: 3 } },
    { op: 'timeouts', timeouts: { tcp: 1, tcpFin: 2, udp: 3 } },
    { op: 'flush' },
  ]);
});

t.test('a malformed line is refused by its number and what is wrong', async (t) => {
  const cases: [string, string][] = [
    ['-A -t 192.0.2.10:80\n-A -t 192.0.2.300:80\n', 'rules line 2: illegal virtual server address[:port] specified'],
    ['-A -t 192.0.2.10:80 -q', 'rules line 1: -q: unknown option'],
    ['\n\nadd 192.0.2.10', 'rules line 3: add is not a command'],
    ['-A', 'rules line 1: You need to supply the \'service-address\' option for the \'add-service\' command'],
    ['-A -t www.example.test:80', 'rules line 1: illegal virtual server address[:port] specified'],
    ['-L -n', 'rules line 1: -L changes nothing and has no place in a rules file'],
    ['-h', 'rules line 1: -h changes nothing and has no place in a rules file'],
    ['-A -6 -f 1', 'rules line 1: -6 used before -f'],
  ];
  for (const [text, message] of cases) await t.rejects(parseRules(text), { code: 'BadRequest', message });
});

t.test('blanks separate words and nothing quotes', async (t) => {
  t.same(ruleWords(' -A\t-t  "a b" \r'), ['-A', '-t', '"a', 'b"']);
  t.same(ruleWords('ipvsadm ipvsadm -L'), ['-L']);
  t.same(ruleWords('/sbin/ipvsadm -L'), ['/sbin/ipvsadm', '-L']);
});

// --- there and back

const ipv4 = fc.ipV4();
const ipv6 = fc.nat(0xffff).map((n) => (n === 0 ? '2001:db8::1' : `2001:db8::${n.toString(16)}`));
const port = fc.integer({ min: 1, max: 65535 });
const idArbitrary: fc.Arbitrary<ServiceId> = fc.oneof(
  fc.record({ kind: fc.constant('address' as const), protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), address: fc.oneof(ipv4, ipv6), port }),
  fc.record({ kind: fc.constant('fwmark' as const), fwmark: fc.integer({ min: 1, max: 0xffffffff }), family: fc.constantFrom(4 as const, 6 as const) }),
);
const tunnel: fc.Arbitrary<Tunnel> = fc.oneof(
  fc.constant<Tunnel>({ type: 'ipip', port: 0, checksum: 'none' }),
  fc.record({ type: fc.constant('gue' as const), port, checksum: fc.constantFrom('none' as const, 'csum' as const, 'remcsum' as const) }),
  fc.record({ type: fc.constant('gre' as const), port: fc.constant(0), checksum: fc.constantFrom('none' as const, 'csum' as const) }),
);

/** What the command line can say, so that there is something to come back to. */
const ruled: fc.Arbitrary<RuledService> = idArbitrary.chain((id) => {
  const six = id.kind === 'fwmark' ? id.family === 6 : id.address.includes(':');
  const fixedPort = id.kind === 'address' ? fc.constant(id.port) : port;
  const thresholds = fc.tuple(fc.nat(0x7fffffff), fc.nat(0x7fffffff)).map(([a, b]) => ({ upperThreshold: Math.max(a, b), lowerThreshold: Math.min(a, b) }));
  const destination: fc.Arbitrary<Destination> = fc.oneof(
    fc.record({ address: six ? ipv6 : ipv4, port, method: fc.constant('masq' as const), weight: fc.nat(0x7fffffff), thresholds }),
    fc.record({ address: six ? ipv6 : ipv4, port: fixedPort, method: fc.constant('route' as const), weight: fc.nat(9), thresholds }),
    fc.record({ address: fc.oneof(ipv4, ipv6), port: fixedPort, method: fc.constant('tunnel' as const), weight: fc.nat(9), thresholds, tunnel }),
  ).map(({ thresholds: limits, ...rest }) => ({ tunnel: { type: 'ipip', port: 0, checksum: 'none' }, ...rest, ...limits }) as Destination);
  const udp = id.kind === 'fwmark' || id.protocol === 'udp';
  const service: fc.Arbitrary<VirtualService> = fc.record({
    id: fc.constant(id), scheduler: fc.constantFrom('rr', 'sh', 'mh', 'twos', 'none'), flags: fc.nat(7), persistenceSec: fc.constantFrom(0, 1, 360, 2678400),
    persistenceMask: six ? fc.integer({ min: 1, max: 128 }).map(String) : ipv4, persistenceEngine: fc.constantFrom(null, 'sip'), onePacket: udp ? fc.boolean() : fc.constant(false),
  }).map(({ flags, ...rest }) => ({
    ...rest,
    // sh and mh name two flags, and a mask means something only with persistence.
    schedFlags: ['sh', 'mh'].includes(rest.scheduler) ? flags & 3 : flags,
    persistenceMask: rest.persistenceSec > 0 ? rest.persistenceMask : six ? '128' : '255.255.255.255',
  }));
  return fc.record({ service, destinations: fc.array(destination, { maxLength: 4 }) });
});

t.test('what formatRules writes, parseRules reads back, oldest destination first', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(ruled, { maxLength: 4 }), async (services) => {
    const wanted = services.flatMap(({ service, destinations }) => [
      { op: 'addService', service }, ...destinations.toReversed().map((destination) => ({ op: 'addDestination', id: service.id, destination })),
    ]);
    const got = await parseRules(formatRules(services));
    if (JSON.stringify(sortedKeys(got)) !== JSON.stringify(sortedKeys(wanted))) throw new Error(`${formatRules(services)}\n${JSON.stringify(got)}\n${JSON.stringify(wanted)}`);
  }));
  t.pass();
});

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sortedKeys(inner)]));
}
