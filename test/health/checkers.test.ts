/** Checkers against real servers on loopback. */
import t from 'tap';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { CheckKind } from '../../lib/model/health-check.ts';
import { CHECKERS, runProbe } from '../../lib/health/index.ts';
import type { ProbeOutcome } from '../../lib/health/checker.ts';
import { hostSockets, nodeSockets } from '../../lib/health/probe-sockets.ts';
import { Stop } from '../../lib/health/stop-signal.ts';
import { healthCheck, HOSTILE, hostileCases, TcpTarget } from './checker-cases.ts';

const HTTP: Extract<CheckKind, { kind: 'http' }> = { kind: 'http', tls: false, urls: [{ path: '/' }], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };
const SMTP: CheckKind = { kind: 'smtp', helo: 'smtpchecker.keepalived.org' };
const SEND: Extract<CheckKind, { kind: 'send-expect' }> = { kind: 'send-expect', send: 'PING\r\n', expect: 'PONG', match: 'prefix', udp: false };
const HAS_OPENSSL = spawnSync('openssl', ['version']).status === 0;
const DIGEST = 'b1946ac92492d2347c6235b4d2611184';

hostileCases(t, { kind: 'tcp' }, ['hangs', 'closes', 'floods', 'drips', 'garbage'], ['resets']);
hostileCases(t, HTTP, []);
hostileCases(t, { ...HTTP, urls: [{ path: '/', digest: DIGEST }] }, []);
hostileCases(t, { ...HTTP, tls: true }, []);
hostileCases(t, SMTP, []);
hostileCases(t, SEND, []);
hostileCases(t, { ...SEND, match: 'regex', expect: '^PO[[:upper:]]G' }, []);
hostileCases(t, { kind: 'login', service: 'pop', login: 'user', password: 'secret', request: '', receive: '', database: '' }, []);

// Where the native part is missing, Node's own sockets do it.
hostileCases(t, { kind: 'tcp' }, ['hangs', 'closes', 'floods', 'drips', 'garbage'], ['resets'], nodeSockets);
hostileCases(t, { ...HTTP, urls: [{ path: '/', digest: DIGEST }] }, [], [], nodeSockets);
hostileCases(t, SMTP, [], [], nodeSockets);

/** Probe a TCP target that answers each request by this function. */
async function answered(check: CheckKind, answer: (request: string) => string, options: { greeting?: string; end?: boolean; step?: number } = {}): Promise<{ outcome: ProbeOutcome; heard: string }> {
  let heard = '';
  const target = new TcpTarget((socket) => {
    if (options.greeting !== undefined) socket.write(options.greeting);
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      const reply = Buffer.from(answer(data.toString('latin1')), 'latin1');
      if (options.end === true) socket.end(reply);
      else socket.write(reply);
    });
  });
  const port = await target.listen();
  const outcome = await runProbe(healthCheck(check, 5), { address: '127.0.0.1', port }, options.step ?? 0, hostSockets);
  target.close();
  return { outcome, heard: heard.replaceAll(String(port), 'PORT') };
}

t.test('every kind of check has a checker', async (t) => {
  t.same(Object.keys(CHECKERS).sort(), ['dns', 'exec', 'file', 'fixed', 'http', 'login', 'ping', 'send-expect', 'smtp', 'tcp', 'udp']);
});

t.test('http: status ranges, digest, expression with offsets, host with its port', async (t) => {
  const ok = 'HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n';
  const cases: [Partial<(typeof HTTP)['urls'][number]>, string, boolean | RegExp][] = [
    [{}, ok, true], [{}, ok.replace('200', '302'), /status 302/], [{}, ok.replace('200', '404'), /status 404/], [{ statusCodes: [[200, 299], [404, 404]] }, ok.replace('200', '404'), true],
    [{ digest: DIGEST }, ok, true], [{ digest: DIGEST.toUpperCase() }, ok, true], [{ digest: DIGEST }, ok.replace('hello', 'HELLO'), /digest/],
    [{ regex: 'hel+o' }, ok, true], [{ regex: 'HEL+O' }, ok, /does not match/], [{ regex: 'HEL+O', regexOptions: ['caseless'] }, ok, true], [{ regex: 'hello', regexNegate: true }, ok, /matches/],
    [{ regex: 'l', regexMinOffset: 3, regexMaxOffset: 3 }, ok, true], [{ regex: 'o', regexMaxOffset: 3 }, ok, /does not match/], [{ regex: 'l', regexMinOffset: 4 }, ok, /does not match/], [{ regex: '(' }, ok, /not a regular expression/],
    [{ regex: '^lo', regexMinOffset: 3 }, ok, /does not match/], [{ regex: '(?<=l)l', regexMinOffset: 3 }, ok, true], [{ regex: 'h', regexMinOffset: 99 }, ok, /does not match/],
    [{ regex: 'hello' }, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n', true],
    // Chunks stay framed, as genhash has it.
    [{ digest: '8aea47faa8ff765544508726bbcd3b9d' }, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n', true],
    [{}, 'garbage\r\n\r\n', /not HTTP/],
  ];
  for (const [url, reply, wanted] of cases) {
    const { outcome, heard } = await answered({ ...HTTP, urls: [{ path: '/a', ...url }] }, () => reply, { end: true });
    t.equal(heard, 'GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:PORT\r\n\r\n');
    if (wanted === true) t.same(outcome, { ok: true, error: '' }, JSON.stringify(url));
    else t.match(outcome, { ok: false, error: wanted }, JSON.stringify(url));
  }
});

t.test('http: the step chooses the url; a digest does not wait for the end of a connection that stays open', async (t) => {
  const check: CheckKind = { ...HTTP, urls: [{ path: '/a' }, { path: '/b', digest: DIGEST }] };
  const { outcome, heard } = await answered(check, () => 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n', { step: 1 });
  t.same(outcome, { ok: true, error: '' });
  t.match(heard, /^GET \/b /);
});

t.test('http: the whole page is waited for, whoever looks at it; so much of one without an end is enough', async (t) => {
  const begun = 'HTTP/1.0 200 OK\r\nContent-Length: 60\r\n\r\nhello\n';
  const probe = async (behave: (socket: Socket) => void, url: object, timeoutSec: number): Promise<ProbeOutcome> => {
    const target = new TcpTarget(behave);
    const outcome = await runProbe(healthCheck({ ...HTTP, urls: [{ path: '/', ...url }] }, timeoutSec), { address: '127.0.0.1', port: await target.listen() }, 0, hostSockets);
    target.close();
    return outcome;
  };
  for (const url of [{}, { digest: DIGEST }]) {
    t.match(await probe((socket) => void socket.write(begun), url, 0.3), { ok: false, error: 'connected, but no complete answer in time' });
    t.same(await probe((socket) => void socket.end(begun), url, 5), { ok: true, error: '' }, 'the end comes before Content-Length says');
    const pieces = [...begun.replace('60', '6')];
    t.same(await probe((socket) => {
      const timer = setInterval(() => (pieces.length > 0 ? socket.write(pieces.shift()!) : clearInterval(timer)), 2);
    }, url, 5), { ok: true, error: '' }, 'octet by octet, and the connection stays open');
  }
  const endless = (socket: Socket): void => {
    socket.write('HTTP/1.0 200 OK\r\n\r\n');
    HOSTILE['floods']!(socket);
  };
  t.same(await probe(endless, {}, 10), { ok: true, error: '' });
  t.match(await probe(endless, { digest: DIGEST }, 10), { ok: false, error: /longer than 4194304 bytes/ });
});

t.test('an expression that would backtrack for minutes is no match, soon', async (t) => {
  const { outcome } = await answered({ ...HTTP, urls: [{ path: '/', regex: '^(a+)+$' }] }, () => `HTTP/1.0 200 OK\r\n\r\n${'a'.repeat(60)}!`, { end: true });
  t.match(outcome, { ok: false, error: /does not match/ });
});

t.test('smtp: greeting, HELO, QUIT; a refusal is told', async (t) => {
  const speak = (request: string): string => (request.startsWith('HELO') ? '250-first\r\n250 ok\r\n' : '221 bye\r\n');
  t.same(await answered(SMTP, speak, { greeting: '220 lab ESMTP\r\n' }), { outcome: { ok: true, error: '' }, heard: 'HELO smtpchecker.keepalived.org\r\nQUIT\r\n' });
  t.match((await answered(SMTP, speak, { greeting: '554 no\r\n' })).outcome, { ok: false, error: /answered "554 no" to the connection/ });
  for (const [bad, reply] of [['HELO', '500 who'], ['QUIT', '250 stay']] as const) {
    t.match((await answered(SMTP, (request) => (request.startsWith(bad) ? `${reply}\r\n` : speak(request)), { greeting: '220 lab\r\n' })).outcome, { ok: false, error: new RegExp(`answered "${reply}" to ${bad}`) });
  }
});

t.test('send and expect: as many bytes as expected are compared, expressions are searched', async (t) => {
  t.match((await answered(SEND, () => 'PONG and more')).outcome, { ok: true });
  t.match((await answered(SEND, () => 'NOPE')).outcome, { ok: false, error: /unexpected answer "NOPE"/ });
  t.match((await answered({ ...SEND, match: 'regex', expect: 'P[[:upper:]]{2}G$' }, () => 'the PONG')).outcome, { ok: true });
  t.match((await answered({ ...SEND, match: 'any', expect: '*' }, () => 'x')).outcome, { ok: true });
});

t.test('login: a POP3 dialogue with a login', async (t) => {
  const check: CheckKind = { kind: 'login', service: 'pop', login: 'user', password: 'secret', request: '', receive: '', database: '' };
  const { outcome, heard } = await answered(check, () => '+OK\r\n', { greeting: '+OK ready\r\n' });
  t.same([outcome, heard], [{ ok: true, error: '' }, 'USER user\r\nPASS secret\r\nQUIT\r\n']);
  t.match((await answered(check, (request) => (request.startsWith('PASS') ? '-ERR\r\n' : '+OK\r\n'), { greeting: '+OK ready\r\n' })).outcome, { ok: false, error: /answered "-ERR" to PASS/ });
});

/** Probe a UDP target. */
async function datagrams(check: CheckKind, answer: (request: Buffer) => Buffer | null, timeoutSec = 0.3): Promise<ProbeOutcome> {
  const socket = createSocket('udp4');
  socket.on('message', (request, from) => {
    const reply = answer(request);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const outcome = await runProbe(healthCheck(check, timeoutSec), { address: '127.0.0.1', port: socket.address().port }, 0, hostSockets);
  socket.close();
  return outcome;
}

const answerTo = (request: Buffer, change: (reply: Buffer) => Buffer = (reply) => reply): Buffer => {
  const reply = Buffer.from(request);
  reply.writeUInt16BE(0x8180, 2);
  return change(reply);
};

t.test('dns: an answer to this question with response code 0', async (t) => {
  const check: CheckKind = { kind: 'dns', name: 'example.org', type: 'A' };
  t.match(await datagrams(check, (request) => answerTo(request), 5), { ok: true });
  t.match(await datagrams(check, (request) => answerTo(request, (reply) => (reply.writeUInt16BE(0x8183, 2), reply)), 5), { ok: false, error: 'answered no such name' });
  t.match(await datagrams(check, (request) => answerTo(request, (reply) => (reply.writeUInt16BE(reply.readUInt16BE(0) ^ 1, 0), reply))), { ok: false, error: 'no answer in time' }, 'another question');
  t.match(await datagrams(check, () => Buffer.from('x')), { ok: false });
  const withAddress = (request: Buffer): Buffer => {
    const reply = Buffer.concat([answerTo(request), Buffer.from('c00c00010001000000010004c0000201', 'hex')]);
    reply.writeUInt16BE(1, 6);
    return reply;
  };
  t.match(await datagrams({ ...check, expect: '192.0.2.1' }, withAddress, 5), { ok: true });
  t.match(await datagrams({ ...check, expect: '192.0.2.2' }, withAddress, 5), { ok: false, error: 'answered 192.0.2.1, not 192.0.2.2' });
  t.match(await datagrams({ ...check, expect: '192.0.2.2' }, (request) => withAddress(request).subarray(0, -2), 5), { ok: false, error: 'malformed answer' });
});

t.test('udp: silence passes unless a reply is required; ICMP errors, lengths and masked octets count', async (t) => {
  const check: Extract<CheckKind, { kind: 'udp' }> = { kind: 'udp', payload: 'ab12', requireReply: false, minLength: 0, maxLength: 255 };
  t.match(await datagrams(check, () => null), { ok: true });
  t.match(await datagrams({ ...check, requireReply: true }, () => null), { ok: false, error: 'no answer in time' });
  t.match(await datagrams({ ...check, requireReply: true, reply: 'ab02', replyMask: 'ff0f' }, (request) => request, 5), { ok: true });
  t.match(await datagrams({ ...check, requireReply: true, reply: 'ab02' }, (request) => request, 5), { ok: false, error: /unexpected answer ab12/ });
  t.match(await datagrams({ ...check, requireReply: true, minLength: 3 }, (request) => request, 5), { ok: false, error: /2 bytes, not 3 to 255/ });
  t.match(await runProbe(healthCheck(check, 5), { address: '127.0.0.1', port: 1 }, 0, hostSockets), { ok: false, error: 'port unreachable' });
});

t.test('exec: exit status, placeholders, dynamic weight, output, time limit with its children', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'exec-check-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const run = (script: string, more: Partial<Extract<CheckKind, { kind: 'exec' }>> = {}, timeoutSec = 10): Promise<ProbeOutcome> => {
    const path = join(directory, 'check.sh');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return runProbe(healthCheck({ kind: 'exec', command: `${path} %h '%p %p' %p`, dynamicWeight: false, ...more }, timeoutSec), { address: '10.1.0.1', port: 80 }, 0, hostSockets);
  };
  t.match(await run('exit 0'), { ok: true });
  t.match(await run('exit 3'), { ok: false, error: /ended with 3/ });
  t.match(await run('[ "$1/$2/$3" = "10.1.0.1/%p %p/80" ]'), { ok: true }, 'whole words only');
  for (const [status, wanted] of [[0, { ok: true, weight: undefined }], [1, { ok: false }], [2, { ok: true, weight: 0 }], [3, { ok: true, weight: 1 }], [12, { ok: true, weight: 10 }], [255, { ok: true, weight: 253 }]] as const) {
    t.match(await run(`exit ${status}`, { dynamicWeight: true }), wanted, `exit ${status}`);
  }
  t.match(await run('echo OK', { expectOutput: 'OK' }), { ok: true });
  t.match(await run('echo OK; exit 1', { expectOutput: 'OK' }), { ok: false });
  t.match(await run('echo NO', { expectOutput: 'OK' }), { ok: false, error: /printed "NO/ });
  t.match(await run('sleep 60 & sleep 60', {}, 0.3), { ok: false, error: /did not end in time/ });
  t.match(await runProbe(healthCheck({ kind: 'exec', command: '/no/such/program', dynamicWeight: false }, 5), { address: '10.1.0.1', port: 80 }, 0, hostSockets), { ok: false, error: /no such file/ });
  t.match(await run('exit 0', { user: 'no-such-user' }), { ok: false, error: /no user no-such-user/ });
});

t.test('a program past its time is asked to end, with all that it started; what does not is killed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'exec-end-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  const path = join(directory, 'check.sh');
  const run = async (script: string): Promise<ProbeOutcome> => {
    writeFileSync(path, `#!/bin/sh\necho $$ > ${directory}/pid\n${script}\n`);
    chmodSync(path, 0o755);
    return runProbe(healthCheck({ kind: 'exec', command: path, dynamicWeight: false }, 0.5), { address: '10.1.0.1', port: 80 }, 0, hostSockets);
  };
  const gone = async (): Promise<boolean> => {
    const leader = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    for (let wait = 0; wait < 200; wait++) {
      try {
        process.kill(-leader, 0);
      } catch {
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  };
  t.match(await run(`trap 'touch ${directory}/asked; exit 0' TERM; while :; do sleep 0.05; done`), { ok: false, error: /did not end in time/ });
  t.ok(await gone());
  t.ok(existsSync(join(directory, 'asked')), 'SIGTERM first');
  t.match(await run(`trap '' TERM; (trap '' TERM; sleep 60) & sleep 60; sleep 60`), { ok: false, error: /did not end in time/ });
  t.doesNotThrow(() => process.kill(-Number(readFileSync(join(directory, 'pid'), 'utf8')), 0), 'the verdict does not wait for its end');
  t.ok(await gone());
});

t.test('file: a number that fails, or that is added to the weight', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'file-check-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'track');
  const read = (weight: number, reverse = false, dynamic = false): Promise<ProbeOutcome> =>
    runProbe(healthCheck({ kind: 'file', path, weight, reverse, dynamic }, 5), { address: '10.1.0.1', port: 80 }, 0, hostSockets);
  t.match(await read(0), { ok: true }, 'no file is 0');
  writeFileSync(path, '1\n');
  t.match(await read(0), { ok: false });
  t.match(await read(0, true), { ok: true });
  writeFileSync(path, '-3\n');
  t.match(await read(2, false, true), { ok: true, weightAdd: -6 });
  t.match(await read(2, true, true), { ok: true, weightAdd: 6 });
  t.match(await read(1_000_000_000), { ok: false, error: /fault/ });
});

t.test('ping: loopback answers', async (t) => {
  const outcome = await runProbe(healthCheck({ kind: 'ping' }, 5), { address: '127.0.0.1', port: 0 }, 0, hostSockets);
  if (/no ICMP socket/.test(outcome.error)) t.comment(`neither ping sockets nor raw ones here: ${outcome.error}`);
  else t.same(outcome, { ok: true, error: '' });
});

t.test('a cancelled probe ends at once', async (t) => {
  const target = new TcpTarget(() => {});
  const port = await target.listen();
  const cancel = new Stop();
  const probing = runProbe(healthCheck(HTTP, 600), { address: '127.0.0.1', port }, 0, hostSockets, cancel);
  setTimeout(() => cancel.abort(), 50);
  t.match(await probing, { ok: false });
  target.close();
});

t.test('https: certificates are not judged unless asked for, the server name is sent when configured', { skip: HAS_OPENSSL ? false : 'openssl is not installed' }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'https-check-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name)) as [string, string];
  spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=www.example.org', '-keyout', key, '-out', cert]);
  let name: string | false | null = null;
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    name = socket.servername;
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n'));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const check = { ...HTTP, tls: true, urls: [{ path: '/', digest: DIGEST }] };
  t.same(await runProbe(healthCheck(check, 10), target, 0, hostSockets), { ok: true, error: '' });
  t.equal(name, false);
  t.same(await runProbe(healthCheck({ ...check, sni: 'www.example.org' }, 10), target, 0, hostSockets), { ok: true, error: '' });
  t.equal(name, 'www.example.org');
  t.match(await runProbe(healthCheck({ ...check, verify: true, sni: 'www.example.org' }, 10), target, 0, hostSockets), { ok: false, error: /self.signed/ });
});
