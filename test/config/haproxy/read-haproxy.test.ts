import t from 'tap';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { diagnosticText } from '../../../lib/config/diagnostics.ts';
import { readHaproxy } from '../../../lib/config/haproxy/read-haproxy.ts';
import { refusals } from '../../../lib/config/read-configuration.ts';
import type { DesiredConfiguration } from '../../../lib/model/desired-configuration.ts';
import { recordedFiles, recordedText, startTable } from '../recorded.ts';

const files = recordedFiles('haproxy');
const VIP = '192.0.2.10';
const read = (text: string, vip: string | null = VIP): DesiredConfiguration => readHaproxy('x.cfg', memoryHost({ 'x.cfg': text }), vip);

for (const row of recordedText('haproxy/RESULTS.tsv').trim().split('\n').slice(1)) {
  const [name, command = '', exit] = row.split('\t');
  t.test(`${name} is ${exit === '0' ? 'taken' : 'refused'} as haproxy -c does`, async (t) => {
    const configuration = readHaproxy([...command.matchAll(/-f (\S+)/g)].map(([, path]) => path!), memoryHost(files), VIP);
    t.equal(refusals(configuration, false).length > 0, exit !== '0', configuration.diagnostics.map(diagnosticText).join('\n'));
  });
}

t.test('a server that does not resolve is left out and named', async (t) => {
  const { diagnostics } = readHaproxy('hari-mysql.cfg', memoryHost(files), VIP);
  t.match(diagnostics.filter(({ message }) => message.includes('could not resolve')).map(({ line }) => line), [36, 37, 38].map((line) => line - 0));
});

t.test('listen sections, port offsets and ranges', async (t) => {
  t.same(startTable(readHaproxy('up-test-map-ports.cfg', memoryHost(files), VIP)).filter((line) => line.startsWith('-a')), [
    '-a -t 192.0.2.10:8001 -r 1.1.1.1:8001 -m -w 1', '-a -t 192.0.2.10:8002 -r 1.1.1.2:8002 -m -w 1', '-a -t 192.0.2.10:8003 -r 1.1.1.3:9003 -m -w 1', '-a -t 192.0.2.10:8004 -r 1.1.1.4:7004 -m -w 1',
  ]);
  t.same(startTable(read('listen a\n bind 192.0.2.1:80-81\n balance leastconn\n server s 10.0.0.1 weight 7\n')), [
    '-A -t 192.0.2.1:80 -s wlc', '-a -t 192.0.2.1:80 -r 10.0.0.1:0 -m -w 7', '-A -t 192.0.2.1:81 -s wlc', '-a -t 192.0.2.1:81 -r 10.0.0.1:0 -m -w 7',
  ]);
});

t.test('what a forwarder cannot do is named with its line', async (t) => {
  const text = [
    'frontend f', ' bind :80', ' bind 192.0.2.1:443 ssl crt a.pem', ' acl x src 10.0.0.0/8', ' use_backend c if x', ' default_backend b', 'backend b', ' balance uri', ' tcp-request content reject', ' server s 10.0.0.1:80 send-proxy check',
    ' server t 10.0.0.2:80 backup', ' server u 10.0.0.3:80 backup', 'frontend h', ' mode http', ' bind 192.0.2.2:80', ' default_backend b',
  ].join('\n');
  const { diagnostics, services } = readHaproxy('x', memoryHost({ x: text, 'a.pem': '' }), null);
  t.same(diagnostics.filter(({ severity }) => severity === 'warning').map(({ line }) => line).sort((a, b) => a - b), [2, 3, 4, 5, 8, 9, 10, 12, 13]);
  t.equal(services.length, 1);
  t.match(services[0]!.policy.sorryServer, { destination: { address: '10.0.0.2' } });
});

t.test('check options, rise, fall and times', async (t) => {
  const { services: [service] } = read('defaults\n timeout connect 4s\n timeout check 2s\n default-server inter 3s fall 5\nlisten a\n bind :80\n option httpchk GET /ok\n server s 10.0.0.1:80 check rise 4 fastinter 500\n');
  t.match(service!.destinations[0]!.checks, [{ timing: { intervalSec: 3, timeoutSec: 5, retries: 4, rise: 4, delayBeforeRetrySec: 0.5 }, check: { kind: 'http', urls: [{ path: '/ok' }], method: 'GET' } }]);
});

t.test('stick tables of client addresses are persistence', async (t) => t.match(read('listen a\n bind :80\n stick-table type ip size 1m expire 10m\n stick on src\n server s 10.0.0.1:80\n').services, [{ service: { persistenceSec: 600 } }]));

t.test('words HAProxy does not know refuse the file and name the nearest', async (t) => t.match(read('listen a\n bind :80\n ballance source\n server s 10.0.0.1:80 wieght 3\n').diagnostics.filter(({ severity }) => severity === 'error'), [{ line: 3, suggestion: 'balance' }, { line: 4, suggestion: 'weight' }]));

interface Asked { readonly name: string; readonly text: string; readonly exit: number; readonly lines?: readonly number[] }

t.test('files made to be difficult are taken or refused as HAProxy 2.6 does, at one of its lines', async (t) => {
  const environment: Readonly<Record<string, string>> = { RIP: '10.0.0.1', W: '7', OPTS: 'weight 3 check' };
  for (const { name, text, exit, lines } of JSON.parse(recordedText('haproxy/asked.json')) as Asked[]) {
    const host = memoryHost({ x: text }, { environment: (one) => environment[one] ?? null, addressOf: (one, family) => (one === 'localhost' ? (family === 4 ? '127.0.0.1' : '::1') : null) });
    const refused = refusals(readHaproxy('x', host, VIP), false);
    t.equal(refused.length > 0, exit !== 0, name);
    if (lines !== undefined) t.ok(refused.some(({ line }) => lines.includes(line)), `${name}: lines ${lines.join(', ')}`);
  }
});

t.test('environment variables stand in double quotes, and conditions choose lines', async (t) => {
  const host = memoryHost({ x: 'global\n setenv NET 10.0.0\nlisten a\n bind "192.0.2.1:${PORT-80}"\n.if defined(NET) && version_atleast(2.4)\n server s "${NET}.1:80" weight 3\n.elif 1\n server s 10.9.9.9:80\n.else\n nonsense\n.endif\n server t \'10.0.0.2\':80 "${MORE[*]}"\n' }, { environment: (name) => (name === 'MORE' ? 'weight 5 backup' : null) });
  const { diagnostics, services } = readHaproxy('x', host, null);
  t.same(diagnostics.filter(({ severity }) => severity !== 'note'), []);
  t.match(services, [{ destinations: [{ destination: { address: '10.0.0.1', weight: 3 } }], policy: { sorryServer: { destination: { address: '10.0.0.2' } } } }]);
});

t.test('a server-template is one server for each address its name has here', async (t) => {
  const { services, diagnostics } = readHaproxy('x', memoryHost({ x: 'listen a\n bind :80\n server-template w 3 app.example:8080 check weight 4\n' }, { addressOf: () => '10.0.0.7' }), VIP);
  t.match(services[0]!.destinations, [{ destination: { address: '10.0.0.7', port: 8080, weight: 4 }, checks: [{ check: { kind: 'tcp' } }] }]);
  t.match(diagnostics, [{ severity: 'note', line: 3 }]);
});

t.test('check rules: negated and literal expectations, ports and encryption of connect, what is more than one exchange is named', async (t) => {
  const check = (rules: string): { readonly checks: readonly unknown[]; readonly lines: readonly number[] } => {
    const { services, diagnostics } = read(`listen a\n bind :80\n${rules} server s 10.0.0.1:80 check\n`);
    return { checks: services[0]!.destinations[0]!.checks, lines: diagnostics.filter(({ severity }) => severity === 'warning').map(({ line }) => line) };
  };
  t.match(check(' option tcp-check\n tcp-check connect port 81 ssl\n tcp-check send PING\\r\\n\n tcp-check expect comment "x y" ! string +a.b\n tcp-check send QUIT\n'), {
    checks: [{ target: { port: 81 }, check: { send: 'PING\r\n', expect: '^(?![\\s\\S]*(?:\\+a\\.b))', match: 'regex', tls: true } }], lines: [7],
  });
  t.match(check(' option tcp-check\n tcp-check send-binary 50494e47\n tcp-check expect binary 2b50\n').checks, [{ check: { send: 'PING', expect: '\\+P' } }]);
  t.match(check(' option httpchk\n http-check connect port 8080\n http-check send meth GET uri /z ver HTTP/1.1 hdr Host w.example\n http-check expect ! rstatus ^[45]\n').checks, [
    { target: { port: 8080 }, check: { method: 'GET', version: '1.1', urls: [{ path: '/z', virtualHost: 'w.example', statusCodes: [[100, 399]] }] } },
  ]);
  t.match(check(' option httpchk GET /p HTTP/1.1\\r\\nHost:\\ old.example\n http-check expect !string a+b\n').checks, [{ check: { urls: [{ path: '/p', virtualHost: 'old.example', regex: 'a\\+b', regexNegate: true }] } }]);
});
