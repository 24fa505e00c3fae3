import t from 'tap';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { nannyCommands, readPiranha } from '../../../lib/config/piranha/read-piranha.ts';
import { recordedFiles } from '../recorded.ts';

for (const [name, text] of Object.entries(recordedFiles('piranha'))) {
  t.test(`${name} is read without a mistake`, async (t) => {
    const { services, diagnostics } = readPiranha(name, memoryHost({ [name]: text }));
    t.same(diagnostics.filter(({ severity }) => severity !== 'note'), []);
    t.ok(services.length > 0);
    t.ok(services.every(({ destinations }) => destinations.length > 0));
  });
}

t.test('the nannies of the sample', async (t) => {
  t.same(nannyCommands('sample.cf', memoryHost({ 'sample.cf': recordedFiles('piranha')['sample.cf']! }))[0], [
    '/usr/sbin/nanny', '-c', '-h', '192.168.10.2', '-p', '80', '-s', 'GET / HTTP/1.0\\r\\n\\r\\n', '-x', 'HTTP', '-a', '10', '-I', '/sbin/ipvsadm', '-t', '5', '-w', '1', '-f', '100', '-M', 'm', '-U', 'rsh', '--lvs',
  ]);
});

t.test('probes are nanny\'s: slow start, re-entry, method of the whole file', async (t) => {
  const text = 'network = direct\nvirtual v {\n active = 1\n address = 10.0.0.1 eth0:1\n port = 80\n quiesce_server = 1\n sorry_server = 127.0.0.1\n server a {\n  address = 10.1.0.1\n  active = 1\n  weight = 32\n }\n server b {\n  address = 10.1.0.2\n  active = 0\n }\n}\n';
  const { services: [service] } = readPiranha('x', memoryHost({ x: text }));
  t.match(service, {
    service: { scheduler: 'wlc' }, policy: { onFailure: 'quiesce', sorryServer: { destination: { address: '127.0.0.1', method: 'route' } } },
    destinations: [
      { destination: { method: 'route', weight: 32, port: 80 }, slowStart: true, disabled: false, startsUp: false, checks: [{ timing: { intervalSec: 10, reentrySec: 180, retries: 0 }, check: { kind: 'send-expect', send: 'GET / HTTP/1.0\r\n\r\n', expect: 'HTTP' } }] },
      { disabled: true },
    ],
  });
});

t.test('unknown words and bad values are mistakes with their line', async (t) => {
  const { diagnostics } = readPiranha('x', memoryHost({ x: 'heartbeet = 1\nvirtual v {\n active = 2\n address = nowhere\n server a {\n  wait = 1\n }\n' }));
  t.match(diagnostics.map(({ line, severity, suggestion }) => [line, severity, suggestion]).filter(([, severity]) => severity === 'error'), [[1, 'error', 'heartbeat'], [2, 'error'], [3, 'error'], [4, 'error'], [6, 'error']]);
});

t.test('braces on the next line, several statements on a line, tabs, carriage returns, names and strings in quotes', async (t) => {
  const text = 'network=tunnel\r\nvirtual "a b"\r\n{\r\n\tactive = 1\taddress = 10.0.0.1 eth0:1\r\n send = "GET /\\"}\\r\\n"\r\n server s { address = 10.1.0.1\r\n active=1 weight = 3 }}\r\n';
  const { services, diagnostics } = readPiranha('x', memoryHost({ x: text }));
  t.same(diagnostics, []);
  t.match(services, [{ name: 'a b', ids: [{ address: '10.0.0.1', port: 80 }], destinations: [{ destination: { address: '10.1.0.1', method: 'tunnel', weight: 3 }, disabled: false }] }]);
});

t.test('what is missing is named once, with its line, and the rest is read', async (t) => {
  const text = 'virtual {\n active = 1\n address = 10.0.0.1\n expect = "HTTP\n server s {\n  address 10.1.0.1\n  port =\n  weight = x\n }\n server t {\n  address = 10.1.0.2\n }\n}\nserver z {\n}\n}\nserver y\n';
  const { services, diagnostics } = readPiranha('x', memoryHost({ x: text }));
  t.same(diagnostics.filter(({ severity }) => severity === 'error').map(({ line }) => line), [1, 4, 5, 6, 7, 8, 14, 16, 17, 17]);
  t.equal(services[0]!.destinations.length, 1);
});
