import t from 'tap';
import { filesResolver, NUMBERS_ONLY } from '../../../lib/config/ipvsadm/name-resolver.ts';
import { systemResolver } from '../../../lib/config/ipvsadm/system-resolver.ts';

const names = filesResolver(
  '# hosts\n127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\n192.0.2.10 www.example.test www # the site\n\n2001:db8::10 www6\n192.0.2.11 www\n',
  'http 80/tcp www # comment\nhttp-alt 8080/tcp\nshell 514/tcp cmd\nsyslog 514/udp\n# nothing 1/tcp\nalias 80/tcp\n',
);

t.test('names resolve to IPv4 only, without regard to case, the first line first', async (t) => {
  t.equal(await names.addressOf('WWW'), '192.0.2.10');
  t.equal(await names.addressOf('localhost'), '127.0.0.1');
  t.equal(await names.addressOf('ip6-localhost'), '127.0.0.1', '::1 answers as 127.0.0.1');
  t.equal(await names.addressOf('www6'), null);
  t.equal(await names.addressOf('site'), null);
});

t.test('addresses of both families have their first name', async (t) => {
  t.equal(await names.hostOf('192.0.2.10'), 'www.example.test');
  t.equal(await names.hostOf('2001:db8::10'), 'www6');
  t.equal(await names.hostOf('192.0.2.12'), null);
});

t.test('ports have names by protocol', async (t) => {
  t.equal(names.portOf('www', 'tcp'), 80);
  t.equal(names.portOf('http', 'udp'), null);
  t.equal(names.portOf('HTTP', 'tcp'), null, 'service names have case');
  t.equal(names.serviceOf(514, 'tcp'), 'shell');
  t.equal(names.serviceOf(514, 'udp'), 'syslog');
  t.equal(names.serviceOf(80, 'tcp'), 'http');
  t.equal(names.serviceOf(1, 'tcp'), null);
});

t.test('numbers only: nothing has a name', async (t) => {
  t.same([await NUMBERS_ONLY.addressOf('localhost'), await NUMBERS_ONLY.hostOf('127.0.0.1'), NUMBERS_ONLY.portOf('http', 'tcp'), NUMBERS_ONLY.serviceOf(80, 'tcp')], [null, null, null, null]);
});

t.test('this machine knows itself, and no name under .invalid', async (t) => {
  const system = systemResolver();
  t.equal(await system.addressOf('localhost'), '127.0.0.1');
  t.equal(await system.addressOf('no-such-host.invalid'), null);
  t.equal(await system.hostOf('127.0.0.1'), 'localhost');
  t.equal(system.portOf('no-such-service', 'tcp'), null);
});
