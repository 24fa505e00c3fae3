import t from 'tap';
import { explanationText, questionOf, type ExplainArgs } from '../../../cli/tsipvs/explain.ts';
import { FakeDaemon } from './fake-daemon.ts';

const daemon = new FakeDaemon();
const question = (args: Partial<ExplainArgs>): ReturnType<typeof questionOf> => questionOf(daemon, { client: '203.0.113.7:40001', ...args });

t.test('the service may be spelt as tsipvs does or as tsipvsadm does; its protocol need not be said', async (t) => {
  const expected = { protocol: 'tcp', client: '203.0.113.7', clientPort: 40001, virtual: '192.0.2.10', virtualPort: 80 };
  for (const args of [{ service: '192.0.2.10:80' }, { service: 'tcp:192.0.2.10:80' }, { tcpService: '192.0.2.10:80' }]) t.same(await question(args), expected);
  t.same(await question({ udpService: '[2001:db8::10]:53', client: '2001:db8:ff::7' }), { protocol: 'udp', client: '2001:db8:ff::7', clientPort: 40000, virtual: '2001:db8::10', virtualPort: 53 });
  t.match(await question({ service: '192.0.2.10:80', interface: 'cl0', callId: 'a@b' }), { interface: 'cl0', callId: 'a@b' });
});

t.test('a mark says what is asked for by its rule, or --to does', async (t) => {
  daemon.marks = [{ mark: 7, destination: '192.0.2.20/32', protocol: 17, destinationPorts: [53, 53] }, { mark: 8, source: '198.18.0.0/15' }];
  t.match(await question({ fwmarkService: '7' }), { protocol: 'udp', virtual: '192.0.2.20', virtualPort: 53, mark: 7 });
  t.match(await question({ service: 'fwmark:8', to: '192.0.2.21:443' }), { protocol: 'tcp', virtual: '192.0.2.21', virtualPort: 443, mark: 8 });
  await t.rejects(question({ fwmarkService: '8' }), { message: 'mark 8 does not say what the client asks for: say it with --to ADDRESS:PORT' });
});

t.test('what is missing or too much is said in one line', async (t) => {
  await t.rejects(question({}), { message: 'name one service: --service, -t, -u or -f' });
  await t.rejects(question({ service: '192.0.2.10:80', udpService: '192.0.2.10:80' }), { message: /name one service/ });
  await t.rejects(question({ service: 'tcp:192.0.2.10:0' }), { message: 'the service takes every port: say which one with --to 192.0.2.10:PORT' });
  await t.rejects(question({ service: 'tcp:192.0.2.10:0', to: '192.0.2.10' }), { message: '--to 192.0.2.10 lacks a port: ADDRESS:PORT' });
  await t.rejects(question({ service: '192.0.2.10:80', client: 'web1' }), { message: /web1 is not ADDRESS/ });
});

t.test('as text it is the trace of such a packet, and the end of it', async (t) => {
  const { explanation } = daemon;
  t.equal(explanationText(explanation), [
    'TCP 203.0.113.7:40001 > 192.0.2.10:80 from cl0', '    service   virtual service tcp 192.0.2.10 80, rr', '    schedule  rr picks 10.1.0.1:80', '    => 10.1.0.1:80, by the scheduler', '',
  ].join('\n'));
  const end = (change: object): string => explanationText({ ...explanation, ...change }).split('=> ')[1]!;
  t.equal(end({ destination: null, decidedBy: 'nobody', record: { ...explanation.record, verdict: 'drop', reason: 'noDestination' } }), 'would be dropped (noDestination)\n');
  t.equal(end({ destination: null, decidedBy: 'nobody', record: { ...explanation.record, verdict: 'pass', reason: '' } }), 'not for the director: the host\'s own stack takes it\n');
  t.equal(end({ destination: { address: '2001:db8:1::1', port: 80 }, decidedBy: 'template' }), '[2001:db8:1::1]:80, by a persistence template\n');
});
