import t from 'tap';
import fc from 'fast-check';
import { formatMarkRule, parseMarkRule, parseMarkRules } from '../../lib/config/mark-rules.ts';

const words = (line: string): string[] => line.split(' ');

t.test('a rule in the words of iptables', async (t) => {
  t.same(parseMarkRule(words('-s 203.0.113.0/24 -d 192.0.2.10 -p tcp --dport 8000:8100 -i eth0 --set-mark 7')), {
    family: 4, source: '203.0.113.0/24', destination: '192.0.2.10', protocol: 6, destinationPorts: [8000, 8100], interface: 'eth0', mark: 7,
  });
  t.same(parseMarkRule(words('--destination=2001:db8::/32 --protocol=58 --set-mark=0xffffffff')), { family: 6, destination: '2001:db8::/32', protocol: 58, mark: 4294967295 });
  t.same(parseMarkRule(words('-4 -p udp --sport 53-54 --set-mark 1')), { family: 4, protocol: 17, sourcePorts: [53, 54], mark: 1 });
});

t.test('every rule reads back as it is written', async () => {
  const range = fc.tuple(fc.nat(65535), fc.nat(65535)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
  fc.assert(fc.property(fc.record({
    mark: fc.integer({ min: 1, max: 0xffffffff }), protocol: fc.constantFrom(6, 17, 132), source: fc.constantFrom('10.0.0.0/8', '1.2.3.4'),
    destinationPorts: range, sourcePorts: range, interface: fc.constantFrom('eth0', 'vlan.7'),
  }, { requiredKeys: ['mark', 'protocol'] }), (rule) => {
    const back = parseMarkRule(formatMarkRule(rule).split(' '));
    const { family, ...rest } = back;
    return family === (rule.source === undefined ? undefined : 4) && Object.entries(rule).every(([key, value]) => JSON.stringify(rest[key as keyof typeof rest]) === JSON.stringify(value));
  }));
});

t.test('wrong rules are refused with the word that is wrong', async (t) => {
  for (const [line, message] of [
    ['-d 192.0.2.10', '--set-mark MARK is missing'], ['-d 192.0.2.999 --set-mark 1', '-d 192.0.2.999 is not an address or prefix'],
    ['--set-mark 0', '--set-mark 0 is not a number from 1 to 4294967295'], ['-p tpc --set-mark 1', '-p tpc is not a number from 0 to 255'],
    ['--dport 80 --set-mark 1', 'ports need -p tcp, -p udp or -p sctp'], ['-p tcp --dport 90:80 --set-mark 1', '--dport 90:80 runs backwards'],
    ['-p tcp --dport 70000 --set-mark 1', '--dport 70000 is not a number from 0 to 65535'], ['-6 -s 10.0.0.1 --set-mark 1', '-s 10.0.0.1 is not IPv6, as the rest of the rule is'],
    ['-j MARK --set-mark 1', 'unknown option -j (known: -s -d -p --sport --dport -i --set-mark -4 -6)'], ['--set-mark', '--set-mark needs a MARK'],
  ] as const) t.throws(() => parseMarkRule(words(line)), { code: 'BadRequest', message: `mark rule: ${message}` }, line);
});

t.test('a saved file names its wrong line', async (t) => {
  t.same(parseMarkRules('# web\n\n-d 192.0.2.10 --set-mark 1\n  -d 192.0.2.11   --set-mark 2\n', 'marks').map(({ mark }) => mark), [1, 2]);
  t.throws(() => parseMarkRules('# web\n-d x --set-mark 1\n', 'marks'), { message: 'marks line 2: mark rule: -d x is not an address or prefix' });
});
