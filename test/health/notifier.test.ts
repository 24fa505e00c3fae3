/** Notifications for real: scripts, the FIFO and its script, a webhook, mail. */
import t, { type Test } from 'tap';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandWords } from '../../lib/health/command-words.ts';
import { sendMail } from '../../lib/health/mail.ts';
import { fifoLine, subjectOf, type Notice } from '../../lib/health/notice.ts';
import { HostNotifier, webhookBody } from '../../lib/health/notifier.ts';
import { PLAIN_POLICY, type DesiredDestination, type DesiredService } from '../../lib/model/desired-configuration.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';

const NOTHING = { fifo: null, fifoScript: null, webhook: null, smtp: null };
const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: '10.0.0.1', port: 80 };

function service(more: Partial<DesiredService> = {}): DesiredService {
  const ids = more.ids ?? [WEB];
  return {
    ids, destinations: [], policy: PLAIN_POLICY, name: 'web',
    service: { id: ids[0]!, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false }, ...more,
  };
}

function server(more: Partial<DesiredDestination> = {}): DesiredDestination {
  return {
    destination: { address: '10.1.0.1', port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 }, checks: [], inhibitOnFailure: false, notifyUp: null, notifyDown: null,
    slowStart: false, loadMonitor: null, disabled: false, smtpAlert: true, startsUp: true, ...more,
  };
}

const down = (more: { service?: DesiredService; server?: DesiredDestination } = {}): Notice => ({ kind: 'server', up: false, service: more.service ?? service(), server: more.server ?? server(), cause: 'connection refused' });

function scratch(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'notify-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is no longer alive: whoever reaps it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function content(path: string, wanted: string): Promise<string> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.includes(wanted)) return text;
    await sleep(20);
  }
}

t.test('FIFO lines and subjects are keepalived\'s', async (t) => {
  const six = service({ ids: [{ ...WEB, address: '2001:db8::1', protocol: 'udp', port: 53 }] });
  const mark = service({ ids: [{ kind: 'fwmark', fwmark: 7, family: 4 }] });
  t.equal(fifoLine(down()), 'RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN');
  t.equal(fifoLine({ kind: 'service', up: true, service: six, cause: '' }), 'VS [2001:db8::1]:udp:53 UP');
  t.equal(fifoLine(down({ service: mark })), 'RS [10.1.0.1]:none:80 FWM 7 DOWN');
  t.equal(subjectOf(down()), 'Realserver [10.1.0.1]:tcp:80 of virtual server [10.0.0.1]:tcp:80 - DOWN');
  t.same(webhookBody(down()), {
    text: 'Real server [10.1.0.1]:tcp:80 of [10.0.0.1]:tcp:80 is DOWN: connection refused', kind: 'server', service: '[10.0.0.1]:tcp:80', server: '[10.1.0.1]:tcp:80', state: 'DOWN', cause: 'connection refused',
  });
});

t.test('a script runs with its words; one that cannot is a line for the log', async (t) => {
  const directory = scratch(t);
  const problems: string[] = [];
  const notifier = new HostNotifier((problem) => void problems.push(problem));
  notifier.notify(down({ server: server({ notifyDown: { command: `/bin/sh -c 'echo "$0 $1" > ${directory}/said' "two words" down` } }) }));
  t.equal(await content(join(directory, 'said'), '\n'), 'two words down\n');
  notifier.notify(down({ server: server({ notifyDown: { command: '/no/such/script' } }) }));
  while (problems.length === 0) await sleep(20);
  t.same(problems, ['notify script: cannot run /no/such/script: no such file']);
  notifier.close();
});

t.test('a script that hangs is ended after a while, with everything it started; others do not wait for it', async (t) => {
  const directory = scratch(t);
  const problems: string[] = [];
  const notifier = new HostNotifier((problem) => void problems.push(problem), { scriptMs: 500, lastMs: 0 });
  notifier.notify(down({ server: server({ notifyDown: { command: `/bin/sh -c 'sleep 300 & echo $! > ${directory}/child; wait'` } }) }));
  notifier.notify(down({ server: server({ notifyDown: { command: `/bin/sh -c 'echo said > ${directory}/said'` } }) }));
  await content(join(directory, 'said'), 'said\n');
  t.same(problems, []);
  const child = Number(await content(join(directory, 'child'), '\n'));
  while (problems.length === 0) await sleep(20);
  t.same(problems, ['notify script: /bin/sh did not end in time']);
  while (isAlive(child)) await sleep(20);
  await notifier.close();
});

t.test('at the end, what is on its way arrives; what hangs is not waited for long', async (t) => {
  let arrived = 0;
  const hook = createHttpServer((request, response) => {
    request.resume();
    setTimeout(() => {
      arrived++;
      response.end();
    }, request.url === '/slow' ? 300 : 3_600_000).unref();
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  t.teardown(() => hook.closeAllConnections());
  t.teardown(() => hook.close());
  const to = (path: string): string => `http://127.0.0.1:${(hook.address() as AddressInfo).port}${path}`;
  const notifier = new HostNotifier(() => {}, { scriptMs: 1000, lastMs: 60_000 });
  notifier.use({ ...NOTHING, webhook: to('/slow') });
  notifier.notify(down());
  await notifier.close();
  t.equal(arrived, 1);
  const hanging = new HostNotifier(() => {}, { scriptMs: 1000, lastMs: 50 });
  hanging.use({ ...NOTHING, webhook: to('/never') });
  hanging.notify(down());
  await hanging.close();
  t.equal(arrived, 1);
});

t.test('what does not arrive is counted: a full pipe, a webhook that is not there', async (t) => {
  const problems: string[] = [];
  const notifier = new HostNotifier((problem) => void problems.push(problem));
  notifier.use({ ...NOTHING, fifo: join(scratch(t), 'fifo') });
  for (let n = 0; n < 3000; n++) notifier.notify(down());
  const { lost } = notifier;
  t.ok(lost > 500 && lost < 3000, `${lost}`);
  notifier.use({ ...NOTHING, webhook: 'http://127.0.0.1:9/' });
  notifier.notify(down());
  while (problems.length === 0) await sleep(20);
  t.equal(notifier.lost, lost + 1, 'what an earlier FIFO lost stays counted');
  t.match(problems, [/^webhook http:\/\/127\.0\.0\.1:9\/: (connect ECONNREFUSED|bad port)/]);
  await notifier.close();
});

t.test('the FIFO is made, lines wait for its reader, its script gets its name, and a file in its place is refused', async (t) => {
  const directory = scratch(t);
  const fifo = join(directory, 'fifo');
  const problems: string[] = [];
  const notifier = new HostNotifier((problem) => void problems.push(problem));
  notifier.use({ ...NOTHING, fifo });
  notifier.notify(down());
  notifier.use({ ...NOTHING, fifo });
  notifier.notify({ kind: 'service', up: false, service: service(), cause: '' });
  t.equal(spawnSync('head', ['-n', '2', fifo], { encoding: 'utf8' }).stdout, 'RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\nVS [10.0.0.1]:tcp:80 DOWN\n');
  notifier.use({ ...NOTHING, fifo: join(directory, 'other'), fifoScript: { command: `/bin/sh -c 'head -n 1 "$0" > ${directory}/read'` } });
  notifier.notify(down());
  t.equal(await content(join(directory, 'read'), '\n'), 'RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n');
  writeFileSync(join(directory, 'file'), '');
  notifier.use({ ...NOTHING, fifo: join(directory, 'file') });
  t.match(problems.at(-1), /file exists and is not a FIFO/);
  notifier.close();
});

t.test('a FIFO that nobody reads loses lines, never time', async (t) => {
  const notifier = new HostNotifier(() => {});
  notifier.use({ ...NOTHING, fifo: join(scratch(t), 'fifo') });
  for (let n = 0; n < 5000; n++) notifier.notify(down());
  notifier.close();
  t.pass('5,000 lines are more than a pipe holds');
});

t.test('the webhook gets JSON with a text; a refusal is a line for the log', async (t) => {
  const bodies: string[] = [];
  let status = 200;
  const hook = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      bodies.push(`${request.method} ${request.headers['content-type']} ${body}`);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  t.teardown(() => hook.close());
  const problems: string[] = [];
  const notifier = new HostNotifier((problem) => void problems.push(problem));
  const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
  notifier.use({ ...NOTHING, webhook });
  notifier.notify(down());
  while (bodies.length === 0) await sleep(20);
  t.equal(bodies[0], `POST application/json ${JSON.stringify(webhookBody(down()))}`);
  status = 500;
  notifier.notify(down());
  while (problems.length === 0) await sleep(20);
  t.same(problems, [`webhook ${webhook}: answered 500`]);
  notifier.close();
});

t.test('mail: one conversation, headers that cannot be broken out of, dots doubled; only where it is wanted', async (t) => {
  let heard = '';
  let mails = 0;
  const smtp = createServer((socket) => {
    let inData = false;
    socket.write('220 lab\r\n');
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      if (inData) inData = !heard.endsWith('\r\n.\r\n');
      else inData = /DATA\r\n$/.test(heard);
      if (heard.endsWith('\r\n.\r\n')) mails++;
      socket.write(inData ? (/DATA\r\n$/.test(heard) ? '354 go\r\n' : '') : heard.endsWith('QUIT\r\n') ? '221 bye\r\n' : '250 ok\r\n');
    });
  });
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  t.teardown(() => smtp.close());
  const settings = { server: '127.0.0.1', port: (smtp.address() as AddressInfo).port, from: 'lvs@example.org', to: ['a@example.org', 'b@example.org'], helo: 'director', timeoutSec: 10, router: 'LAB' };
  await sendMail(settings, { subject: 'x\r\nBcc: evil@example.org', text: 'line\n.dot', date: new Date(0) });
  t.equal(heard, [
    'HELO director', 'MAIL FROM:<lvs@example.org>', 'RCPT TO:<a@example.org>', 'RCPT TO:<b@example.org>', 'DATA', 'Date: Thu, 01 Jan 1970 00:00:00 +0000', 'From: lvs@example.org',
    'Subject: [LAB] x Bcc: evil@example.org', 'X-Mailer: tsipvs', 'To: a@example.org, b@example.org', '', 'line', '..dot', '.', 'QUIT', '',
  ].join('\r\n'));
  const notifier = new HostNotifier((problem) => t.fail(problem));
  notifier.use({ ...NOTHING, smtp: settings });
  notifier.notify(down({ server: server({ smtpAlert: false }) }));
  notifier.notify(down());
  while (mails < 2) await sleep(20);
  t.match(heard, /Subject: \[LAB\] Realserver \[10\.1\.0\.1\]:tcp:80 of virtual server \[10\.0\.0\.1\]:tcp:80 - DOWN\r\n/);
  t.equal(mails, 2);
  notifier.close();
});

t.test('command words as a shell cuts them', async (t) => {
  for (const [command, words] of [
    ['a  b\tc', ['a', 'b', 'c']], ['"a b" c', ['a b', 'c']], ["'a \"b' c\\ d", ['a "b', 'c d']], ['"a\\"b" \'\'', ['a"b', '']], ['', []], ['"\\$x\\n"', ['$x\\n']], ['a"b"c', ['abc']],
  ] as const) t.same(commandWords(command), words, command);
});
