/** The login protocols against servers that are written by hand: what they say, what they want to hear, and what a probe makes of it. */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { element, message } from '../../lib/health/checks/login/ldap.ts';
import { scrambled } from '../../lib/health/checks/login/mysql.ts';
import { hidden } from '../../lib/health/checks/login/radius.ts';
import type { LoginCheck } from '../../lib/health/checks/login/dialogue.ts';
import { SPOKEN } from '../../lib/health/checks/login.ts';
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import { healthCheck, hostileCases, TcpTarget } from './checker-cases.ts';

const check = (service: string, more: Partial<LoginCheck> = {}): LoginCheck => ({ kind: 'login', service, login: 'user', password: 'secret', request: '', receive: '', database: '', ...more });
const PASSED = { ok: true, error: '' };

for (const service of ['ftp', 'ldap', 'mysql', 'pgsql', 'sip', 'imap', 'nntp']) hostileCases(t, check(service), []);

async function probed(t: Test, what: LoginCheck, behave: (socket: Socket) => void): Promise<object> {
  const target = new TcpTarget(behave);
  t.teardown(() => target.close());
  return runProbe(healthCheck(what, 5), { address: '127.0.0.1', port: await target.listen() }, 0, hostSockets);
}

/** Greets, and answers each line that begins with a word. */
const talks = (greeting: string, answers: Readonly<Record<string, string>>) => (socket: Socket): void => {
  socket.write(greeting);
  socket.on('data', (data) => {
    for (const line of data.toString().split('\r\n').filter((one) => one !== '')) socket.write(Object.entries(answers).find(([begin]) => line.startsWith(begin))?.[1] ?? '500 what?\r\n');
  });
};

t.test('every service that ldirectord logs in to is spoken', async (t) => {
  for (const service of ['ftp', 'imap', 'imaps', 'ldap', 'ldaps', 'mysql', 'nntp', 'pgsql', 'pop', 'pops', 'radius', 'sip']) t.ok(SPOKEN.includes(service), service);
  t.same(await probed(t, check('oracle'), () => {}), PASSED, 'what is not spoken is connected to');
});

t.test('ftp: log in, fetch a file, look into it', async (t) => {
  const data = new TcpTarget((socket) => void socket.end('the file says hello\n'));
  t.teardown(() => data.close());
  const port = await data.listen();
  const server = talks('220-welcome\r\n220 ready\r\n', { 'USER user': '331 password\r\n', 'PASS secret': '230 in\r\n', TYPE: '200 ok\r\n', EPSV: `229 (|||${port}|)\r\n`, 'RETR check.txt': '150 opening\r\n226 done\r\n', QUIT: '221 bye\r\n' });
  t.same(await probed(t, check('ftp'), server), PASSED);
  t.same(await probed(t, check('ftp', { request: '/check.txt', receive: 'hel+o' }), server), PASSED);
  t.match(await probed(t, check('ftp', { request: 'check.txt', receive: 'bye' }), server), { ok: false, error: /no answer matches "bye"/ });
  t.match(await probed(t, check('ftp', { request: 'other.txt' }), server), { ok: false, error: /500 what\?" to RETR/ });
  t.match(await probed(t, check('ftp', { password: 'wrong' }), server), { ok: false, error: /to PASS/ });
});

t.test('ldap: bind, and the base object is there', async (t) => {
  const result = (tag: number, id: number, code: number): Buffer => message(id, element(tag, element(0x0a, Buffer.from([code])), element(4), element(4)));
  const server = (code: number, ...names: string[]) => (socket: Socket): void => {
    let requests = 0;
    socket.on('data', () => {
      // In two pieces, as networks do.
      const answer = requests++ === 0 ? result(0x61, 1, code) : Buffer.concat([...names.map((name) => message(2, element(0x64, element(4, Buffer.from(name)), element(0x30)))), result(0x65, 2, 0)]);
      socket.write(answer.subarray(0, 3));
      setTimeout(() => socket.write(answer.subarray(3)), 20);
    });
  };
  t.same(await probed(t, check('ldap', { request: '/dc=example,dc=org', receive: 'dc=example' }), server(0, 'dc=example,dc=org')), PASSED);
  t.match(await probed(t, check('ldap', { receive: 'dc=other' }), server(0, 'dc=example,dc=org')), { ok: false, error: /no answer matches/ });
  t.match(await probed(t, check('ldap', { request: '/dc=no' }), server(0)), { ok: false, error: '0 entries for "dc=no"' });
  t.match(await probed(t, check('ldap'), server(49)), { ok: false, error: 'bind refused: result 49' });
});

t.test('mysql: greeting, login, a query with a row', async (t) => {
  const salt = Buffer.from('abcdefghijklmnopqrst');
  const packet = (number: number, ...body: readonly (string | readonly number[] | Buffer)[]): Buffer => {
    const bytes = Buffer.concat(body.map((part) => Buffer.from(part as Uint8Array)));
    return Buffer.concat([Buffer.from([bytes.length & 255, bytes.length >> 8, 0, number]), bytes]);
  };
  const greeting = packet(0, [10], '8.0\0', [1, 0, 0, 0], salt.subarray(0, 8), [0], Buffer.alloc(18), salt.subarray(8), [0], 'mysql_native_password\0');
  const server = (rows: number) => (socket: Socket): void => {
    socket.write(greeting);
    socket.on('data', (data) => {
      if (data[4] === 3) socket.write(Buffer.concat([packet(1, [1]), packet(2, 'column'), packet(3, [0xfe, 0, 0, 0, 0]), ...Array.from({ length: rows }, (_, n) => packet(4 + n, [1, 0x31])), packet(9, [0xfe, 0, 0, 0, 0])]));
      else if (data.includes(scrambled('mysql_native_password', 'secret', salt))) socket.write(packet(2, [0, 0, 0, 2, 0, 0, 0]));
      else socket.write(packet(2, [0xff, 0x15, 4], '#28000Access denied'));
    });
  };
  t.same(await probed(t, check('mysql', { request: '/SELECT 1' }), server(1)), PASSED);
  t.match(await probed(t, check('mysql', { request: 'SELECT 1' }), server(0)), { ok: false, error: '"SELECT 1" gave no rows' });
  t.match(await probed(t, check('mysql', { password: 'wrong' }), server(1)), { ok: false, error: 'refused: Access denied' });
  t.same(await probed(t, check('mysql', { login: '' }), (socket) => void socket.write(greeting)), PASSED, 'without a login the greeting counts');
  t.match(await probed(t, check('mysql', { login: '' }), (socket) => void socket.write(packet(0, [0xff, 0x6a, 4], 'Host is not allowed'))), { ok: false, error: /Host is not allowed/ });
});

t.test('pgsql: start-up, password, a query with a row', async (t) => {
  const reply = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const md5 = (text: Buffer): string => createHash('md5').update(text).digest('hex');
  const salt = Buffer.from([1, 2, 3, 4]);
  const right = `md5${md5(Buffer.concat([Buffer.from(md5(Buffer.from('secretuser'))), salt]))}`;
  const server = (rows: number) => (socket: Socket): void => {
    let started = false;
    socket.on('data', (data) => {
      if (!started) socket.write(reply('R', Buffer.concat([Buffer.from([0, 0, 0, 5]), salt])));
      else if (data[0] === 0x70) socket.write(data.includes(right) ? Buffer.concat([reply('R', Buffer.alloc(4)), reply('Z', Buffer.from('I'))]) : reply('E', Buffer.from('SFATAL\0Mpassword authentication failed\0\0')));
      else socket.write(Buffer.concat([...Array.from({ length: rows }, () => reply('D', Buffer.alloc(2))), reply('C', Buffer.from('SELECT\0')), reply('Z', Buffer.from('I'))]));
      started = true;
    });
  };
  t.same(await probed(t, check('pgsql', { request: 'SELECT 1' }), server(1)), PASSED);
  t.match(await probed(t, check('pgsql', { request: 'SELECT 1' }), server(0)), { ok: false, error: /gave no rows/ });
  t.match(await probed(t, check('pgsql', { password: 'wrong' }), server(1)), { ok: false, error: 'refused: password authentication failed' });
});

t.test('sip: OPTIONS over TCP and UDP', async (t) => {
  const answers = (status: string) => (socket: Socket): void => void socket.once('data', (data) => socket.write(data.toString().startsWith('OPTIONS sip:') ? `SIP/2.0 ${status}\r\nContent-Length: 0\r\n\r\n` : 'no'));
  t.same(await probed(t, check('sip', { login: 'ping@example.org' }), answers('200 OK')), PASSED);
  t.match(await probed(t, check('sip'), answers('503 Service Unavailable')), { ok: false, error: /503/ });
  const server = createSocket('udp4');
  server.on('message', (request, { port, address }) => server.send(/^Via: SIP\/2.0\/UDP /m.test(request.toString()) ? 'SIP/2.0 200 OK\r\n\r\n' : 'SIP/2.0 400 Bad\r\n\r\n', port, address));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  t.same(await runProbe(healthCheck(check('sip', { udp: true }), 5), { address: '127.0.0.1', port: server.address().port }, 0, hostSockets), PASSED);
});

t.test('radius: accepted by one that knows the secret', async (t) => {
  const server = createSocket('udp4');
  server.on('message', (request, { port, address }) => {
    const authenticator = request.subarray(4, 20);
    const accepted = request.includes(hidden('secret', Buffer.from(authenticator), 'shared'));
    const reply = Buffer.from([accepted ? 2 : 3, request[1]!, 0, 20]);
    server.send(Buffer.concat([reply, createHash('md5').update(reply).update(authenticator).update('shared').digest()]), port, address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const probe = (more: Partial<LoginCheck>, timeoutSec = 5): Promise<object> => runProbe(healthCheck(check('radius', { secret: 'shared', ...more }), timeoutSec), { address: '127.0.0.1', port: server.address().port }, 0, hostSockets);
  t.same(await probe({}), PASSED);
  t.match(await probe({ password: 'wrong' }), { ok: false, error: 'user: access rejected' });
  t.match(await probe({ secret: 'other' }, 0.3), { ok: false, error: 'no answer in time' }, 'an answer that does not know the secret is none');
});
